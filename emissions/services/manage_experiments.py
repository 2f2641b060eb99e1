"""Create and edit experiments: what trackers name, and where their machines stand."""

from dataclasses import dataclass, fields
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from emissions.calculation.vocabulary import Cause
from emissions.models import (
    CloudRegion,
    EnergyStream,
    Experiment,
    GridZone,
    PendingCalculation,
    Project,
    Run,
    Site,
    User,
)
from emissions.services.audit import snapshot, write_audit_event
from emissions.services.invalidate import streams_changed
from emissions.services.queue import queue_runs

DEFAULT_NAME = "Default"


class ExperimentError(Exception):
    """An experiment cannot be like this; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What the organisation says of an experiment's machines: one place at most."""

    site: Site | None = None
    cloud_region: CloudRegion | None = None
    zone: GridZone | None = None
    cpu_measured: bool = False
    separate_machines: bool = False


SETUP = tuple(field.name for field in fields(Setup))
FOLDED = ("cpu_measured", "separate_machines")
"""What decides how posts are known, and which of them count."""


def setup_at(
    place: Site | CloudRegion | GridZone | None,
    *,
    cpu_measured: bool = False,
    separate_machines: bool = False,
) -> Setup:
    """Return the set-up at a place of any kind."""
    return Setup(
        site=place if isinstance(place, Site) else None,
        cloud_region=place if isinstance(place, CloudRegion) else None,
        zone=place if isinstance(place, GridZone) else None,
        cpu_measured=cpu_measured,
        separate_machines=separate_machines,
    )


@transaction.atomic
def create_experiment(
    *,
    project: Project,
    name: str,
    setup: Setup,
    by: User | None,
    now: datetime,
    description: str = "",
    is_default: bool = False,
) -> Experiment:
    """Create an experiment of a project.

    Raises
    ------
    ExperimentError
        The project has one of this name, or the site is another organisation's.
    """
    _check(project, name, setup)
    if Experiment.objects.filter(project=project, name=name).exists():
        raise ExperimentError(f"{project} has an experiment “{name}”.")
    experiment = Experiment.objects.create(
        organisation_id=project.organisation_id,
        project=project,
        name=name,
        description=description,
        is_default=is_default,
        created_by=by,
        created_at=now,
        **{field: getattr(setup, field) for field in SETUP},
    )
    write_audit_event(
        organisation=project.organisation,
        by=by,
        action="experiment created",
        instance=experiment,
        after={"name": name, "project_id": project.pk, "place": str(place_of(experiment) or "")},
    )
    return experiment


def default_experiment(*, project: Project, by: User | None, now: datetime) -> Experiment:
    """Return the project's default experiment, made when somebody first needs it.

    It stands at the organisation's only site, where there is only one.
    """
    found = _default(project)
    if found is not None:
        return found
    sites = list(Site.objects.filter(organisation=project.organisation, archived_at=None)[:2])
    try:
        return create_experiment(
            project=project,
            name=_free_name(project),
            setup=setup_at(sites[0] if len(sites) == 1 else None),
            by=by,
            now=now,
            is_default=True,
        )
    except (IntegrityError, ExperimentError):  # Somebody else made it meanwhile.
        return Experiment.objects.select_related("project").get(project=project, is_default=True)


def _default(project: Project) -> Experiment | None:
    experiments = Experiment.objects.select_related("project")
    return experiments.filter(project=project, is_default=True).first()


def _free_name(project: Project) -> str:
    taken = set(Experiment.objects.filter(project=project).values_list("name", flat=True))
    return DEFAULT_NAME if DEFAULT_NAME not in taken else f"{DEFAULT_NAME} of {project}"[:150]


@transaction.atomic
def edit_experiment(
    *,
    experiment: Experiment,
    name: str,
    description: str,
    setup: Setup,
    by: User | None,
    now: datetime,
    move_runs: bool = False,
) -> Experiment:
    """Change what an experiment is called and where its machines stand.

    What trackers have sent already stays where it was, unless it was wrong and `move_runs`
    corrects it: then the ledger posts the difference.
    """
    stored = Experiment.objects.select_for_update(of=("self",), no_key=True).get(pk=experiment.pk)
    _check(stored.project, name, setup)
    others = Experiment.objects.filter(project=stored.project, name=name).exclude(pk=stored.pk)
    if others.exists():
        raise ExperimentError(f"{stored.project} has another experiment “{name}”.")
    before = snapshot(stored)
    stored.name, stored.description = name, description
    for field in SETUP:
        setattr(stored, field, getattr(setup, field))
    stored.save()
    if any(getattr(stored, field) != before[field] for field in FOLDED):
        streams_changed(streams=EnergyStream.objects.filter(experiment=stored))
    moved = _move_runs(stored, by=by, now=now) if move_runs else 0
    after = snapshot(stored)
    if before != after or moved:
        write_audit_event(
            organisation=stored.organisation,
            by=by,
            action="experiment edited",
            instance=stored,
            before={**before, "runs_moved": 0},
            after={**after, "runs_moved": moved},
        )
    return stored


def place_of(experiment: Experiment) -> Site | CloudRegion | GridZone | None:
    """Return where the experiment's machines stand."""
    return experiment.site or experiment.cloud_region or experiment.zone


def _check(project: Project, name: str, setup: Setup) -> None:
    if not name.strip():
        raise ExperimentError("Give the experiment a name.")
    if setup.site is not None and setup.site.organisation_id != project.organisation_id:
        raise ExperimentError("This site belongs to another organisation.")
    if sum(one is not None for one in (setup.site, setup.cloud_region, setup.zone)) > 1:
        raise ExperimentError("Choose one place: a site, a cloud region or a country.")


def runs_of(experiment: Experiment) -> QuerySet[Run]:
    """Return the runs that an experiment's trackers have sent."""
    return Run.objects.of(experiment.organisation).filter(streams__experiment=experiment)


def _move_runs(experiment: Experiment, *, by: User | None, now: datetime) -> int:
    place = {
        "site": experiment.site,
        "cloud_region": experiment.cloud_region,
        "zone": experiment.zone,
    }
    runs = Run.objects.filter(pk__in=runs_of(experiment).values("pk"))
    runs.order_by("pk").update(**place, updated_at=now)
    return queue_runs(
        runs=runs,
        by=by,
        cause=Cause.DATA,
        reason=f"Place of experiment {experiment.name} corrected",
        priority=PendingCalculation.BULK,
    )
