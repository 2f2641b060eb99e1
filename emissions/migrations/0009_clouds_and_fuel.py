"""Cloud accounts with what providers state of them, and fuel burnt at sites."""

import django.db.models.deletion
import django.utils.timezone
import emissions.calculation.vocabulary
from django.conf import settings
from django.db import migrations, models


def same_organisation(table: str, column: str, other: str) -> migrations.RunSQL:
    """Return the operation that ties a reference to the row's own organisation."""
    name = f"{table.removeprefix('emissions_')}_{column}_of_organisation"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (organisation_id, {column})"
        f" REFERENCES {other} (organisation_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    """The tables, a kind of pool for fuel, and the keys that keep organisations apart."""

    dependencies = [
        ('emissions', '0008_evidence'),
    ]

    operations = [
        migrations.CreateModel(
            name='CloudAccount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(choices=[('aws', 'AWS'), ('gcp', 'Google Cloud'), ('azure', 'Azure')], max_length=16)),
                ('account_id', models.CharField(max_length=100)),
                ('name', models.CharField(max_length=150)),
                ('figure', models.CharField(choices=[('estimate', 'Own estimate'), ('statement', 'Provider’s statement')], default=emissions.calculation.vocabulary.InventoryFigure['ESTIMATE'], max_length=16)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['provider', 'name', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='FuelUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField()),
                ('fuel', models.CharField(choices=[('diesel', 'Diesel, average biofuel blend'), ('diesel_mineral', 'Diesel, 100 % mineral'), ('gas_oil', 'Gas oil'), ('natural_gas', 'Natural gas'), ('other_litres', 'Another liquid fuel')], max_length=16)),
                ('amount', models.FloatField(help_text='Litres or cubic metres.')),
                ('kg_per_unit', models.FloatField(help_text='[kg CO2e per litre or m³]')),
                ('factor_source', models.CharField(max_length=250)),
                ('note', models.CharField(blank=True, max_length=250)),
                ('recorded_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-month', 'site__name', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='ProviderStatement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField()),
                ('version', models.CharField(blank=True, max_length=64)),
                ('location_based_kg', models.DecimalField(decimal_places=9, max_digits=24, null=True)),
                ('market_based_kg', models.DecimalField(decimal_places=9, max_digits=24, null=True)),
                ('scope_1_kg', models.DecimalField(decimal_places=9, max_digits=24, null=True)),
                ('scope_2_location_kg', models.DecimalField(decimal_places=9, max_digits=24, null=True)),
                ('scope_2_market_kg', models.DecimalField(decimal_places=9, max_digits=24, null=True)),
                ('scope_3_location_kg', models.DecimalField(decimal_places=9, max_digits=24, null=True)),
                ('scope_3_market_kg', models.DecimalField(decimal_places=9, max_digits=24, null=True)),
                ('services', models.JSONField(default=dict, help_text='Name: location-based, market-based kg.')),
                ('file_name', models.CharField(blank=True, max_length=150)),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('loaded_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('superseded_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['account_id', 'month', '-loaded_at', '-pk'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='pool',
            name='pool_kind',
        ),
        migrations.RemoveConstraint(
            model_name='stalepool',
            name='stale_pool_kind',
        ),
        migrations.AlterField(
            model_name='cell',
            name='source_kind',
            field=models.CharField(choices=[('form', 'Form'), ('api', 'API'), ('file', 'File'), ('codecarbon', 'CodeCarbon'), ('sacct', 'Slurm sacct'), ('prometheus', 'Prometheus'), ('node_idle', 'Idle nodes'), ('meter_remainder', 'Meter remainder'), ('coverage', 'Instrument coverage'), ('purchase', 'Hardware bought'), ('statement', 'Provider statement'), ('fuel', 'Generator fuel')], max_length=16),
        ),
        migrations.AlterField(
            model_name='pool',
            name='kind',
            field=models.CharField(choices=[('node_idle', 'Idle nodes'), ('meter_remainder', 'Meter remainder'), ('coverage', 'Instrument coverage'), ('purchase', 'Hardware bought'), ('statement', 'Provider statement'), ('fuel', 'Generator fuel')], max_length=16),
        ),
        migrations.AlterField(
            model_name='stalepool',
            name='kind',
            field=models.CharField(choices=[('node_idle', 'Idle nodes'), ('meter_remainder', 'Meter remainder'), ('coverage', 'Instrument coverage'), ('purchase', 'Hardware bought'), ('statement', 'Provider statement'), ('fuel', 'Generator fuel')], max_length=16),
        ),
        migrations.AddConstraint(
            model_name='pool',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['node_idle', 'meter_remainder', 'coverage', 'purchase', 'statement', 'fuel'])), name='pool_kind'),
        ),
        migrations.AddConstraint(
            model_name='stalepool',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['node_idle', 'meter_remainder', 'coverage', 'purchase', 'statement', 'fuel'])), name='stale_pool_kind'),
        ),
        migrations.AddField(
            model_name='cloudaccount',
            name='organisation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='cloud_accounts', to='emissions.organisation'),
        ),
        migrations.AddField(
            model_name='cloudaccount',
            name='project',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='emissions.project'),
        ),
        migrations.AddField(
            model_name='cloudaccount',
            name='site',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='emissions.site'),
        ),
        migrations.AddField(
            model_name='cloudaccount',
            name='team',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='emissions.team'),
        ),
        migrations.AddField(
            model_name='fueluse',
            name='organisation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='emissions.organisation'),
        ),
        migrations.AddField(
            model_name='fueluse',
            name='recorded_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='fueluse',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='fuel_uses', to='emissions.site'),
        ),
        migrations.AddField(
            model_name='providerstatement',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='statements', to='emissions.cloudaccount'),
        ),
        migrations.AddField(
            model_name='providerstatement',
            name='loaded_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='providerstatement',
            name='organisation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='emissions.organisation'),
        ),
        migrations.AddConstraint(
            model_name='cloudaccount',
            constraint=models.UniqueConstraint(fields=('organisation', 'provider', 'account_id'), name='cloud_account_once'),
        ),
        migrations.AddConstraint(
            model_name='cloudaccount',
            constraint=models.UniqueConstraint(fields=('organisation', 'provider', 'project', 'team', 'site'), name='cloud_account_of_other_runs', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='cloudaccount',
            constraint=models.UniqueConstraint(fields=('organisation', 'id'), name='cloud_account_of_organisation'),
        ),
        migrations.AddConstraint(
            model_name='cloudaccount',
            constraint=models.CheckConstraint(condition=models.Q(('project__isnull', True), ('team__isnull', True), _connector='OR'), name='cloud_account_project_or_team'),
        ),
        migrations.AddConstraint(
            model_name='cloudaccount',
            constraint=models.CheckConstraint(condition=models.Q(('provider__in', ['aws', 'gcp', 'azure'])), name='cloud_account_provider'),
        ),
        migrations.AddConstraint(
            model_name='cloudaccount',
            constraint=models.CheckConstraint(condition=models.Q(('figure__in', ['estimate', 'statement'])), name='cloud_account_figure'),
        ),
        migrations.AddConstraint(
            model_name='fueluse',
            constraint=models.CheckConstraint(condition=models.Q(('fuel__in', ['diesel', 'diesel_mineral', 'gas_oil', 'natural_gas', 'other_litres'])), name='fuel_use_fuel'),
        ),
        migrations.AddConstraint(
            model_name='fueluse',
            constraint=models.CheckConstraint(condition=models.Q(('month__day', 1)), name='fuel_use_month'),
        ),
        migrations.AddConstraint(
            model_name='fueluse',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('kg_per_unit__gte', 0)), name='fuel_use_amounts'),
        ),
        migrations.AddConstraint(
            model_name='fueluse',
            constraint=models.CheckConstraint(condition=models.Q(('factor_source', ''), _negated=True), name='fuel_use_source'),
        ),
        migrations.AddConstraint(
            model_name='providerstatement',
            constraint=models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('account', 'month'), name='statement_current_once'),
        ),
        migrations.AddConstraint(
            model_name='providerstatement',
            constraint=models.CheckConstraint(condition=models.Q(('month__day', 1)), name='statement_month'),
        ),
        migrations.AddConstraint(
            model_name='providerstatement',
            constraint=models.CheckConstraint(condition=models.Q(('location_based_kg__isnull', False), ('market_based_kg__isnull', False), _connector='OR'), name='statement_says_something'),
        ),
        same_organisation("emissions_cloudaccount", "project_id", "emissions_project"),
        same_organisation("emissions_cloudaccount", "team_id", "emissions_team"),
        same_organisation("emissions_cloudaccount", "site_id", "emissions_site"),
        same_organisation("emissions_providerstatement", "account_id", "emissions_cloudaccount"),
        same_organisation("emissions_fueluse", "site_id", "emissions_site"),
    ]
