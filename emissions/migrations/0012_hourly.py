"""Hourly intensities, written once; and which location-based figure comes first."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

APPEND_ONLY = migrations.RunSQL(
    "CREATE TRIGGER emissions_hourlyintensity_append_only BEFORE UPDATE OR DELETE"
    " ON emissions_hourlyintensity FOR EACH ROW EXECUTE FUNCTION tonne_append_only()",
    "DROP TRIGGER emissions_hourlyintensity_append_only ON emissions_hourlyintensity",
)
EVERY_HOUR = migrations.RunSQL(
    "ALTER TABLE emissions_hourlyintensity ADD CONSTRAINT hourly_intensity_every_hour CHECK ("
    " array_ndims(g_co2e_per_kwh) = 1 AND cardinality(g_co2e_per_kwh)"
    " = 24 * (make_date(year + 1, 1, 1) - make_date(year, 1, 1)))",
    "ALTER TABLE emissions_hourlyintensity DROP CONSTRAINT hourly_intensity_every_hour",
)


class Migration(migrations.Migration):
    dependencies = [("emissions", "0011_streams")]
    operations = [
        migrations.CreateModel(
            name="HourlyIntensity",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("year", models.SmallIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("direct", "Direct"), ("lifecycle", "Lifecycle")], max_length=12
                    ),
                ),
                (
                    "g_co2e_per_kwh",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.FloatField(null=True), size=None
                    ),
                ),
                (
                    "factor_set",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hourly",
                        to="emissions.factorset",
                    ),
                ),
                (
                    "zone",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="emissions.gridzone"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "hourly intensities",
                "ordering": ["zone_id", "year"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("factor_set", "zone", "year", "kind"), name="hourly_intensity_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["direct", "lifecycle"])),
                        name="hourly_intensity_kind",
                    ),
                ],
            },
        ),
        EVERY_HOUR,
        APPEND_ONLY,
        migrations.AddField(
            model_name="organisation",
            name="headline",
            field=models.CharField(
                choices=[
                    ("annual", "The factor of the year"),
                    ("hourly", "Hour by hour, where the zone has hours"),
                ],
                default="annual",
                max_length=8,
            ),
        ),
        migrations.AddConstraint(
            model_name="organisation",
            constraint=models.CheckConstraint(
                condition=models.Q(("headline__in", ["annual", "hourly"])),
                name="organisation_headline",
            ),
        ),
    ]
