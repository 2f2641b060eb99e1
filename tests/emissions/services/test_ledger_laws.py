"""Any sequence of events leaves the ledger equal to a fresh calculation."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from emissions.models import (
    EmissionEntry,
    FactorSetAdoption,
    GridZone,
    MonthlyTotal,
    NodeTotal,
    Run,
)
from emissions.models.entry import QUANTITIES
from emissions.services.calculate import calculate_pending
from emissions.services.factors.adopt import adopt_factor_set, withdraw_factor_set
from emissions.services.manage_projects import assign_project
from emissions.services.record_runs import delete_run, edit_run, record_runs
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    make_factor,
    make_factor_set,
    make_node,
    make_organisation,
    make_project,
    make_site,
    make_team,
)

HOURS = st.floats(0, 20_000, allow_nan=False)
STARTS = st.datetimes(datetime(2021, 1, 1), datetime(2026, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001

EVENT = st.one_of(
    st.tuples(st.just("record"), STARTS, HOURS, st.integers(0, 4)),
    st.tuples(st.just("edit"), STARTS, HOURS, st.integers(0, 4)),
    st.tuples(st.just("move"), st.integers(0, 50), st.integers(0, 1)),
    st.tuples(st.just("place_on"), st.integers(0, 50), st.integers(0, 2)),
    st.tuples(st.just("delete"), st.integers(0, 50)),
    st.tuples(st.just("adopt")),
    st.tuples(st.just("withdraw")),
    st.tuples(
        st.just("reorganise"), st.integers(0, 1), st.dates(date(2021, 1, 1), date(2026, 1, 1))
    ),
    st.tuples(st.just("calculate")),
)


class World:
    """An organisation with two teams, two projects, a site with nodes, and two factor sets."""

    def __init__(self) -> None:
        self.organisation = make_organisation(time_zone="Europe/Paris")
        self.teams = [make_team(organisation=self.organisation) for _ in range(2)]
        self.projects = [
            make_project(organisation=self.organisation, team=team) for team in self.teams
        ]
        self.site = make_site(organisation=self.organisation)
        self.node = make_node(organisation=self.organisation, site=self.site)
        self.nodes = [self.node, make_node(organisation=self.organisation, site=self.site), None]
        self.other = make_factor_set(slug=f"other-{self.organisation.pk}")
        for year in (2022, 2024):
            make_factor(
                factor_set=self.other,
                zone=GridZone.objects.get(code="FR"),
                year=year,
                g_co2e_per_kwh=77.7 + year,
            )

    def place(self, kind: int) -> dict[str, object]:
        """Return what a run of a kind states."""
        return [
            {"site": self.site, "stated_power_watts": 333.3},
            {"node": self.node},
            {"zone": GridZone.objects.get(code="US-CA"), "stated_power_watts": 100.0},
            {"energy_kwh": 12.345678912, "energy_includes_pue": True, "site": self.site},
            {
                "stated_power_watts": 250.0,
                "stated_factor_g_per_kwh": 432.1,
                "stated_factor_source": "supplier",
            },
        ][kind]

    def apply(self, event: tuple[object, ...]) -> None:
        """Do what an event says, through the services."""
        getattr(self, str(event[0]))(*event[1:])

    def pick(self, at: int) -> Run | None:
        """Return one of the runs that stand."""
        runs = list(Run.objects.of(self.organisation).order_by("pk"))
        return runs[at % len(runs)] if runs else None

    def record(self, started_at: datetime, hours: float, kind: int) -> None:
        run = Run(
            name="run",
            project=self.projects[kind % 2],
            started_at=started_at,
            duration_hours=hours,
            device_count=8,
            device_hours=8 * hours,
            **self.place(kind),
        )
        record_runs(organisation=self.organisation, runs=[run], by=None, now=NOW)

    def edit(self, started_at: datetime, hours: float, kind: int) -> None:
        if run := self.pick(kind):
            run.started_at, run.duration_hours, run.device_hours = started_at, hours, 8 * hours
            edit_run(run=run, by=None, now=NOW)

    def move(self, at: int, to: int) -> None:
        if run := self.pick(at):
            run.project = self.projects[to]
            edit_run(run=run, by=None, now=NOW)

    def place_on(self, at: int, to: int) -> None:
        if run := self.pick(at):
            run.node, run.stated_power_watts = self.nodes[to], 333.3
            edit_run(run=run, by=None, now=NOW)

    def delete(self, at: int) -> None:
        if run := self.pick(at):
            delete_run(run=run, by=None, now=NOW)

    def adopt(self) -> None:
        adopted = FactorSetAdoption.objects.filter(factor_set=self.other, withdrawn_at=None)
        if not adopted.exists():
            adopt_factor_set(
                organisation=self.organisation,
                factor_set=self.other,
                precedence=0,
                by=None,
                now=NOW,
            )

    def withdraw(self) -> None:
        adopted = FactorSetAdoption.objects.filter(factor_set=self.other, withdrawn_at=None)
        if adopted.exists():
            withdraw_factor_set(
                organisation=self.organisation, factor_set=self.other, by=None, now=NOW
            )

    def reorganise(self, to: int, day: date) -> None:
        assign_project(
            project=self.projects[0],
            team=self.teams[to],
            cost_centre="",
            starts_on=day,
            by=None,
            now=NOW,
        )

    def calculate(self) -> None:
        while calculate_pending():
            pass


@pytest.mark.django_db
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.shrink},
)
@given(events=st.lists(EVENT, min_size=3, max_size=12))
@example(events=[("record", datetime(2021, 1, 1, tzinfo=UTC), 5e-324, 0)])
def test_any_sequence_leaves_the_ledger_equal_to_a_fresh_calculation(db, events):
    world = World()
    for event in events:
        world.apply(event)
    world.calculate()
    assert verify_ledger(organisation=world.organisation).clean
    _totals_add_up(world)
    _nodes_have_the_lines_of_their_runs(world)
    before = EmissionEntry.objects.count()
    world.calculate()
    assert EmissionEntry.objects.count() == before


def _totals_add_up(world: World) -> None:
    """Months add up to the run, teams to the organisation, totals to the entries."""
    totals = MonthlyTotal.objects.filter(cell__organisation=world.organisation)
    entries = EmissionEntry.objects.filter(cell__organisation=world.organisation)
    sums = {name: Sum(name, default=0) for name in QUANTITIES}
    whole = totals.aggregate(**sums)
    assert whole == entries.aggregate(**sums)
    by_team = list(totals.values("cell__team").annotate(**sums))
    for name in QUANTITIES:
        assert sum(row[name] for row in by_team) == whole[name]
    assert whole["runs_started"] == Run.objects.of(world.organisation).count()
    hours = sum(run.device_hours for run in Run.objects.of(world.organisation))
    assert float(whole["device_hours"]) == pytest.approx(hours, abs=1e-6)


def _nodes_have_the_lines_of_their_runs(world: World) -> None:
    sums = {name: Sum(name, default=0) for name in QUANTITIES}
    for node in world.nodes[:2]:
        totals = NodeTotal.objects.filter(node=node).aggregate(**sums)
        of_runs = EmissionEntry.objects.filter(run__node=node, run__deleted_at=None)
        assert totals == of_runs.aggregate(**sums)


@pytest.mark.django_db
def test_adopting_a_set_and_withdrawing_it_posts_the_exact_inverse():
    world = World()
    start = datetime(2022, 5, 1, tzinfo=UTC)
    for day in range(20):
        world.record(start + timedelta(days=40 * day), 777.7, day % 5)
    world.calculate()
    stood = _net()
    world.adopt()
    world.calculate()
    assert _net() != stood
    world.withdraw()
    world.calculate()
    assert {key: value for key, value in _net().items() if any(value)} == stood


def _net() -> dict[tuple[object, ...], tuple[object, ...]]:
    rows = EmissionEntry.objects.values_list("run", "month", "cell").annotate(
        *(Sum(name) for name in QUANTITIES)
    )
    return {row[:3]: row[3:] for row in rows.order_by("run", "month", "cell")}
