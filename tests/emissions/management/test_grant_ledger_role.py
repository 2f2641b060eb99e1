"""The application's own role adds to the ledger and cannot rewrite it."""

from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from emissions.management.commands.grant_ledger_role import append_only_tables
from emissions.models import EmissionEntry, Organisation
from tests.factories import calculate_all, make_project, make_run

pytestmark = pytest.mark.django_db
ROLE = "tonne_test_app"


@contextmanager
def as_role(role: str = ROLE):
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {role}")
        try:
            yield cursor
        finally:
            cursor.execute("RESET ROLE")


def refused(statement: str, because: str = "permission denied") -> None:
    def run() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {ROLE}")
            cursor.execute(statement)

    with pytest.raises(ProgrammingError, match=because):
        run()


@pytest.fixture
def role(capsys) -> str:
    call_command("grant_ledger_role", role=ROLE)
    return ROLE


def test_it_says_what_it_did(role, capsys):
    assert "created" in capsys.readouterr().out
    call_command("grant_ledger_role", role=ROLE)
    assert "already there" in capsys.readouterr().out


def test_append_only_tables_are_not_rewritten(role):
    with connection.cursor() as cursor:
        tables = append_only_tables(cursor)
    assert len(tables) >= 7
    for table in tables:
        refused(f"UPDATE {table} SET id = id")
        refused(f"DELETE FROM {table}")
        refused(f"TRUNCATE {table} CASCADE")


def test_the_trigger_cannot_be_switched_off(role):
    refused("ALTER TABLE emissions_emissionentry DISABLE TRIGGER ALL", "must be owner")


def test_the_application_works_as_that_role(role):
    project = make_project()
    with as_role():
        run = make_run(project=project, calculated=False)
        calculate_all()
        Organisation.objects.filter(pk=project.organisation_id).update(name="Renamed")
    assert EmissionEntry.objects.filter(run=run).exists()


def test_a_table_that_was_granted_before_is_taken_back(role):
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT UPDATE, TRUNCATE ON emissions_cell TO {ROLE}")
    call_command("grant_ledger_role", role=ROLE)
    refused("UPDATE emissions_cell SET id = id")
    refused("TRUNCATE emissions_cell CASCADE")


def test_a_superuser_is_refused():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        owner = cursor.fetchone()[0]
    with pytest.raises(CommandError, match="grants cannot hold it"):
        call_command("grant_ledger_role", role=owner)


@pytest.mark.parametrize("name", ['odd"; name', "Upper", "", "a" * 64, "with space"])
def test_an_odd_name_is_refused(name):
    with pytest.raises(CommandError, match="lower-case"):
        call_command("grant_ledger_role", role=name)
