"""Pools: what runs share, and the lines that they post."""

import django.db.models.deletion
import django.db.models.functions.datetime
import emissions.calculation.vocabulary
from django.conf import settings
from django.db import migrations, models



#: As in 0002; a line of a pool is of the pool's organisation. The second question costs
#: nothing where no line has a pool: runs are posted by the hundred thousand.
ENTRY_REFERENCES = """
CREATE OR REPLACE FUNCTION tonne_entry_references() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT 1 FROM fresh
    LEFT JOIN emissions_posting posting ON posting.id = fresh.posting_id
    LEFT JOIN emissions_cell cell ON cell.id = fresh.cell_id
    LEFT JOIN emissions_run run ON run.id = fresh.run_id
    WHERE posting.id IS NULL OR cell.id IS NULL
      OR cell.organisation_id <> posting.organisation_id
      OR (fresh.run_id IS NOT NULL AND run.organisation_id IS DISTINCT FROM cell.organisation_id)
  ) THEN
    RAISE EXCEPTION 'an entry names a posting, cell or run that does not exist or is foreign'
      USING ERRCODE = 'foreign_key_violation';
  END IF;
  IF EXISTS (
    SELECT 1 FROM (SELECT pool_id, cell_id FROM fresh WHERE pool_id IS NOT NULL) line
    LEFT JOIN emissions_cell cell ON cell.id = line.cell_id
    LEFT JOIN emissions_pool pool ON pool.id = line.pool_id
    WHERE pool.organisation_id IS DISTINCT FROM cell.organisation_id
  ) THEN
    RAISE EXCEPTION 'an entry names a pool that does not exist or is foreign'
      USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NULL;
END $$;
"""

POOL_IN_LEDGER = """
CREATE FUNCTION tonne_pool_in_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM emissions_emissionentry WHERE pool_id = OLD.id) THEN
    RAISE EXCEPTION 'pool % stands in the ledger', OLD.id
      USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER pool_in_ledger BEFORE DELETE ON emissions_pool
  FOR EACH ROW EXECUTE FUNCTION tonne_pool_in_ledger();
"""
NO_POOL_IN_LEDGER = """
DROP TRIGGER pool_in_ledger ON emissions_pool;
DROP FUNCTION tonne_pool_in_ledger();
"""


def same_organisation(table: str, column: str, other: str) -> migrations.RunSQL:
    """Return the operation that ties a reference to the row's own organisation."""
    name = f"{table.removeprefix('emissions_')}_{column}_of_organisation"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (organisation_id, {column})"
        f" REFERENCES {other} (organisation_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    """Pools, their queue, and what the database holds of their lines."""

    dependencies = [
        ('emissions', '0003_tokens_of_persons'),
    ]

    operations = [
        migrations.CreateModel(
            name='Pool',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('node_idle', 'Idle nodes'), ('meter_remainder', 'Meter remainder'), ('coverage', 'Instrument coverage'), ('purchase', 'Hardware bought'), ('statement', 'Provider statement')], max_length=16)),
                ('subject', models.CharField(blank=True, max_length=100)),
                ('month', models.DateField()),
            ],
            options={
                'ordering': ['month', 'kind', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='StalePool',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('node_idle', 'Idle nodes'), ('meter_remainder', 'Meter remainder'), ('coverage', 'Instrument coverage'), ('purchase', 'Hardware bought'), ('statement', 'Provider statement')], max_length=16)),
                ('subject', models.CharField(blank=True, max_length=100)),
                ('month', models.DateField()),
                ('cause', models.CharField(choices=[('data', 'Data'), ('factor', 'Factor'), ('method', 'Method'), ('boundary', 'Boundary'), ('error', 'Error'), ('estimate_replaced', 'Estimate replaced'), ('provider_restated', 'Provider restated'), ('true_up', 'True-up')], default=emissions.calculation.vocabulary.Cause['DATA'], max_length=20)),
                ('reason', models.CharField(blank=True, max_length=250)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('attempts', models.SmallIntegerField(default=0)),
                ('last_error', models.TextField(blank=True)),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='emissionentry',
            name='entry_has_its_source',
        ),
        migrations.AddField(
            model_name='organisation',
            name='idle_rule',
            field=models.CharField(choices=[('owner', 'Post to the team that owns the node'), ('shared', 'Share over the teams that used the node, by device-hours'), ('off', 'Do not post idle hours')], default=emissions.calculation.vocabulary.IdleRule['OWNER'], max_length=16),
        ),
        migrations.AddField(
            model_name='organisation',
            name='remainder_rule',
            field=models.CharField(choices=[('unallocated', 'Post to “Unallocated”'), ('unexplained', 'Show as unexplained, post nothing')], default=emissions.calculation.vocabulary.RemainderRule['UNALLOCATED'], max_length=16),
        ),
        migrations.AlterField(
            model_name='cell',
            name='source_kind',
            field=models.CharField(choices=[('form', 'Form'), ('api', 'API'), ('file', 'File'), ('codecarbon', 'CodeCarbon'), ('sacct', 'Slurm sacct'), ('prometheus', 'Prometheus'), ('node_idle', 'Idle nodes'), ('meter_remainder', 'Meter remainder'), ('coverage', 'Instrument coverage'), ('purchase', 'Hardware bought'), ('statement', 'Provider statement')], max_length=16),
        ),
        migrations.AlterField(
            model_name='cell',
            name='stage',
            field=models.CharField(choices=[('data', 'Data'), ('pre_training', 'Pre-training'), ('fine_tuning', 'Fine-tuning'), ('evaluation', 'Evaluation'), ('inference', 'Inference')], max_length=16, null=True),
        ),
        migrations.AlterField(
            model_name='cell',
            name='status',
            field=models.CharField(choices=[('running', 'Running'), ('completed', 'Completed'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], max_length=16, null=True),
        ),
        migrations.AddConstraint(
            model_name='organisation',
            constraint=models.CheckConstraint(condition=models.Q(('idle_rule__in', ['owner', 'shared', 'off'])), name='organisation_idle_rule'),
        ),
        migrations.AddConstraint(
            model_name='organisation',
            constraint=models.CheckConstraint(condition=models.Q(('remainder_rule__in', ['unallocated', 'unexplained'])), name='organisation_remainder_rule'),
        ),
        migrations.AddField(
            model_name='pool',
            name='node',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='emissions.node'),
        ),
        migrations.AddField(
            model_name='pool',
            name='organisation',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='emissions.organisation'),
        ),
        migrations.AddField(
            model_name='pool',
            name='site',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='emissions.site'),
        ),
        migrations.AddField(
            model_name='emissionentry',
            name='pool',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='emissions.pool'),
        ),
        migrations.AddIndex(
            model_name='emissionentry',
            index=models.Index(condition=models.Q(('pool__isnull', False)), fields=['pool'], name='entry_of_pool'),
        ),
        migrations.AddConstraint(
            model_name='emissionentry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('pool__isnull', True), ('run__isnull', False), ('source', emissions.calculation.vocabulary.EntrySource['RUN'])), models.Q(models.Q(('source', emissions.calculation.vocabulary.EntrySource['RUN']), _negated=True), ('pool__isnull', False), ('run__isnull', True)), _connector='OR'), name='entry_has_its_source'),
        ),
        migrations.AddField(
            model_name='stalepool',
            name='by',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='stalepool',
            name='node',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='emissions.node'),
        ),
        migrations.AddField(
            model_name='stalepool',
            name='organisation',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='emissions.organisation'),
        ),
        migrations.AddField(
            model_name='stalepool',
            name='site',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='emissions.site'),
        ),
        migrations.AddConstraint(
            model_name='pool',
            constraint=models.UniqueConstraint(fields=('organisation', 'kind', 'site', 'node', 'subject', 'month'), name='pool_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='pool',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['node_idle', 'meter_remainder', 'coverage', 'purchase', 'statement'])), name='pool_kind'),
        ),
        migrations.AddConstraint(
            model_name='pool',
            constraint=models.CheckConstraint(condition=models.Q(('month__day', 1)), name='pool_month'),
        ),
        migrations.AddConstraint(
            model_name='pool',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind__in', (emissions.calculation.vocabulary.PoolKind['NODE_IDLE'],)), ('node__isnull', False), ('site__isnull', True), ('subject', '')), models.Q(('kind__in', (emissions.calculation.vocabulary.PoolKind['METER_REMAINDER'], emissions.calculation.vocabulary.PoolKind['COVERAGE'])), ('node__isnull', True), ('site__isnull', False), ('subject', '')), models.Q(('kind__in', (emissions.calculation.vocabulary.PoolKind['NODE_IDLE'], emissions.calculation.vocabulary.PoolKind['METER_REMAINDER'], emissions.calculation.vocabulary.PoolKind['COVERAGE'])), _negated=True), _connector='OR'), name='pool_has_its_subject'),
        ),
        migrations.AddIndex(
            model_name='stalepool',
            index=models.Index(fields=['organisation', 'kind', 'month'], name='stale_pool_key'),
        ),
        migrations.AddConstraint(
            model_name='stalepool',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['node_idle', 'meter_remainder', 'coverage', 'purchase', 'statement'])), name='stale_pool_kind'),
        ),
        migrations.AddConstraint(
            model_name='stalepool',
            constraint=models.CheckConstraint(condition=models.Q(('cause__in', ['data', 'factor', 'method', 'boundary', 'error', 'estimate_replaced', 'provider_restated', 'true_up'])), name='stale_pool_cause'),
        ),
        migrations.AddConstraint(
            model_name='stalepool',
            constraint=models.CheckConstraint(condition=models.Q(('month__day', 1)), name='stale_pool_month'),
        ),
        migrations.RunSQL(ENTRY_REFERENCES, migrations.RunSQL.noop),
        migrations.RunSQL(POOL_IN_LEDGER, NO_POOL_IN_LEDGER),
        same_organisation("emissions_pool", "site_id", "emissions_site"),
        same_organisation("emissions_pool", "node_id", "emissions_node"),
        same_organisation("emissions_stalepool", "site_id", "emissions_site"),
        same_organisation("emissions_stalepool", "node_id", "emissions_node"),
    ]
