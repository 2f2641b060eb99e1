"""Meter readings of sites."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.utils.timezone
import emissions.calculation.vocabulary
import emissions.models.dated
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Readings, and their site's organisation."""

    dependencies = [
        ('emissions', '0005_cache_table'),
    ]

    operations = [
        migrations.CreateModel(
            name='MeterReading',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_on', models.DateField()),
                ('ends_before', models.DateField()),
                ('measuring_point', models.CharField(choices=[('facility', 'Facility: with cooling and power supply'), ('it', 'IT equipment only')], default=emissions.calculation.vocabulary.MeasuringPoint['FACILITY'], max_length=16)),
                ('energy_kwh', models.DecimalField(decimal_places=9, max_digits=24)),
                ('other_load_kwh', models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ('source', models.CharField(blank=True, help_text='The bill, or the meter.', max_length=250)),
                ('recorded_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('organisation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='emissions.organisation')),
                ('recorded_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='readings', to='emissions.site')),
            ],
            options={
                'ordering': ['site_id', 'starts_on'],
                'constraints': [models.CheckConstraint(condition=models.Q(('measuring_point__in', ['facility', 'it'])), name='reading_measuring_point'), models.CheckConstraint(condition=models.Q(('ends_before__gt', models.F('starts_on'))), name='reading_period'), models.CheckConstraint(condition=models.Q(('energy_kwh__gte', 0)), name='reading_energy'), models.CheckConstraint(condition=models.Q(('other_load_kwh__gte', 0)), name='reading_other_load'), django.contrib.postgres.constraints.ExclusionConstraint(expressions=[(emissions.models.dated.OneKey('site'), '&&'), (emissions.models.dated.DateRange('starts_on', 'ends_before', django.contrib.postgres.fields.ranges.RangeBoundary()), '&&')], name='reading_no_overlap')],
            },
        ),
        migrations.RunSQL(
            "ALTER TABLE emissions_meterreading ADD CONSTRAINT meterreading_site_id_of_organisation"
            " FOREIGN KEY (organisation_id, site_id) REFERENCES emissions_site (organisation_id, id)"
            " DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE emissions_meterreading DROP CONSTRAINT meterreading_site_id_of_organisation",
        ),
    ]
