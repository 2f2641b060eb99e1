"""Say once what a name of another system means; it is kept, and applied to what is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from emissions.calculation.vocabulary import Cause, NameKind
from emissions.models import (
    CloudRegion,
    GridZone,
    HardwareModel,
    ImportMapping,
    Node,
    Organisation,
    PendingCalculation,
    Project,
    Run,
    Site,
    User,
)
from emissions.selectors.catalogue import folded
from emissions.services.audit import write_audit_event
from emissions.services.doubles.match_jobs import match_jobs
from emissions.services.imports.names import IDS, UNKNOWN_OF
from emissions.services.queue import queue_runs
from emissions.services.record_frames import watching_nodes

Target = Project | HardwareModel | Node | Site | CloudRegion | GridZone
COLUMN: dict[type[Target], str] = {
    Project: "project",
    HardwareModel: "hardware",
    Node: "node",
    Site: "site",
    CloudRegion: "cloud_region",
    GridZone: "zone",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name stands for."""

    kind: NameKind
    name: str
    target: Target


@transaction.atomic
def map_names(
    *, organisation: Organisation, meanings: Sequence[Meaning], by: User | None, now: datetime
) -> int:
    """Keep what names mean, and place the runs that waited for it; return how many these are."""
    placed = 0
    for one in meanings:
        mapping, _ = ImportMapping.objects.update_or_create(
            organisation=organisation,
            kind=one.kind,
            folded=folded(one.name)[:200],
            defaults={
                "name": one.name[:200],
                **dict.fromkeys(COLUMN.values()),
                COLUMN[type(one.target)]: one.target,
                "created_by": by,
                "created_at": now,
            },
        )
        write_audit_event(
            organisation=organisation,
            by=by,
            action="name mapped",
            instance=mapping,
            after={"kind": one.kind, "means": str(one.target)},
        )
        placed += _place_runs(organisation, one, by, now)
    return placed


@transaction.atomic
def forget_name(*, mapping: ImportMapping, by: User | None) -> None:
    """Forget what a name means; runs that are there stay where they are."""
    write_audit_event(
        organisation=mapping.organisation, by=by, action="name forgotten", instance=mapping
    )
    mapping.delete()


def _place_runs(
    organisation: Organisation, meaning: Meaning, by: User | None, now: datetime
) -> int:
    """Place stored runs that came with the name, where nobody has placed them since."""
    unknown = UNKNOWN_OF[meaning.kind]
    runs = Run.objects.of(organisation).exclude(**{unknown: ""})
    spelt = [
        name
        for name in runs.order_by().values_list(unknown, flat=True).distinct()
        if folded(name) == folded(meaning.name)
    ]
    if not spelt:
        return 0
    column = f"{COLUMN[type(meaning.target)]}_id"
    free = " AND ".join(f"run.{one} IS NULL" for one in IDS[meaning.kind])
    # Another run of the project may have the same id: the run then stays unassigned.
    once = ""
    if meaning.kind is NameKind.PROJECT:
        once = (
            " AND NOT EXISTS (SELECT FROM emissions_run other WHERE other.deleted_at IS NULL"
            " AND other.external_id <> '' AND other.external_id = run.external_id"
            " AND other.organisation_id = run.organisation_id AND other.project_id = %(target)s)"
        )
    ids = list(runs.filter(**{f"{unknown}__in": spelt}).values_list("pk", flat=True))
    watched = watching_nodes(organisation=organisation, run_ids=ids, by=by)
    with watched, connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE emissions_run run SET {column} = %(target)s, {unknown} = '',"
            " updated_at = %(now)s"
            " WHERE run.organisation_id = %(organisation)s AND run.deleted_at IS NULL"
            f" AND run.{unknown} = ANY(%(spelt)s) AND {free}{once} RETURNING id",
            {
                "target": meaning.target.pk,
                "now": now,
                "organisation": organisation.pk,
                "spelt": spelt,
            },
        )
        ids = [row[0] for row in cursor.fetchall()]
    queue_runs(
        runs=Run.objects.filter(pk__in=ids),
        by=by,
        cause=Cause.DATA,
        reason=f"“{meaning.name}” means {meaning.target}",
        priority=PendingCalculation.BULK,
    )
    match_jobs(organisation=organisation, now=now, run_ids=ids)
    return len(ids)
