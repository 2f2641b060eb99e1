"""Integrity that Django's models cannot state: append-only rows, and organisations kept apart."""

from django.db import migrations

#: Rows of these tables are written once. (No TRUNCATE trigger: tests flush with it.)
APPEND_ONLY = (
    "emissions_emissionentry",
    "emissions_posting",
    "emissions_cell",
    "emissions_auditevent",
    "emissions_emissionfactor",
    "emissions_factorset",
    "emissions_gridloss",
)

#: Pairs of (table, column, referenced table): both rows must be of one organisation.
SAME_ORGANISATION = (
    ("emissions_membership", "team_id", "emissions_team"),
    ("emissions_projectassignment", "project_id", "emissions_project"),
    ("emissions_projectassignment", "team_id", "emissions_team"),
    ("emissions_siteconditions", "site_id", "emissions_site"),
    ("emissions_nodeplacement", "node_id", "emissions_node"),
    ("emissions_nodeplacement", "site_id", "emissions_site"),
    ("emissions_nodeplacement", "owner_id", "emissions_team"),
    ("emissions_run", "project_id", "emissions_project"),
    ("emissions_run", "site_id", "emissions_site"),
    ("emissions_run", "node_id", "emissions_node"),
    ("emissions_cell", "team_id", "emissions_team"),
    ("emissions_cell", "project_id", "emissions_project"),
    ("emissions_cell", "site_id", "emissions_site"),
    ("emissions_apitoken", "project_id", "emissions_project"),
)

FUNCTION = """
CREATE FUNCTION tonne_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: post a difference instead', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""


def append_only(table: str) -> migrations.RunSQL:
    """Return the operation that refuses UPDATE and DELETE on a table."""
    return migrations.RunSQL(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION tonne_append_only()",
        f"DROP TRIGGER {table}_append_only ON {table}",
    )


def same_organisation(table: str, column: str, other: str) -> migrations.RunSQL:
    """Return the operation that ties a reference to the row's own organisation."""
    name = f"{table.removeprefix('emissions_')}_{column}_of_organisation"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (organisation_id, {column})"
        f" REFERENCES {other} (organisation_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    """Triggers and composite keys."""

    dependencies = [("emissions", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION tonne_append_only()"),
        *(append_only(table) for table in APPEND_ONLY),
        *(same_organisation(*key) for key in SAME_ORGANISATION),
    ]
