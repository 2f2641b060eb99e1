"""Make the demo organisation, once."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice

from django.db import connection, transaction

from emissions.calculation.vocabulary import Control, Role, TokenScope
from emissions.models import (
    CloudRegion,
    GridZone,
    HardwareModel,
    Membership,
    Node,
    Organisation,
    Project,
    Run,
    Site,
    Team,
    User,
)
from emissions.services.change_life import set_life
from emissions.services.create_organisation import create_organisation
from emissions.services.demo.bills import Bills
from emissions.services.demo.clouds import seed_clouds, seed_fuel
from emissions.services.demo.generate import Things, generate_runs
from emissions.services.demo.hours import seed_hours
from emissions.services.demo.imports import bring_files
from emissions.services.demo.plan import (
    CLOUD_HARDWARE,
    METERED,
    NAME,
    NODES,
    PASSWORD,
    PEOPLE,
    PROJECTS,
    PROLONGED_DAY,
    RESEARCHER,
    RUNS,
    SITES,
    SLUG,
    TEAMS,
    TIME_ZONE,
    YEARS,
    SitePlan,
)
from emissions.services.demo.review import to_review
from emissions.services.demo.trackers import track
from emissions.services.doubles.review import find_doubles
from emissions.services.manage_meters import record_readings
from emissions.services.manage_nodes import Machine, create_node
from emissions.services.manage_people import invite_person
from emissions.services.manage_projects import assign_project, create_project
from emissions.services.manage_sites import Conditions, create_site, set_conditions
from emissions.services.manage_teams import create_team
from emissions.services.record_runs import record_runs
from emissions.services.tokens import create_token

CHUNK = 5000


@transaction.atomic
def seed_demo(*, now: datetime, runs: int = RUNS) -> Organisation | None:
    """Make the demo organisation with three years of about so many runs up to `now`.

    Returns
    -------
    Organisation or None
        None if it is there already: nothing is changed then.
    """
    if Organisation.objects.filter(slug=SLUG).exists():
        return None
    start = date(now.year - YEARS, now.month, 1)
    organisation = create_organisation(name=NAME, slug=SLUG, time_zone=TIME_ZONE, by=None, now=now)
    teams = {
        name: create_team(organisation=organisation, name=name, by=None, now=now) for name in TEAMS
    }
    admin = _people(organisation, teams, now)
    sites = {plan.name: _site(organisation, plan, start, admin, now) for plan in SITES}
    seed_hours(organisation=organisation, by=admin, now=now)
    nodes = _nodes(organisation, sites, start, admin, now)
    projects = _projects(organisation, teams, start, admin, now)
    hardware = {
        name: HardwareModel.objects.get(organisation=None, name=name)
        for name in CLOUD_HARDWARE.values()
    }
    seed_clouds(organisation=organisation, sites=sites, runs=runs, by=admin, now=now)
    seed_fuel(sites=sites, start=start, by=admin, now=now)
    things = Things(projects, sites, nodes, hardware)
    days = (now.date() - start).days
    generated = generate_runs(things=things, start=start, days=days, count=runs)
    finished = (run for run in generated if run.ended_at <= now)
    bills = Bills(nodes=nodes, start=start)
    for chunk in _chunks(iter(bills.note(finished))):
        record_runs(organisation=organisation, runs=chunk, by=admin, now=now)
    for name in METERED:
        record_readings(site=sites[name], readings=bills.of(name, now=now), by=admin, now=now)
    researcher = User.objects.get(email=RESEARCHER)
    for by, runs_to_review in to_review(things=things, now=now):
        who = researcher if by == RESEARCHER else admin
        record_runs(organisation=organisation, runs=runs_to_review, by=who, now=now)
    track(project=projects["Aurora instruct"], site=sites["Luleå"], by=admin, now=now)
    with connection.cursor() as cursor:
        # What follows looks for pairs; PostgreSQL does not know yet that there are many runs.
        cursor.execute("ANALYZE emissions_run")
    find_doubles(organisation=organisation, now=now)
    bring_files(
        organisation=organisation,
        project=projects["Speech recognition"],
        sites=sites,
        by=admin,
        now=now,
    )
    _tokens(organisation, projects, admin, now)
    return organisation


def _tokens(
    organisation: Organisation, projects: dict[str, Project], admin: User, now: datetime
) -> None:
    """Make a cluster's token, one for an address, and a person's; nobody is shown them."""
    by_slug = {project.slug: project for project in projects.values()}
    create_token(
        organisation=organisation,
        project=by_slug["aurora-instruct"],
        name="Slurm epilogue",
        by=admin,
        now=now,
    )
    create_token(
        organisation=organisation,
        project=by_slug["retrieval"],
        scope=TokenScope.INGEST,
        name="Notebooks",
        by=admin,
        now=now,
    )
    create_token(
        organisation=organisation,
        person=admin,
        scope=TokenScope.READ,
        name="Quarterly spreadsheet",
        expires_at=now + timedelta(days=90),
        by=admin,
        now=now,
    )


def _people(organisation: Organisation, teams: dict[str, Team], now: datetime) -> User:
    for email, name, role, team in PEOPLE:
        membership = invite_person(
            organisation=organisation,
            email=email,
            name=name,
            role=role,
            team=teams[team] if team else None,
            by=None,
            now=now,
        )
        membership.user.set_password(PASSWORD)
        membership.user.save()
    return Membership.objects.get(organisation=organisation, role=Role.ADMIN).user


def _site(organisation: Organisation, plan: SitePlan, start: date, by: User, now: datetime) -> Site:
    provider, _, name = plan.region.partition(":")
    region = CloudRegion.objects.filter(provider=provider, region=name).first()
    cloud = region is not None

    def conditions(pue: float | None) -> Conditions:
        return Conditions(
            zone=region.zone if region else GridZone.objects.get(code=plan.zone),
            it_control=Control.OTHER if cloud else Control.ORGANISATION,
            overhead_control=Control.OTHER if cloud else plan.overhead,
            pue=pue,
            pue_source="Metered by the site" if pue else "",
            wue_litres_per_kwh=plan.wue,
        )

    site = create_site(
        organisation=organisation,
        name=plan.name,
        kind=plan.kind,
        cloud_region=region,
        conditions=conditions(plan.pue[0] if plan.pue else None),
        starts_on=start,
        by=by,
        now=now,
    )
    for later, pue in enumerate(plan.pue[1:], start=1):
        set_conditions(
            site=site,
            conditions=conditions(pue),
            starts_on=date(start.year + later, 1, 1),
            by=by,
            now=now,
        )
    return site


def _nodes(
    organisation: Organisation, sites: dict[str, Site], start: date, by: User, now: datetime
) -> dict[str, Node]:
    nodes = {}
    for plan in NODES:
        node = nodes[plan.name] = create_node(
            organisation=organisation,
            name=plan.name,
            machine=Machine(
                hardware=HardwareModel.objects.get(organisation=None, name=plan.hardware),
                device_count=plan.devices,
                node_count=plan.count,
                embodied_kg=plan.embodied_kg,
                embodied_source="Manufacturer's estimate" if plan.embodied_kg else "",
                purchased_on=start + timedelta(days=plan.from_day),
            ),
            life_years=5,
            site=sites[plan.site],
            tenure=plan.tenure,
            starts_on=start + timedelta(days=plan.from_day),
            by=by,
            now=now,
        )
        if plan.prolonged_to is not None:
            day = (start + timedelta(days=PROLONGED_DAY)).replace(day=1)
            set_life(node=node, life_years=plan.prolonged_to, starts_on=day, by=by, now=now)
    return nodes


def _projects(
    organisation: Organisation, teams: dict[str, Team], start: date, by: User, now: datetime
) -> dict[str, Project]:
    projects = {}
    for at, plan in enumerate(PROJECTS):
        project = projects[plan.name] = create_project(
            organisation=organisation,
            name=plan.name,
            team=teams[plan.team],
            cost_centre=f"CC-{100 + at}",
            starts_on=start,
            by=by,
            now=now,
        )
        if plan.moves_to:
            moved_on = (start + timedelta(days=plan.moves_day)).replace(day=1)
            assign_project(
                project=project,
                team=teams[plan.moves_to],
                cost_centre=f"CC-{100 + at}",
                starts_on=moved_on,
                by=by,
                now=now,
            )
    return projects


def _chunks(runs: Iterator[Run]) -> Iterator[list[Run]]:
    while chunk := list(islice(runs, CHUNK)):
        yield chunk
