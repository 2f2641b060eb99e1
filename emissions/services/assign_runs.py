"""Say of many runs at once what they lack: their project, place or hardware."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from emissions.calculation.vocabulary import Cause, NameKind
from emissions.models import (
    CloudRegion,
    GridZone,
    HardwareModel,
    Organisation,
    PendingCalculation,
    Project,
    Run,
    Site,
    User,
)
from emissions.models.run import NO_PLACE
from emissions.selectors.catalogue import folded
from emissions.services.audit import write_audit_event
from emissions.services.doubles.match_jobs import match_jobs
from emissions.services.imports.mapping import Meaning, Target, map_names
from emissions.services.imports.names import UNKNOWN_OF
from emissions.services.queue import queue_runs
from emissions.services.record_runs import BULK_FROM

#: Ids of runs that an audit event names.
NAMED_RUNS = 200


@dataclass(frozen=True, slots=True)
class Assigned:
    """What became of an assignment.

    `runs` were changed; `same_id` were left, since the project has a run with their id. So
    many `names` are known from now on, by which others were placed `also`.
    """

    runs: int
    same_id: int
    names: int = 0
    also: int = 0


@transaction.atomic
def assign_runs(
    *,
    organisation: Organisation,
    runs: QuerySet[Run],
    by: User | None,
    now: datetime,
    project: Project | None,
    place: Site | CloudRegion | GridZone | None,
    hardware: HardwareModel | None,
    remember: bool,
) -> Assigned:
    """Fill in what runs lack, in a statement each; what is stated stays as it is.

    Only runs of the organisation that count are regarded. The project is for runs without
    one, unless the project has a run with the same id of its own; the place for runs
    without site, cloud region, zone and node; the hardware for runs without it and a node.
    With `remember` the names that these runs came with mean the same from now on.
    """
    ids = list(
        Run.objects.counted()
        .filter(organisation=organisation, pk__in=runs.values("pk"))
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    changed: set[int] = set()
    meanings: list[Meaning] = []
    same_id = 0
    if project is not None:
        without = Run.objects.filter(pk__in=ids, project=None)
        clashing = _with_an_id_of(without, project)
        same_id = len(clashing)
        filled = _fill(without.exclude(pk__in=clashing), now, project=project)
        changed |= filled
        meanings += _meanings(NameKind.PROJECT, filled, project)
    if place is not None:
        filled = _fill(Run.objects.filter(NO_PLACE, pk__in=ids), now, **_place(place))
        changed |= filled
        meanings += _meanings(NameKind.PLACE, filled, place)
    if hardware is not None:
        without = Run.objects.filter(pk__in=ids, hardware=None, node=None)
        filled = _fill(without, now, hardware=hardware)
        changed |= filled
        meanings += _meanings(NameKind.EQUIPMENT, filled, hardware)
    if changed:
        _write_down(organisation, sorted(changed), by, (project, place, hardware))
        match_jobs(organisation=organisation, now=now, run_ids=changed)
    if not remember or not meanings:
        return Assigned(len(changed), same_id)
    also = map_names(organisation=organisation, meanings=meanings, by=by, now=now)
    return Assigned(len(changed), same_id, len(meanings), also)


def _meanings(kind: NameKind, filled: Collection[int], target: Target) -> list[Meaning]:
    """Return what the names mean that runs came with; these need them no more."""
    column = UNKNOWN_OF[kind]
    runs = Run.objects.filter(pk__in=filled).exclude(**{column: ""}).order_by()
    names = {folded(name): name for name in runs.values_list(column, flat=True).distinct()}
    runs.update(**{column: ""})
    return [Meaning(kind, name, target) for name in names.values()]


def _fill(runs: QuerySet[Run], now: datetime, **values: object) -> set[int]:
    ids = set(runs.values_list("pk", flat=True))
    Run.objects.filter(pk__in=ids).update(**values, updated_at=now)
    return ids


def _with_an_id_of(runs: QuerySet[Run], project: Project) -> set[int]:
    """Return the runs whose own id the project has already, or that share one among them."""
    named = runs.exclude(external_id="")
    present = Run.objects.alive().filter(project=project, external_id=OuterRef("external_id"))
    earlier = named.filter(external_id=OuterRef("external_id"), pk__lt=OuterRef("pk"))
    clashing = named.filter(Q(Exists(present)) | Q(Exists(earlier)))
    return set(clashing.values_list("pk", flat=True))


def _place(place: Site | CloudRegion | GridZone) -> dict[str, object]:
    kinds = {Site: "site", CloudRegion: "cloud_region", GridZone: "zone"}
    return {kinds[type(place)]: place}


def _write_down(
    organisation: Organisation,
    ids: Sequence[int],
    by: User | None,
    given: tuple[object | None, ...],
) -> None:
    words = ", ".join(str(one) for one in given if one is not None)
    write_audit_event(
        organisation=organisation,
        by=by,
        action=f"{len(ids)} runs assigned" if len(ids) > 1 else "run assigned",
        instance=Run.objects.get(pk=ids[0]),
        after={"to": words, "count": len(ids), "runs": list(ids[:NAMED_RUNS])},
    )
    queue_runs(
        runs=Run.objects.filter(pk__in=ids),
        by=by,
        cause=Cause.DATA,
        reason=f"Assigned: {words}",
        priority=PendingCalculation.WAITING if len(ids) < BULK_FROM else PendingCalculation.BULK,
    )
