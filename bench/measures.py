"""What is measured: the calculation against bare SQL, dashboards over many and few runs."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg2
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.worker import memory_mb
from emissions.calculation.vocabulary import Cause, Role
from emissions.models import (
    EmissionEntry,
    GridZone,
    Membership,
    Organisation,
    PendingCalculation,
    Run,
    User,
)
from emissions.models.entry import QUANTITIES
from emissions.services.calculate import calculate_pending
from emissions.services.factors.adopt import adopt_factor_set
from emissions.services.invalidate import organisation_changed
from emissions.services.manage_meters import Reading, record_reading
from emissions.services.queue import queue_runs
from emissions.services.record_runs import edit_run
from tests import factories

NOW = datetime(2026, 7, 1, tzinfo=UTC)
PROJECTS, SITES = 20, 4
#: All months that runs are inserted in: what dashboards are asked for.
PERIOD = "Jul 2023–Jun 2026"
#: Runs of the small organisation: enough for every combination of the large one's cells.
FEW = 10_000
#: What is opened, and how much longer it may take where the same cells have more runs.
PAGES = (
    ("dashboard of the organisation", "", 1.3),
    ("dashboard of the team", "teams/{team}/", 1.3),
    ("dashboard of the project", "projects/{project}/", 1.3),
    ("page of a node", "inventory/nodes/{node}/", 1.5),
    ("page of a site", "inventory/sites/{site}/", 1.5),
    ("list of sites and nodes", "inventory/", 1.5),
    ("list of runs", "runs/", 1.5),
)
WITHOUT_PERIOD = {"inventory/", "runs/"}
Measure = dict[str, object]


def create_database() -> None:
    """Create the empty database that the settings name, unless it is there."""
    database = settings.DATABASES["default"]
    link = psycopg2.connect(dbname="postgres", user=database["USER"], host=database["HOST"])
    link.autocommit = True
    with link.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database["NAME"]])
        if cursor.fetchone() is None:
            cursor.execute(f'CREATE DATABASE "{database["NAME"]}"')
    link.close()


def measure(*, runs: int) -> list[Measure]:
    """Return all measures for an organisation of so many runs and one of few."""
    large, small = _organisation("large"), _organisation("small")
    _insert_runs(small, FEW)
    _calculate()
    with _second_worker() as worker:
        _insert_runs(large, runs)
        _analyse()
        with _timed() as calculating:
            _calculate(worker)
        _analyse()
        with _timed() as bare:
            _bare_copy()
        return [
            _ratio(
                f"calculating {runs:,} new runs, 2 workers, to bare SQL",
                calculating,
                bare,
                aim=5.0,
            ),
            _value("runs calculated per second", runs / calculating.seconds, "1/s"),
            # While both have the same cells: what follows moves runs of one alone.
            *_pages(large, small, runs),
            *_moved([small, large], runs, bare, worker),
            *_moved_zone(large, runs),
            *_one_edit(large),
            _value("largest memory of a calculating process", worker.memory_mb, "MB"),
        ]


def _organisation(slug: str) -> Organisation:
    """Make an organisation with teams, projects, sites and an officer."""
    organisation = factories.make_organisation(slug, slug=slug)
    teams = [factories.make_team(organisation=organisation) for _ in range(4)]
    for at in range(PROJECTS):
        factories.make_project(organisation=organisation, team=teams[at % len(teams)])
    sites = [factories.make_site(organisation=organisation) for _ in range(SITES)]
    factories.make_node(site=sites[-1])
    user = User.objects.create_user(f"{slug}@example.org")
    Membership.objects.create(organisation=organisation, user=user, role=Role.OFFICER)
    return organisation


def _insert_runs(organisation: Organisation, count: int) -> None:
    """Insert runs over three years and queue them.

    They take turns at all combinations of project, site, status and month, so that few
    runs have the same cells as many. Those at the last site are on its node.
    """
    columns = (
        "external_id, ai_model, cpu_cores, notes, sweep, metric_name, stated_factor_source,"
        " energy_includes_pue, energy_measured, stage, source_kind"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO emissions_run (organisation_id, project_id, name, site_id, hardware_id,
              node_id, started_at, duration_hours, device_count, device_hours, power_share, status,
              created_at, updated_at, {columns})
            SELECT %(organisation)s, projects.ids[1 + n %% %(projects)s], 'run ' || n,
              CASE WHEN on_node THEN NULL ELSE sites.ids[1 + n / %(projects)s %% %(sites)s] END,
              CASE WHEN on_node THEN NULL ELSE hardware.id END, CASE WHEN on_node THEN node.id END,
              timestamptz '2023-07-01 00:00Z' + n %% 613 * interval '1 hour'
                + n / (2 * %(combinations)s) %% 36 * interval '1 month',
              1 + n %% 47, 8, 8 * (1 + n %% 47), 0.6,
              CASE WHEN n / %(combinations)s %% 2 = 0 THEN 'failed' ELSE 'completed' END,
              now(), now(), '', '', NULL, '', '', '', '', false, false, 'pre_training', 'api'
            FROM generate_series(1, %(count)s) AS n,
              LATERAL (SELECT n / %(projects)s %% %(sites)s = %(sites)s - 1 AS on_node) place,
              (SELECT id FROM emissions_node WHERE organisation_id = %(organisation)s) AS node,
              (SELECT array_agg(id ORDER BY id) AS ids FROM emissions_project
                WHERE organisation_id = %(organisation)s) AS projects,
              (SELECT array_agg(id ORDER BY id) AS ids FROM emissions_site
                WHERE organisation_id = %(organisation)s) AS sites,
              (SELECT min(id) AS id FROM emissions_hardwaremodel) AS hardware
            """,
            {
                "organisation": organisation.pk,
                "count": count,
                "projects": PROJECTS,
                "sites": SITES,
                "combinations": PROJECTS * SITES,
            },
        )
        cursor.execute(
            "INSERT INTO emissions_runstate (run_id, error, node_id)"
            " SELECT id, '', node_id FROM emissions_run"
            " WHERE organisation_id = %s ORDER BY id",
            [organisation.pk],
        )
    organisation_changed(organisation=organisation, by=None, reason="bench")


class Worker:
    """A process that calculates beside this one, as the second bulk worker of `make up`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.memory_mb = memory_mb()

    def begin(self) -> None:
        """Let it calculate what is pending."""
        assert self.process.stdin
        self.process.stdin.write("calculate\n")
        self.process.stdin.flush()

    def finish(self) -> None:
        """Wait until it finds nothing more to do."""
        assert self.process.stdout
        answer = self.process.stdout.readline()
        assert answer, "The second worker ended"
        self.memory_mb = max(self.memory_mb, memory_mb(), float(answer))


@contextmanager
def _second_worker() -> Iterator[Worker]:
    """Start another calculating process, warm before anything is measured."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        worker = Worker(process)
        worker.begin()
        worker.finish()
        yield worker
        assert process.stdin
        process.stdin.close()


def _calculate(worker: Worker | None = None) -> None:
    if worker:
        worker.begin()
    while calculate_pending():
        pass
    if worker:
        worker.finish()


def _analyse() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def _bare_copy() -> None:
    """Do what any ledger must at least do: write the same entries, and sum them."""
    names = ", ".join(QUANTITIES)
    sums = ", ".join(f"sum({name}) AS {name}" for name in QUANTITIES)
    entry = f"posting_id, source, run_id, cell_id, month, {names}"
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare_entry (LIKE emissions_emissionentry INCLUDING ALL)")
        cursor.execute(
            f"INSERT INTO bare_entry ({entry}) SELECT {entry} FROM emissions_emissionentry"
        )
        cursor.execute(
            f"CREATE TABLE bare_total AS SELECT cell_id, month, {sums} FROM bare_entry"
            " GROUP BY cell_id, month"
        )


def _moved(
    organisations: list[Organisation], runs: int, bare: "Timer", worker: Worker
) -> list[Measure]:
    """Measure moving every run to another factor."""
    other = factories.make_factor_set(slug="bench-other")
    for year in range(2023, 2027):
        factories.make_factor(
            factor_set=other,
            zone=GridZone.objects.get(code="FR"),
            year=year,
            g_co2e_per_kwh=61.0,
        )
    for organisation in organisations:
        adopt_factor_set(
            organisation=organisation, factor_set=other, precedence=0, by=None, now=NOW
        )
    with _timed() as moving:
        _calculate(worker)
    _analyse()
    hourly = factories.make_factor_set(slug="bench-hourly")
    for year in range(2023, 2027):
        factories.make_hours(
            factor_set=hourly,
            zone=GridZone.objects.get(code="FR"),
            year=year,
            grams=lambda hour: None if hour % 97 == 0 else 40.0 + hour % 24,
        )
    for organisation in organisations:
        adopt_factor_set(
            organisation=organisation, factor_set=hourly, precedence=99, by=None, now=NOW
        )
    with _timed() as by_hour:
        _calculate(worker)
    _analyse()
    return [
        _ratio(f"moving {runs:,} runs to another factor, to bare SQL", moving, bare),
        _ratio(f"moving {runs:,} runs to hourly factors, to annual", by_hour, moving, aim=1.5),
    ]


def _moved_zone(organisation: Organisation, runs: int) -> list[Measure]:
    """Measure a new factor of one zone that a hundredth of the runs stand in.

    Its peer is moving the same runs to that zone, when it is known which: the aim leaves
    half as much again for finding them.
    """
    sweden = GridZone.objects.get(code="SE")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE emissions_run SET site_id = NULL, zone_id = %s"
            " WHERE organisation_id = %s AND id %% 100 = 0 AND node_id IS NULL",
            [sweden.pk, organisation.pk],
        )
    moved = Run.objects.filter(organisation=organisation, zone=sweden)
    with _timed() as known:
        queue_runs(runs=moved, by=None, cause=Cause.DATA, priority=PendingCalculation.BULK)
        _calculate()
    _analyse()
    other = factories.make_factor_set(slug="bench-zone")
    for year in range(2023, 2027):
        factories.make_factor(factor_set=other, zone=sweden, year=year, g_co2e_per_kwh=21.0)
    with _timed() as moving:
        adopt_factor_set(
            organisation=organisation, factor_set=other, precedence=-1, by=None, now=NOW
        )
        queued = PendingCalculation.objects.count()
        _calculate()
    assert queued == moved.count()
    name = f"a factor of one zone moves {queued:,} of {runs:,} runs, to moving those"
    return [_ratio(name, moving, known, aim=1.5)]


def _one_edit(organisation: Organisation) -> list[Measure]:
    """Count the lines that pools post after one run was edited, with a meter and certificates."""
    site = organisation.sites.order_by("pk")[0]
    reading = Reading(
        starts_on=date(2023, 7, 1), ends_before=date(2026, 7, 1), energy_kwh=Decimal(900_000_000)
    )
    record_reading(site=site, reading=reading, by=None, now=NOW)
    factories.make_instrument(
        organisation, starts_on=date(2023, 7, 1), energy_mwh=Decimal(90_000), site=site
    )
    factories.settle_all()
    of_pools = EmissionEntry.objects.filter(pool__isnull=False)
    before = of_pools.count()
    run = Run.objects.of(organisation).filter(site=site).order_by("pk")[0]
    run.power_share = 0.9
    edit_run(run=run, by=None, now=NOW)
    with _timed() as settling:
        factories.settle_all()
    lines = of_pools.count() - before
    return [
        _value("lines of pools after one edited run", lines, "lines"),
        _value("calculating and settling it", settling.seconds, "s"),
    ]


def _pages(large: Organisation, small: Organisation, runs: int) -> list[Measure]:
    """Measure each page's server time with many runs as a ratio to few, in turn."""
    found: list[Measure] = []
    for name, path, aim in PAGES:
        many, few = _page(large, path), _page(small, path)
        slow, quick = [], []
        for _ in range(15):
            slow.append(_seconds(many))
            quick.append(_seconds(few))
        with CaptureQueriesContext(connection) as queries:
            many()
        value, base = sorted(slow)[7], sorted(quick)[7]
        found.append(
            {
                "name": f"{name}, {runs:,} runs to {FEW:,}",
                "value": round(value * 1000, 1),
                "unit": "ms",
                "baseline": round(base * 1000, 1),
                "ratio": round(value / base, 2),
                "aim": aim,
            }
        )
        found.append(_value(f"queries of that {name.split()[0]}", len(queries), "queries"))
    return found


def _page(organisation: Organisation, path: str) -> Callable[[], None]:
    client = Client()
    client.force_login(User.objects.get(email=f"{organisation.slug}@example.org"))
    team = organisation.teams.order_by("pk").first()
    project = organisation.projects.order_by("pk").first()
    assert team is not None
    assert project is not None
    node = organisation.nodes.get()
    site = organisation.sites.latest("pk")
    slugs = {"team": team.slug, "project": project.slug, "node": node.slug, "site": site.slug}
    address = f"/o/{organisation.slug}/{path.format(**slugs)}"

    def get() -> None:
        response = client.get(address, {"from": "2023-07", "to": "2026-06"})
        assert response.status_code == 200, (address, response.status_code)
        assert path in WITHOUT_PERIOD or PERIOD.encode() in response.content

    get()
    return get


class Timer:
    """Seconds that a block took."""

    seconds = 0.0


@contextmanager
def _timed() -> Iterator[Timer]:
    timer = Timer()
    start = time.perf_counter()
    yield timer
    timer.seconds = time.perf_counter() - start


def _seconds(call: Callable[[], None]) -> float:
    with _timed() as timer:
        call()
    return timer.seconds


def _ratio(name: str, value: Timer, baseline: Timer, aim: float | None = None) -> Measure:
    return {
        "name": name,
        "value": round(value.seconds, 2),
        "unit": "s",
        "baseline": round(baseline.seconds, 2),
        "ratio": round(value.seconds / baseline.seconds, 2),
        "aim": aim,
    }


def _value(name: str, value: float, unit: str) -> Measure:
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "baseline": None,
        "ratio": None,
        "aim": None,
    }
