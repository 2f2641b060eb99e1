"""Give a database role what the application needs, and no way to rewrite the ledger."""

import re
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.utils import ProgrammingError

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")

#: Tables whose rows a trigger keeps: the migrations are the one list of them.
APPEND_ONLY = """
SELECT c.relname
FROM pg_trigger t
JOIN pg_proc p ON p.oid = t.tgfoid
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE p.proname = 'tonne_append_only' AND n.nspname = current_schema()
ORDER BY c.relname
"""


def append_only_tables(cursor: CursorWrapper) -> list[str]:
    """Return the tables whose rows are written once."""
    cursor.execute(APPEND_ONLY)
    return [row[0] for row in cursor.fetchall()]


class Command(BaseCommand):
    """Create a role if need be, and grant it everything but rewriting the ledger."""

    help = (
        "Grants a database role everything the application needs, but UPDATE, DELETE and "
        "TRUNCATE on append-only tables. Run it as the tables' owner after every migrate."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for the role's name."""
        parser.add_argument("--role", required=True, help="such as tonne_app")

    def handle(self, *args: Any, **options: Any) -> None:
        """Grant; again, and nothing changes."""
        role = options["role"]
        if not NAME.fullmatch(role):
            raise CommandError("A role's name has lower-case letters, digits and underscores.")
        with transaction.atomic(), connection.cursor() as cursor:
            tables = append_only_tables(cursor)
            if not tables:
                raise CommandError("No append-only table was found. Run migrate first.")
            created = _create(cursor, role)
            _refuse_powerful(cursor, role)
            _grant(cursor, role, tables)
        state = "created" if created else "already there"
        self.stdout.write(f"Role {role} ({state}): {len(tables)} tables can only be added to.")
        if created:
            self.stdout.write("Give it a password: ALTER ROLE … PASSWORD …")


def _create(cursor: CursorWrapper, role: str) -> bool:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    if cursor.fetchone():
        return False
    name = connection.ops.quote_name(role)
    try:
        with transaction.atomic():
            cursor.execute(f"CREATE ROLE {name} LOGIN")
    except ProgrammingError as error:
        raise CommandError(
            f"This user may not create roles. Ask an administrator for: CREATE ROLE {name} LOGIN;"
            " then run this again."
        ) from error
    return True


def _refuse_powerful(cursor: CursorWrapper, role: str) -> None:
    """A superuser or the tables' owner keeps every right, whatever is revoked."""
    cursor.execute(
        "SELECT r.rolsuper, EXISTS (SELECT 1 FROM pg_tables t WHERE t.schemaname ="
        " current_schema() AND pg_has_role(r.oid, t.tableowner, 'MEMBER'))"
        " FROM pg_roles r WHERE r.rolname = %s",
        [role],
    )
    superuser, owner = cursor.fetchone()
    if superuser or owner:
        what = "a superuser" if superuser else "an owner of the tables"
        raise CommandError(f"{role} is {what}: grants cannot hold it. Name another role.")


def _grant(cursor: CursorWrapper, role: str, tables: list[str]) -> None:
    quote = connection.ops.quote_name
    cursor.execute("SELECT current_database(), current_schema()")
    database, schema = (quote(name) for name in cursor.fetchone())
    name = quote(role)
    everything = f"ALL TABLES IN SCHEMA {schema}"
    statements = [
        f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {name}",
        f"GRANT USAGE ON SCHEMA {schema} TO {name}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {everything} TO {name}",
        f"REVOKE TRUNCATE, TRIGGER, REFERENCES ON {everything} FROM {name}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {name}",
        *(
            f"REVOKE UPDATE, DELETE, TRUNCATE ON {schema}.{quote(table)} FROM {name}"
            for table in tables
        ),
    ]
    for statement in statements:
        cursor.execute(statement)
