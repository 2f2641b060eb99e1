"""How long hardware serves is a dated fact: a change acts from its day on."""

import django.contrib.postgres.constraints
import django.db.models.deletion
import django.utils.timezone
import emissions.models.dated
from django.contrib.postgres.fields import RangeBoundary
from django.db import migrations, models

#: The first life of a node, from the day it was bought; where that is not known from its first
#: placement. Before its first row the first one holds.
FIRST_LIVES = """
INSERT INTO emissions_nodelife (organisation_id, node_id, life_years, starts_on, recorded_at)
SELECT organisation_id, id, life_years, coalesce(purchased_on, (
    SELECT min(starts_on) FROM emissions_nodeplacement placement
    WHERE placement.node_id = node.id AND superseded_at IS NULL), DATE '1970-01-01'), now()
FROM emissions_node node ORDER BY id
"""
#: The life that holds last, as a node's one life.
LAST_LIVES = """
UPDATE emissions_node node SET life_years = (
    SELECT life_years FROM emissions_nodelife life
    WHERE life.node_id = node.id AND superseded_at IS NULL ORDER BY starts_on DESC LIMIT 1)
"""
#: A node carries nothing before it is bought, after its life and after it left: runs of such
#: times are calculated anew, and the pools of nodes that have them.
BEYOND = """
CREATE TEMP TABLE beyond ON COMMIT DROP AS
SELECT node.id, node.organisation_id, node.purchased_on AS bought, least(node.disposed_on,
  (node.purchased_on + least(coalesce(node.life_years, hardware.life_years, 4), 1000) * 365
   * interval '1 day')::date) AS gone, placed.starts_on < node.purchased_on AS early
FROM emissions_node node JOIN emissions_hardwaremodel hardware ON hardware.id = node.hardware_id
LEFT JOIN (SELECT node_id, min(starts_on) AS starts_on FROM emissions_nodeplacement
  WHERE superseded_at IS NULL GROUP BY node_id) placed ON placed.node_id = node.id
WHERE node.purchased_on IS NOT NULL OR node.disposed_on IS NOT NULL;
INSERT INTO emissions_pendingcalculation (organisation_id, run_id, priority, cause, reason,
  not_before, attempts, last_error)
SELECT run.organisation_id, run.id, 10, 'method', 'Nodes carry nothing beyond their life',
  now(), 0, ''
FROM emissions_run run JOIN beyond ON beyond.id = run.node_id
WHERE run.started_at < beyond.bought + interval '1 day'
  OR run.started_at + least(run.duration_hours, 876000) * interval '1 hour'
     > beyond.gone - interval '1 day'
ORDER BY run.id;
INSERT INTO emissions_stalepool (organisation_id, kind, site_id, node_id, subject, month, cause,
  reason, not_before, attempts, last_error)
SELECT pool.organisation_id, pool.kind, pool.site_id, pool.node_id, pool.subject, pool.month,
  'method', 'Nodes carry nothing beyond their life', now(), 0, ''
FROM emissions_pool pool JOIN beyond ON beyond.id = pool.node_id
WHERE pool.kind = 'node_idle' AND (early OR pool.month + interval '1 month' > beyond.gone)
ORDER BY pool.id;
DROP TABLE beyond;
"""
SAME_ORGANISATION = (
    "ALTER TABLE emissions_nodelife ADD CONSTRAINT nodelife_node_id_of_organisation"
    " FOREIGN KEY (organisation_id, node_id) REFERENCES emissions_node (organisation_id, id)"
    " DEFERRABLE INITIALLY DEFERRED",
    "ALTER TABLE emissions_nodelife DROP CONSTRAINT nodelife_node_id_of_organisation",
)


def dated(thing: str, related_to: str) -> list[tuple[str, models.Field]]:
    """Return the columns of a dated life of a thing."""
    return [
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        ("starts_on", models.DateField()),
        ("ends_before", models.DateField(blank=True, null=True)),
        ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
        ("superseded_at", models.DateTimeField(blank=True, null=True)),
        ("life_years", models.FloatField(blank=True, null=True)),
        (thing, models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="lives", to=related_to)),
    ]


def no_overlap(thing: str) -> django.contrib.postgres.constraints.ExclusionConstraint:
    """Return the constraint that current lives of a thing never overlap."""
    return django.contrib.postgres.constraints.ExclusionConstraint(
        condition=models.Q(("superseded_at__isnull", True)),
        expressions=[
            (emissions.models.dated.OneKey(thing), "&&"),
            (emissions.models.dated.DateRange("starts_on", "ends_before", RangeBoundary()), "&&"),
        ],
        name=f"{thing}_life_no_overlap",
    )


def above_zero(thing: str) -> models.CheckConstraint:
    """Return the constraint that a life that is stated is longer than nothing."""
    return models.CheckConstraint(
        condition=models.Q(("life_years__isnull", True), ("life_years__gt", 0), _connector="OR"),
        name=f"{thing}_life_years",
    )


class Migration(migrations.Migration):
    dependencies = [("emissions", "0025_grid_mix")]

    operations = [
        migrations.CreateModel(
            name="NodeLife",
            fields=[
                *dated("node", "emissions.node"),
                ("organisation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="emissions.organisation")),
            ],
            options={
                "ordering": ["node_id", "starts_on"],
                "constraints": [no_overlap("node"), above_zero("node")],
            },
        ),
        migrations.CreateModel(
            name="HardwareLife",
            fields=dated("hardware", "emissions.hardwaremodel"),
            options={
                "ordering": ["hardware_id", "starts_on"],
                "constraints": [
                    no_overlap("hardware"),
                    above_zero("hardware"),
                    models.CheckConstraint(condition=models.Q(("ends_before__isnull", False)), name="hardware_life_over"),
                ],
            },
        ),
        migrations.RunSQL(*SAME_ORGANISATION),
        migrations.RunSQL(FIRST_LIVES, LAST_LIVES),
        migrations.RunSQL(BEYOND, migrations.RunSQL.noop),
        # What the rows above left to be checked at the end is checked now: a table with
        # checks to come cannot be altered.
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL IMMEDIATE"),
        migrations.RemoveConstraint(model_name="node", name="node_life"),
        migrations.RemoveField(model_name="node", name="life_years"),
    ]
