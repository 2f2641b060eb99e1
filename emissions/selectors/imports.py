"""Uploaded files: their list, their rows, and the names in them that nobody has explained."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Count, Max, Min, QuerySet

from emissions.calculation.vocabulary import NameKind, RowOutcome
from emissions.models import ImportMapping, ImportRow, Organisation, Project, RunImport

MOST_NAMES = 40
SHOWN_ROWS = 50
ID_COLUMNS = {
    NameKind.PROJECT: ("project_id",),
    NameKind.EQUIPMENT: ("hardware_id", "node_id"),
    NameKind.PLACE: ("site_id", "cloud_region_id", "zone_id"),
}


@dataclass(frozen=True, slots=True)
class UnknownName:
    """A name in a file that means nothing here yet, and how many rows have it."""

    kind: NameKind
    name: str
    rows: int


def recent_imports(*, imports: QuerySet[RunImport]) -> list[RunImport]:
    """Return the latest files, with who brought them."""
    return list(imports.select_related("created_by", "project").order_by("-id")[:50])


def unknown_names(*, run_import: RunImport) -> list[UnknownName]:
    """Return the names that mean nothing here, the most frequent first."""
    found: list[UnknownName] = []
    for kind, columns in ID_COLUMNS.items():
        name = f"{kind.value}_name"
        rows = (
            ImportRow.objects.filter(
                run_import=run_import, outcome__in=[RowOutcome.NEW, RowOutcome.CHANGED]
            )
            .filter(**{f"{column}__isnull": True for column in columns})
            .exclude(**{f"{name}__isnull": True})
            .values_list(name)
            .annotate(count=Count("row"))
            .order_by("-count", name)[:MOST_NAMES]
        )
        found += [UnknownName(kind, text, count) for text, count in rows]
    return found


def due_rows(*, run_import: RunImport) -> list[ImportRow]:
    """Return the first rows that are to be written, with `project` as it is called."""
    rows = list(
        ImportRow.objects.filter(
            run_import=run_import, outcome__in=[RowOutcome.NEW, RowOutcome.CHANGED]
        ).order_by("row")[:SHOWN_ROWS]
    )
    projects = Project.objects.in_bulk({row.project_id for row in rows if row.project_id})
    for row in rows:
        row.project = projects.get(row.project_id)  # type: ignore[attr-defined]
    return rows


def refused_rows(*, run_import: RunImport) -> QuerySet[ImportRow]:
    """Return the rows that are not written, in the order of the file."""
    return ImportRow.objects.filter(run_import=run_import, outcome=RowOutcome.REFUSED).order_by(
        "row"
    )


def refused_lines(*, run_import: RunImport) -> Iterator[tuple[int, str, str]]:
    """Yield row, column and reason of every row that is not written."""
    rows = refused_rows(run_import=run_import).values_list("row", "refused_column", "reason")
    yield from rows.iterator(chunk_size=2000)


def span(*, run_import: RunImport) -> tuple[object, object]:
    """Return the first and the last start of the rows that are to be written."""
    rows = ImportRow.objects.filter(
        run_import=run_import, outcome__in=[RowOutcome.NEW, RowOutcome.CHANGED]
    ).aggregate(first=Min("started_at"), last=Max("started_at"))
    return rows["first"], rows["last"]


def mappings(*, organisation: Organisation) -> list[ImportMapping]:
    """Return what names mean, by kind and name."""
    found = ImportMapping.objects.filter(organisation=organisation)
    return list(
        found.select_related(
            "project", "hardware", "node", "site", "cloud_region", "zone"
        ).order_by("kind", "name")
    )
