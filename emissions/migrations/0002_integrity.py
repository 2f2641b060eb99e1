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

ENTRY_REFERENCES = """
CREATE FUNCTION tonne_entry_references() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT 1 FROM (SELECT DISTINCT posting_id, cell_id FROM fresh) pair
    LEFT JOIN emissions_posting posting ON posting.id = pair.posting_id
    LEFT JOIN emissions_cell cell ON cell.id = pair.cell_id
    WHERE posting.organisation_id IS DISTINCT FROM cell.organisation_id
      OR cell.organisation_id IS NULL
  ) OR EXISTS (
    -- A look-up per line by the run's key: a join may read all runs for a few lines.
    SELECT 1 FROM fresh JOIN emissions_cell cell ON cell.id = fresh.cell_id
    WHERE fresh.run_id IS NOT NULL AND cell.organisation_id IS DISTINCT FROM
      (SELECT organisation_id FROM emissions_run run WHERE run.id = fresh.run_id)
  ) THEN
    RAISE EXCEPTION 'an entry names a posting, cell or run that does not exist or is foreign'
      USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER entry_references AFTER INSERT ON emissions_emissionentry
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION tonne_entry_references();

CREATE FUNCTION tonne_run_in_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM emissions_emissionentry WHERE run_id = OLD.id) THEN
    RAISE EXCEPTION 'run % stands in the ledger: mark it deleted instead', OLD.id
      USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER run_in_ledger BEFORE DELETE ON emissions_run
  FOR EACH ROW EXECUTE FUNCTION tonne_run_in_ledger();
"""
NO_ENTRY_REFERENCES = """
DROP TRIGGER run_in_ledger ON emissions_run;
DROP FUNCTION tonne_run_in_ledger();
DROP TRIGGER entry_references ON emissions_emissionentry;
DROP FUNCTION tonne_entry_references();
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
        migrations.RunSQL(ENTRY_REFERENCES, NO_ENTRY_REFERENCES),
        *(append_only(table) for table in APPEND_ONLY),
        *(same_organisation(*key) for key in SAME_ORGANISATION),
    ]
