"""What the ledger holds of a node is kept as totals: its page no longer adds up all lines of it."""

import django.db.models.deletion
from django.db import migrations, models

QUANTITIES = (
    "device_hours, energy_it_kwh, energy_facility_kwh, location_based_kg,"
    " location_based_annual_kg, market_based_kg, upstream_kg, losses_kg, embodied_kg,"
    " embodied_purchase_kg, water_litres, independent_variance_kg2, runs_started"
)
SUMS = ", ".join(f"sum({name})" for name in QUANTITIES.split(", "))
#: Nobody posts until this migration has committed. A run that is still to be calculated moves
#: its lines when it is: which node has them until then only has to be the one noted here.
FILL = f"""
LOCK TABLE emissions_emissionentry IN SHARE ROW EXCLUSIVE MODE;
UPDATE emissions_runstate state SET node_id = run.node_id FROM emissions_run run
WHERE run.id = state.run_id AND run.node_id IS NOT NULL AND deleted_at IS NULL
  AND superseded_by_id IS NULL;
INSERT INTO emissions_nodetotal (node_id, cell_id, month, {QUANTITIES})
SELECT coalesce(state.node_id, pool.node_id) AS node_id, cell_id, entry.month, {SUMS}
FROM emissions_emissionentry entry
LEFT JOIN emissions_runstate state ON state.run_id = entry.run_id
LEFT JOIN emissions_pool pool ON pool.id = entry.pool_id
WHERE coalesce(state.node_id, pool.node_id) IS NOT NULL
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


class Migration(migrations.Migration):
    dependencies = [("emissions", "0027_cores_alone")]

    operations = [
        migrations.AddField(
            model_name="runstate",
            name="node",
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="emissions.node"),
        ),
        migrations.CreateModel(
            name="NodeTotal",
            fields=[
                ("device_hours", models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ("energy_it_kwh", models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ("energy_facility_kwh", models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ("location_based_kg", models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ("location_based_annual_kg", models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ("market_based_kg", models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ("upstream_kg", models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ("losses_kg", models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ("embodied_kg", models.DecimalField(decimal_places=9, default=0, help_text="Lifetime share of hardware.", max_digits=24)),
                ("embodied_purchase_kg", models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ("water_litres", models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ("independent_variance_kg2", models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ("runs_started", models.BigIntegerField(default=0)),
                ("pk", models.CompositePrimaryKey("node_id", "cell_id", "month", blank=True, editable=False, primary_key=True, serialize=False)),
                ("month", models.DateField()),
                ("cell", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="emissions.cell")),
                ("node", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="totals", to="emissions.node")),
            ],
            options={"abstract": False},
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
