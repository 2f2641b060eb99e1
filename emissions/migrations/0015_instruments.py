"""Contractual instruments and their use."""

import django.db.models.deletion
import django.utils.timezone
import emissions.calculation.vocabulary
from django.db import migrations, models


class Migration(migrations.Migration):
    """Instruments, their uses, and their site's organisation."""

    dependencies = [
        ('emissions', '0014_adoption_preview'),
    ]

    operations = [
        migrations.CreateModel(
            name='EnergyInstrument',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=150)),
                ('kind', models.CharField(choices=[('certificate', 'Certificates'), ('ppa', 'Power purchase agreement'), ('tariff', "Supplier's tariff")], max_length=16)),
                ('energy_mwh', models.DecimalField(decimal_places=6, max_digits=13)),
                ('starts_on', models.DateField()),
                ('ends_before', models.DateField()),
                ('vintage', models.CharField(blank=True, help_text='When it was generated.', max_length=64)),
                ('registry', models.CharField(blank=True, max_length=150)),
                ('reference', models.CharField(blank=True, help_text='Serial numbers.', max_length=250)),
                ('rate_g_per_kwh', models.FloatField(default=0)),
                ('rate_source', models.CharField(blank=True, max_length=250)),
                ('status', models.CharField(choices=[('contracted', 'Contracted'), ('issued', 'Issued'), ('retired', 'Retired'), ('lapsed', 'Lapsed')], default=emissions.calculation.vocabulary.InstrumentStatus['CONTRACTED'], max_length=16)),
                ('retired_on', models.DateField(blank=True, null=True)),
                ('criteria_met', models.SmallIntegerField(default=0, help_text='Bits of `QualityCriterion`.')),
                ('recorded_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('market', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='emissions.gridzone')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='instruments', to='emissions.organisation')),
                ('site', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='emissions.site')),
            ],
            options={
                'ordering': ['starts_on', 'name', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='InstrumentUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField()),
                ('energy_kwh', models.DecimalField(decimal_places=9, max_digits=24)),
                ('by_hand', models.BooleanField(default=False)),
                ('instrument', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='uses', to='emissions.energyinstrument')),
                ('organisation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='emissions.organisation')),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='emissions.site')),
            ],
            options={
                'ordering': ['month', 'site_id', 'instrument_id'],
            },
        ),
        migrations.AddConstraint(
            model_name='energyinstrument',
            constraint=models.UniqueConstraint(fields=('organisation', 'id'), name='instrument_of_organisation'),
        ),
        migrations.AddConstraint(
            model_name='energyinstrument',
            constraint=models.UniqueConstraint(fields=('organisation', 'name'), name='instrument_name'),
        ),
        migrations.AddConstraint(
            model_name='energyinstrument',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['certificate', 'ppa', 'tariff'])), name='instrument_kind'),
        ),
        migrations.AddConstraint(
            model_name='energyinstrument',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['contracted', 'issued', 'retired', 'lapsed'])), name='instrument_status'),
        ),
        migrations.AddConstraint(
            model_name='energyinstrument',
            constraint=models.CheckConstraint(condition=models.Q(('energy_mwh__gt', 0), ('energy_mwh__lte', 9000000)), name='instrument_energy'),
        ),
        migrations.AddConstraint(
            model_name='energyinstrument',
            constraint=models.CheckConstraint(condition=models.Q(('rate_g_per_kwh__gte', 0)), name='instrument_rate'),
        ),
        migrations.AddConstraint(
            model_name='energyinstrument',
            constraint=models.CheckConstraint(condition=models.Q(('ends_before__gt', models.F('starts_on'))), name='instrument_period'),
        ),
        migrations.AddConstraint(
            model_name='energyinstrument',
            constraint=models.CheckConstraint(condition=models.Q(('status', emissions.calculation.vocabulary.InstrumentStatus['RETIRED']), ('retired_on__isnull', True), _connector='OR'), name='instrument_retired_on'),
        ),
        migrations.AddConstraint(
            model_name='instrumentuse',
            constraint=models.UniqueConstraint(fields=('instrument', 'site', 'month'), name='instrument_use_once'),
        ),
        migrations.AddConstraint(
            model_name='instrumentuse',
            constraint=models.CheckConstraint(condition=models.Q(('month__day', 1)), name='instrument_use_month'),
        ),
        migrations.AddConstraint(
            model_name='instrumentuse',
            constraint=models.CheckConstraint(condition=models.Q(('energy_kwh__gte', 0)), name='instrument_use_energy'),
        ),
        migrations.RunSQL(
            "ALTER TABLE emissions_energyinstrument ADD CONSTRAINT energyinstrument_site_id_of_organisation"
            " FOREIGN KEY (organisation_id, site_id) REFERENCES emissions_site (organisation_id, id)"
            " DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE emissions_energyinstrument DROP CONSTRAINT energyinstrument_site_id_of_organisation",
        ),
        migrations.RunSQL(
            "ALTER TABLE emissions_instrumentuse ADD CONSTRAINT instrumentuse_site_id_of_organisation"
            " FOREIGN KEY (organisation_id, site_id) REFERENCES emissions_site (organisation_id, id)"
            " DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE emissions_instrumentuse DROP CONSTRAINT instrumentuse_site_id_of_organisation",
        ),
        migrations.RunSQL(
            "ALTER TABLE emissions_instrumentuse ADD CONSTRAINT instrumentuse_instrument_id_of_organisation"
            " FOREIGN KEY (organisation_id, instrument_id) REFERENCES emissions_energyinstrument (organisation_id, id)"
            " DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE emissions_instrumentuse DROP CONSTRAINT instrumentuse_instrument_id_of_organisation",
        ),
    ]
