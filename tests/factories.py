"""Make what tests need: plain functions whose arguments name what matters in a situation."""

import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from emissions.calculation.vocabulary import (
    CloudProvider,
    FactorKind,
    FactorRole,
    Fuel,
    HardwareKind,
    InstrumentKind,
    Role,
    SiteKind,
    ZoneKind,
)
from emissions.models import (
    AdoptionPreview,
    ApiToken,
    CloudAccount,
    CloudRegion,
    DefaultPue,
    DoublePair,
    EmissionFactor,
    EnergyInstrument,
    EnergyStream,
    Experiment,
    FactorLoad,
    FactorSet,
    FuelUse,
    GridLoss,
    GridMix,
    GridZone,
    HardwareAlias,
    HardwareModel,
    HourlyIntensity,
    ImportMapping,
    ImportRow,
    Membership,
    MeterReading,
    Node,
    NodeLife,
    NodePlacement,
    Organisation,
    Project,
    ProjectAssignment,
    Run,
    RunImport,
    Site,
    SiteConditions,
    Team,
    User,
)
from emissions.selectors.catalogue import folded
from emissions.services.calculate import calculate_pending
from emissions.services.create_organisation import create_organisation
from emissions.services.manage_cloud_accounts import Usage, create_cloud_account
from emissions.services.manage_experiments import default_experiment
from emissions.services.manage_instruments import Instrument, record_instrument
from emissions.services.manage_meters import Reading, record_reading
from emissions.services.manage_projects import assign_project
from emissions.services.pools.settle import settle_pools
from emissions.services.record_fuel import Burnt, record_fuel
from emissions.services.record_runs import record_runs
from emissions.services.streams.receive import Post, Tracker, open_stream, receive_post

#: A moment for services: they read no clock.
NOW = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
#: Since when everything below holds, unless a test says otherwise.
SINCE = date(2020, 1, 1)
PASSWORD = "correct horse battery staple"

#: Direct emissions of each zone of `make_reference`. [g CO2e/kWh]
GRAMS = {"SE": 20.0, "FR": 50.0, "DE": 400.0, "US": 380.0, "US-CA": 200.0}
HARDWARE = {
    "a100": "NVIDIA A100 SXM4 80GB",
    "h100": "NVIDIA H100 SXM5 80GB",
    "cpu": "AMD EPYC 7763",
}

_numbers = count(1)


def number() -> int:
    """Return a number that no other thing has."""
    return next(_numbers)


def make_reference() -> dict[str, Any]:
    """Make a small reference and return it by short names; again, and nothing changes.

    Zones WORLD, SE, FR, DE, US and US-CA (its parent is US) with direct factors of 20, 50,
    400, 380 and 200 g/kWh in every year from 2020 to 2026, and 480 lifecycle for the world;
    "region" is gcp:europe-west3 in DE; "a100", "h100" (footprint known) and "cpu" (unknown).
    """
    _make_what_is_referred_to()
    zones = GridZone.objects.in_bulk(["WORLD", *GRAMS], field_name="code")
    sets = {one.slug: one for one in FactorSet.objects.filter(slug__startswith="test-")}
    hardware = {one.name: one for one in HardwareModel.objects.filter(name__in=HARDWARE.values())}
    return {
        **zones,
        "world": zones["WORLD"],
        "region": CloudRegion.objects.get(region="europe-west3"),
        "direct": sets["test-direct"],
        "lifecycle": sets["test-lifecycle"],
        **{key: hardware[name] for key, name in HARDWARE.items()},
    }


def _make_what_is_referred_to() -> None:
    if not GridZone.objects.filter(code="WORLD").exists():
        _make_places()
        _make_factors()
        _make_hardware()


def _make_places() -> None:
    world = GridZone.objects.create(code="WORLD", name="World", kind=ZoneKind.WORLD)
    country = {"kind": ZoneKind.COUNTRY, "parent": world}
    GridZone.objects.create(code="SE", name="Sweden", **country)
    GridZone.objects.create(code="FR", name="France", **country)
    germany = GridZone.objects.create(code="DE", name="Germany", **country)
    states = GridZone.objects.create(code="US", name="United States", **country)
    california = GridZone.objects.create(
        code="US-CA", name="California", kind=ZoneKind.SUBDIVISION, parent=states
    )
    CloudRegion.objects.create(
        provider="gcp",
        region="europe-west3",
        location="Frankfurt",
        zone=germany,
        pue=1.1,
        pue_source="Test provider",
    )
    CloudRegion.objects.create(
        provider="aws", region="us-west-1", location="California", zone=california
    )
    DefaultPue.objects.create(entity="world", year=2024, pue=1.56, source="Test survey")


def _make_factors() -> None:
    direct = make_factor_set(slug="test-direct", name="Test direct", default_precedence=1)
    lifecycle = make_factor_set(slug="test-lifecycle", name="Test lifecycle", default_precedence=2)
    zones = GridZone.objects.in_bulk(["WORLD", *GRAMS], field_name="code")
    years = range(2020, 2027)
    world = {"kind": FactorKind.LIFECYCLE, "includes_upstream": True, "g_co2e_per_kwh": 480.0}
    # Nearly every test makes these: in one statement each.
    EmissionFactor.objects.bulk_create(
        factor
        for year in years
        for factor in (
            *(
                _factor(factor_set=direct, zone=zones[code], year=year, g_co2e_per_kwh=grams)
                for code, grams in GRAMS.items()
            ),
            _factor(factor_set=lifecycle, zone=zones["WORLD"], year=year, **world),
        )
    )
    GridLoss.objects.bulk_create(
        GridLoss(
            zone=zones["FR"],
            starts_on=date(year, 1, 1),
            ends_before=date(year + 1, 1, 1),
            loss_share=0.06,
            source="Test statistics",
        )
        for year in years
    )


def _make_hardware() -> None:
    make_hardware(
        name=HARDWARE["a100"], max_watts=400.0, embodied_kg=150.0, embodied_source="Test footprint"
    )
    make_hardware(
        name=HARDWARE["h100"], max_watts=700.0, embodied_kg=164.0, embodied_source="Test footprint"
    )
    make_hardware(name=HARDWARE["cpu"], kind=HardwareKind.CPU, max_watts=280.0, cores=64)
    for key in ("a100", "h100"):
        HardwareAlias.objects.create(
            hardware=HardwareModel.objects.get(name=HARDWARE[key]), spelling=key.upper(), folded=key
        )


def make_factor_set(**values: Any) -> FactorSet:
    """Make a shared factor set."""
    defaults = {
        "slug": f"set-{number()}",
        "name": "Test factors",
        "edition": "2026",
        "published_on": date(2026, 1, 15),
        "source": "Test agency",
        "licence": "CC BY 4.0",
    }
    return FactorSet.objects.create(**{**defaults, **values})


def make_preview(organisation: Organisation, factor_set: FactorSet) -> AdoptionPreview:
    """Make a preview that waits for a worker."""
    return AdoptionPreview.objects.create(
        organisation=organisation, factor_set=factor_set, precedence=1, before=[], after=[]
    )


def make_load(organisation: Organisation, **values: Any) -> FactorLoad:
    """Make a file of factors that waits for a worker."""
    defaults: dict[str, Any] = {
        "format_name": "licensed",
        "file_name": "factors.csv",
        "content": zlib.compress(b"zone,year,g_co2e_per_kwh\nFR,2026,40\n"),
        "edition": "2026",
        "published_on": date(2026, 1, 15),
        "name": "Own",
        "source": "Test agency",
    }
    return FactorLoad.objects.create(organisation=organisation, **{**defaults, **values})


def make_factor(
    *, factor_set: FactorSet, zone: GridZone, year: int, **values: Any
) -> EmissionFactor:
    """Make a direct location factor of 100 g/kWh for a year."""
    factor = _factor(factor_set=factor_set, zone=zone, year=year, **values)
    factor.save(force_insert=True)
    return factor


def _factor(*, factor_set: FactorSet, zone: GridZone, year: int, **values: Any) -> EmissionFactor:
    defaults: dict[str, Any] = {
        "role": FactorRole.LOCATION,
        "kind": FactorKind.DIRECT,
        "starts_on": date(year, 1, 1),
        "ends_before": date(year + 1, 1, 1),
        "g_co2e_per_kwh": 100.0,
        "source": "Test agency",
        "licence": "CC BY 4.0",
    }
    return EmissionFactor(factor_set=factor_set, zone=zone, **{**defaults, **values})


def make_mix(
    *, factor_set: FactorSet, zone: GridZone, year: int, shares: tuple[float, float, float]
) -> GridMix:
    """Make a year of what a zone's generation is made of: renewable, nuclear, fossil."""
    renewable, nuclear, fossil = shares
    return GridMix.objects.create(
        factor_set=factor_set,
        zone=zone,
        starts_on=date(year, 1, 1),
        ends_before=date(year + 1, 1, 1),
        renewable_share=renewable,
        nuclear_share=nuclear,
        fossil_share=fossil,
        source="Test statistics",
        licence="CC BY 4.0",
    )


def make_hours(
    *,
    factor_set: FactorSet,
    zone: GridZone,
    year: int,
    grams: Callable[[int], float | None],
    kind: FactorKind = FactorKind.DIRECT,
) -> HourlyIntensity:
    """Make a year of hours; `grams` gives the intensity of each, None where it is a gap."""
    hours = 24 * (date(year + 1, 1, 1) - date(year, 1, 1)).days
    return HourlyIntensity.objects.create(
        factor_set=factor_set,
        zone=zone,
        year=year,
        kind=kind,
        g_co2e_per_kwh=[grams(hour) for hour in range(hours)],
    )


def make_organisation(
    name: str = "", *, slug: str = "", time_zone: str = "UTC", **values: Any
) -> Organisation:
    """Make an organisation that has adopted the default factor sets of `make_reference`."""
    _make_what_is_referred_to()
    n = number()
    organisation = create_organisation(
        name=name or f"Organisation {n}",
        slug=slug or f"organisation-{n}",
        time_zone=time_zone,
        by=None,
        now=NOW,
    )
    if values:
        Organisation.objects.filter(pk=organisation.pk).update(**values)
        organisation.refresh_from_db()
    return organisation


def make_user(email: str = "", **values: Any) -> User:
    """Make a person who can sign in with PASSWORD."""
    return User.objects.create_user(email or f"person-{number()}@example.org", PASSWORD, **values)


def make_team(organisation: Organisation | None = None, *, name: str = "", **values: Any) -> Team:
    """Make a team."""
    n = number()
    return Team.objects.create(
        organisation=organisation or make_organisation(),
        name=name or f"Team {n}",
        slug=values.pop("slug", f"team-{n}"),
        **values,
    )


def make_member(
    role: Role = Role.ADMIN,
    *,
    organisation: Organisation | None = None,
    team: Team | None = None,
    user: User | None = None,
) -> Membership:
    """Make a person with a role; a researcher or manager gets a team."""
    organisation = organisation or (team.organisation if team else make_organisation())
    if team is None and role in (Role.RESEARCHER, Role.MANAGER):
        team = make_team(organisation=organisation)
    return Membership.objects.create(
        organisation=organisation, user=user or make_user(), role=role, team=team
    )


def make_project(
    team: Team | None = None,
    *,
    organisation: Organisation | None = None,
    name: str = "",
    cost_centre: str = "",
    starts_on: date = SINCE,
    **values: Any,
) -> Project:
    """Make a project that a team has had since 2020."""
    organisation = team.organisation if team else organisation or make_organisation()
    n = number()
    project = Project.objects.create(
        organisation=organisation,
        name=name or f"Project {n}",
        slug=values.pop("slug", f"project-{n}"),
        **values,
    )
    ProjectAssignment.objects.create(
        organisation=organisation,
        project=project,
        team=team or make_team(organisation),
        cost_centre=cost_centre,
        starts_on=starts_on,
        recorded_at=NOW,
    )
    return project


def move_project(project: Project, team: Team, *, on: date, now: datetime = NOW) -> None:
    """Move a project to another team from a day on, and post what that changes."""
    assign_project(project=project, team=team, starts_on=on, by=None, now=now)
    calculate_all()


def make_site(
    organisation: Organisation | None = None,
    zone: GridZone | None = None,
    *,
    name: str = "",
    slug: str = "",
    kind: SiteKind = SiteKind.OWN,
    pue: float | None = 1.2,
    starts_on: date = SINCE,
    **conditions: Any,
) -> Site:
    """Make an own data centre in France, PUE 1.2, since 2020."""
    organisation = organisation or make_organisation()
    n = number()
    site = Site.objects.create(
        organisation=organisation,
        name=name or f"Site {n}",
        slug=slug or f"site-{n}",
        kind=kind,
        cloud_region=conditions.pop("cloud_region", None),
    )
    SiteConditions.objects.create(
        organisation=organisation,
        site=site,
        zone=zone or GridZone.objects.get(code="FR"),
        pue=pue,
        pue_source="Metered" if pue else "",
        starts_on=starts_on,
        recorded_at=NOW,
        **{"it_control": "organisation", "overhead_control": "organisation", **conditions},
    )
    return site


def make_reading(
    site: Site,
    *,
    starts_on: date = date(2026, 5, 1),
    ends_before: date = date(2026, 6, 1),
    energy_kwh: str = "1000",
    **values: Any,
) -> MeterReading:
    """Make a bill of a site: 1,000 kWh in May 2026."""
    reading = Reading(
        starts_on=starts_on, ends_before=ends_before, energy_kwh=Decimal(energy_kwh), **values
    )
    return record_reading(site=site, reading=reading, by=None, now=NOW)


def make_hardware(
    *, organisation: Organisation | None = None, name: str = "", **values: Any
) -> HardwareModel:
    """Make a catalogue entry of 300 W, shared unless an organisation is given."""
    defaults: dict[str, Any] = {
        "name": name or f"Accelerator {number()}",
        "kind": HardwareKind.GPU,
        "max_watts": 300.0,
        "source": "Test data sheet",
    }
    return HardwareModel.objects.create(organisation=organisation, **{**defaults, **values})


def make_alias(hardware: HardwareModel, *, spelling: str = "") -> HardwareAlias:
    """Make a spelling that the hardware's own organisation uses."""
    spelling = spelling or f"Spelling {number()}"
    return HardwareAlias.objects.create(
        organisation=hardware.organisation,
        hardware=hardware,
        spelling=spelling,
        folded=folded(spelling),
    )


def make_node(
    *,
    organisation: Organisation | None = None,
    site: Site | None = None,
    hardware: HardwareModel | None = None,
    name: str = "",
    owner: Team | None = None,
    starts_on: date = SINCE,
    life_years: float | None = None,
    **values: Any,
) -> Node:
    """Make a node of eight A100 that has stood at a site since 2020."""
    organisation = organisation or (site.organisation if site else make_organisation())
    n = number()
    node = Node.objects.create(
        organisation=organisation,
        name=name or f"Node {n}",
        slug=f"node-{n}",
        hardware=hardware or HardwareModel.objects.get(name=HARDWARE["a100"]),
        **{"device_count": 8, **values},
    )
    NodeLife.objects.create(
        organisation=organisation,
        node=node,
        life_years=life_years,
        starts_on=node.purchased_on or starts_on,
        recorded_at=NOW,
    )
    NodePlacement.objects.create(
        organisation=organisation,
        node=node,
        site=site or make_site(organisation=organisation),
        owner=owner,
        starts_on=starts_on,
        recorded_at=NOW,
    )
    return node


def make_instrument(organisation: Organisation, **values: Any) -> EnergyInstrument:
    """Make a certificate of 1 MWh of 2026 at a rate of zero; it is queued, not settled."""
    stated: dict[str, Any] = {
        "name": f"Certificates {number()}",
        "kind": InstrumentKind.CERTIFICATE,
        "energy_mwh": Decimal(1),
        "starts_on": date(2026, 1, 1),
        "ends_before": date(2027, 1, 1),
        **values,
    }
    return record_instrument(
        organisation=organisation, instrument=Instrument(**stated), by=None, now=NOW
    )


def make_run(
    organisation: Organisation | None = None,
    *,
    project: Project | None = None,
    calculated: bool = True,
    **values: Any,
) -> Run:
    """Make a completed run of eight devices for ten hours; without a place, nobody knows it.

    It runs on A100 unless hardware, node, power or energy are given, and is calculated
    unless a test would rather do that itself.
    """
    if organisation is None:
        organisation = project.organisation if project else make_organisation()
    devices, hours = values.get("device_count", 8.0), values.get("duration_hours", 10.0)
    defaults: dict[str, Any] = {
        "name": f"Run {number()}",
        "started_at": datetime(2026, 5, 4, 8, 0, tzinfo=UTC),
        "device_count": devices,
        "duration_hours": hours,
        "device_hours": devices * hours,
    }
    if not {"hardware", "node", "stated_power_watts", "energy_kwh"} & set(values):
        defaults["hardware"] = HardwareModel.objects.get(name=HARDWARE["a100"])
    by = values.pop("created_by", None)
    run = Run(project=project, **{**defaults, **values})
    record_runs(organisation=organisation, runs=[run], by=by, now=NOW)
    if calculated:
        calculate_all()
    return run


def make_double(*, project: Project, calculated: bool = False, **values: Any) -> DoublePair:
    """Make two records of one job, one typed in and one by Slurm, on the review list."""
    pair = [
        make_run(project=project, source_kind=kind, name=f"{kind} record", calculated=calculated,
                 **values)
        for kind in ("form", "sacct")
    ]  # fmt: skip
    return DoublePair.objects.create(
        organisation=project.organisation, first=pair[0], second=pair[1], reason="alike"
    )


def make_cloud_account(
    organisation: Organisation | None = None,
    *,
    provider: CloudProvider = CloudProvider.AWS,
    account_id: str = "",
    **usage: Any,
) -> CloudAccount:
    """Make a cloud account; its runs are those of the provider unless narrowed."""
    n = number()
    return create_cloud_account(
        organisation=organisation or make_organisation(),
        usage=Usage(
            provider=provider,
            account_id=account_id or f"{n:012d}",
            name=usage.pop("name", f"Account {n}"),
            **usage,
        ),
        by=None,
        now=NOW,
    )


def make_fuel_use(
    organisation: Organisation | None = None, *, site: Site | None = None, **values: Any
) -> FuelUse:
    """Make an entry of 100 litres of diesel burnt in May 2026, at 2.5 kg per litre."""
    burnt: dict[str, Any] = {
        "month": date(2026, 5, 1),
        "fuel": Fuel.DIESEL,
        "amount": 100.0,
        "kg_per_unit": 2.5,
        "factor_source": "Test factors",
    }
    return record_fuel(
        site=site or make_site(organisation), burnt=Burnt(**{**burnt, **values}), by=None, now=NOW
    )


def calculate_all() -> None:
    """Calculate everything that is queued, as a worker would."""
    while calculate_pending():
        pass


def settle_all() -> None:
    """Calculate what is queued and settle what runs share, as workers would."""
    calculate_all()
    while settle_pools():
        pass


def make_import(*, project: Project, created_by: User | None = None) -> RunImport:
    """Make an uploaded file of one run that waits for its import."""
    run_import = RunImport.objects.create(
        organisation=project.organisation,
        project=project,
        file_name="runs.csv",
        sha256=f"{number():064d}",
        size_bytes=100,
        file_format="template",
        rows=1,
        new_rows=1,
        created_by=created_by,
    )
    ImportRow.objects.create(
        run_import=run_import,
        row=2,
        outcome="new",
        external_id=f"job-{number()}",
        name="A run",
        project_id=project.pk,
        project_name=project.name,
        started_at=datetime(2026, 3, 1, tzinfo=UTC),
        duration_hours=2.0,
        stated_power_watts=300.0,
        equipment_name="Unheard of",
    )
    return run_import


def make_mapping(*, project: Project, name: str = "") -> ImportMapping:
    """Say what a name in files means."""
    name = name or f"account{number()}"
    return ImportMapping.objects.create(
        organisation=project.organisation,
        kind="project",
        name=name,
        folded=name,
        project=project,
    )


def make_token(*, project: Project | None = None, name: str = "Test") -> ApiToken:
    """Make a token's row; nobody knows the token itself."""
    project = project or make_project()
    return ApiToken.objects.create(
        organisation=project.organisation, project=project, name=name, sha256=f"{number():064d}"
    )


def make_stream(
    *,
    project: Project | None = None,
    experiment: Experiment | None = None,
    now: datetime = NOW,
    **facts: Any,
) -> EnergyStream:
    """Make a whole-machine tracker with one A100 that has just begun."""
    experiment = experiment or default_experiment(
        project=project or make_project(), by=None, now=now
    )
    defaults: dict[str, Any] = {
        "sent_at": now,
        "address": f"address {number()}",
        "is_whole_machine": True,
        "gpu_model": "1 x A100",
        "gpu_count": 1,
    }
    tracker = Tracker(**{**defaults, **facts})
    return open_stream(experiment=experiment, tracker=tracker, by=None, now=now)


def make_post(
    stream: EnergyStream, *, ends: datetime = NOW, now: datetime | None = None, **values: Any
) -> bool:
    """Let a tracker post two minutes: 0.04 kWh, of which GPU 0.03, CPU and memory 0.005 each."""
    defaults: dict[str, Any] = {
        "duration_seconds": 120.0,
        "energy_kwh": 0.04,
        "cpu_energy_kwh": 0.005,
        "gpu_energy_kwh": 0.03,
        "memory_energy_kwh": 0.005,
        "reported_kg": 0.002,
    }
    post = Post(sent_at=ends, **{**defaults, **values})
    return receive_post(stream_id=stream.pk, post=post, now=now or ends)
