"""From posts to hourly observations, runs and ledger lines."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emissions.calculation.vocabulary import (
    Basis,
    Boundary,
    NameKind,
    RunStatus,
    SourceKind,
)
from emissions.models import (
    EmissionEntry,
    EnergyStream,
    Experiment,
    HardwareModel,
    ImportMapping,
    Observation,
    PendingCalculation,
    Run,
    UnfoldedPost,
)
from emissions.selectors.catalogue import folded
from emissions.services.manage_experiments import default_experiment
from emissions.services.record_runs import delete_run
from emissions.services.streams import fold as service
from emissions.services.streams.fold import fold_streams
from emissions.services.verify_ledger import verify_ledger
from tests.emissions.services.streams.reading import HOUR, MINUTE, posted_kwh, run_of
from tests.factories import (
    HARDWARE,
    NOW,
    calculate_all,
    make_organisation,
    make_post,
    make_project,
    make_run,
    make_site,
    make_stream,
)

pytestmark = pytest.mark.django_db


class TestARun:
    def test_it_appears_with_the_first_post(self):
        project = make_project()
        site = make_site(project.organisation)
        stream = make_stream(project=project)
        assert fold_streams(now=NOW) == 0
        make_post(stream)
        assert fold_streams(now=NOW) == 1
        run = run_of(stream)
        assert (run.project, run.site) == (project, site)
        assert (run.source_kind, run.status) == (SourceKind.CODECARBON, RunStatus.RUNNING)
        assert run.hardware.name == HARDWARE["a100"]
        assert run.external_id == str(stream.uuid)
        assert run.energy_kwh == pytest.approx(0.04)
        assert run.reported_kg == pytest.approx(0.002)
        assert run.started_at == NOW - 2 * MINUTE
        assert run.duration_hours == pytest.approx(2 / 60)
        assert not UnfoldedPost.objects.exists()

    def test_its_energy_reaches_the_ledger(self):
        stream = make_stream()
        for minutes in range(0, 60, 2):
            make_post(stream, ends=NOW + minutes * MINUTE)
        fold_streams(now=NOW + HOUR)
        calculate_all()
        assert posted_kwh(run_of(stream)) == Decimal("1.2")
        assert verify_ledger().clean

    def test_what_people_said_of_it_stays(self):
        stream = make_stream()
        make_post(stream)
        fold_streams(now=NOW)
        Run.objects.update(name="Ours", notes="Seen")
        make_post(stream, ends=NOW + HOUR)
        fold_streams(now=NOW + HOUR)
        run = run_of(stream)
        assert (run.name, run.notes) == ("Ours", "Seen")
        assert run.energy_kwh == pytest.approx(0.08)

    def test_a_deleted_one_stays_deleted(self):
        stream = make_stream()
        make_post(stream)
        fold_streams(now=NOW)
        delete_run(run=run_of(stream), by=None, now=NOW)
        make_post(stream, ends=NOW + HOUR)
        fold_streams(now=NOW + HOUR)
        calculate_all()
        assert not Run.objects.alive().exists()
        assert posted_kwh(run_of(stream)) in (None, 0)

    def test_an_id_that_is_taken_stays_with_who_has_it(self):
        stream = make_stream()
        make_run(project=stream.experiment.project, external_id=str(stream.uuid), calculated=False)
        make_post(stream)
        fold_streams(now=NOW)
        assert run_of(stream).external_id == ""

    def test_one_that_cannot_be_folded_holds_up_no_other(self, monkeypatch):
        bad, good = make_stream(), make_stream()
        for stream in (bad, good):
            make_post(stream)
        fold = service._fold

        def broken(stream_ids, **options):
            if bad.pk in stream_ids:
                raise ValueError("broken")
            fold(stream_ids, **options)

        monkeypatch.setattr(service, "_fold", broken)
        assert fold_streams(now=NOW) == 1
        assert run_of(good).energy_kwh == pytest.approx(0.04)
        assert UnfoldedPost.objects.get().stream_id == bad.pk


class TestHours:
    def test_a_post_across_the_hour_is_split(self):
        stream = make_stream()
        make_post(stream, ends=NOW + MINUTE, duration_seconds=120)
        fold_streams(now=NOW + MINUTE)
        first, second = Observation.objects.order_by("started_at")
        assert first.ended_at == second.started_at == NOW
        assert first.energy_kwh == second.energy_kwh == pytest.approx(0.02)

    def test_each_component_says_how_it_is_known(self):
        stream = make_stream()
        make_post(stream)
        fold_streams(now=NOW)
        found = Observation.objects.get()
        assert found.gpu_basis == Basis.DEVICE_COUNTER
        assert found.cpu_basis == found.memory_basis == Basis.ESTIMATED
        assert found.boundary == Boundary.MACHINE
        assert found.host == stream.host
        assert found.source_kind == SourceKind.CODECARBON

    def test_the_organisation_knows_whether_processors_are_counted(self):
        experiment = default_experiment(project=make_project(), by=None, now=NOW)
        Experiment.objects.update(cpu_measured=True)
        experiment.refresh_from_db()
        stream = make_stream(experiment=experiment)
        make_post(stream, energy_kwh=0.0355, memory_energy_kwh=0.0005)
        fold_streams(now=NOW)
        assert Observation.objects.get().cpu_basis == Basis.DEVICE_COUNTER
        assert run_of(stream).energy_measured

    def test_a_material_estimate_makes_the_run_an_estimate(self):
        stream = make_stream()
        make_post(stream)
        fold_streams(now=NOW)
        assert not run_of(stream).energy_measured

    def test_a_fold_that_changes_nothing_writes_nothing(self):
        stream = make_stream()
        for minutes in range(0, 200, 2):
            make_post(stream, ends=NOW + minutes * MINUTE, energy_kwh=0.1 / (minutes + 3))
        fold_streams(now=NOW + 4 * HOUR)
        before = list(Observation.objects.values_list("pk", flat=True))
        PendingCalculation.objects.all().delete()
        fold_streams(now=NOW + 4 * HOUR, stream_ids=[stream.pk])
        assert list(Observation.objects.values_list("pk", flat=True)) == before
        assert not PendingCalculation.objects.exists()

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(
            st.tuples(st.integers(0, 10_000), st.integers(0, 20_000), st.integers(0, 500)),
            min_size=1,
            max_size=12,
        ),
        st.randoms(),
    )
    def test_hours_add_up_to_the_posts_in_any_order(self, posts, random):
        stream = make_stream()
        random.shuffle(posts)
        said = set()
        for at, seconds, energy in [*posts, *posts[:3]]:
            moment = NOW + timedelta(seconds=at)
            make_post(
                stream,
                ends=moment,
                now=NOW + timedelta(days=1),
                duration_seconds=float(seconds),
                energy_kwh=energy / 1000,
            )
            said.add((at, seconds, energy))
        fold_streams(now=NOW + timedelta(days=1), stream_ids=[stream.pk])
        total = sum(energy for _, _, energy in said) / 1000
        run = run_of(stream)
        assert run.energy_kwh == pytest.approx(total, abs=1e-9)
        hours = list(Observation.objects.filter(run=run))
        assert sum(hour.energy_kwh for hour in hours) == pytest.approx(total, abs=1e-9)
        for hour in hours:
            begins = hour.started_at.replace(minute=0, second=0, microsecond=0)
            assert begins <= hour.started_at <= hour.ended_at <= begins + HOUR


class TestDurations:
    """A client cuts a post's duration down to whole seconds."""

    def hours(self, *posts: tuple[float, float]) -> float:
        stream = make_stream()
        for ends, seconds in posts:
            make_post(
                stream,
                ends=NOW + timedelta(seconds=ends),
                now=NOW + HOUR,
                duration_seconds=seconds,
            )
        fold_streams(now=NOW + HOUR)
        run = run_of(stream)
        assert run.device_hours == pytest.approx(run.duration_hours * run.device_count)
        return run.duration_hours * 3600

    def test_posts_that_follow_each_other_leave_no_gap(self):
        assert self.hours((10, 10), (20.75, 10), (31.5, 10)) == pytest.approx(31.5)

    def test_out_of_order_just_so(self):
        assert self.hours((31.5, 10), (10, 10), (20.75, 10)) == pytest.approx(31.5)

    @pytest.mark.parametrize("ends", [(10, 30), (10, 21.0), (10, 19.5)])
    def test_a_gap_of_a_second_or_an_overlap_is_no_such_cut(self, ends):
        stream = make_stream()
        for end in ends:
            make_post(stream, ends=NOW + timedelta(seconds=end), now=NOW + HOUR,
                      duration_seconds=10.0)  # fmt: skip
        fold_streams(now=NOW + HOUR)
        run = run_of(stream)
        assert run.device_hours == pytest.approx(20 / 3600 * run.device_count)


class TestClocks:
    def test_a_clock_that_runs_ahead_is_held_to_ours(self):
        stream = make_stream()
        make_post(stream, ends=NOW + 72 * HOUR, now=NOW)
        fold_streams(now=NOW)
        assert run_of(stream).ended_at == NOW

    def test_a_late_post_counts_in_its_own_hour(self):
        stream = make_stream()
        make_post(stream, ends=NOW - 72 * HOUR, now=NOW)
        fold_streams(now=NOW)
        assert run_of(stream).ended_at == NOW - 72 * HOUR
        assert run_of(stream).status == RunStatus.RUNNING

    def test_a_post_across_a_month_s_end_is_in_both_months(self):
        ends = datetime(2026, 7, 1, 0, 1, tzinfo=UTC)
        stream = make_stream()
        make_post(stream, ends=ends, duration_seconds=120)
        fold_streams(now=ends)
        calculate_all()
        lines = EmissionEntry.objects.filter(run=run_of(stream)).order_by("month")
        assert [line.month.month for line in lines] == [6, 7]
        assert sum(line.energy_it_kwh for line in lines) == Decimal("0.04")


class TestAnOrganisationElsewhere:
    """Its months are its own time zone's, and its clocks may change under a run."""

    def lines(self, *posts: tuple[datetime, int]) -> list[tuple[int, Decimal]]:
        project = make_project(organisation=make_organisation(time_zone="Europe/Paris"))
        stream = make_stream(project=project)
        for ends, minutes in posts:
            make_post(stream, ends=ends, now=ends, duration_seconds=60.0 * minutes)
        fold_streams(now=posts[-1][0])
        calculate_all()
        lines = EmissionEntry.objects.filter(run=run_of(stream)).order_by("month")
        assert verify_ledger().clean
        return [(line.month.month, line.energy_it_kwh) for line in lines]

    def test_a_post_across_its_month_s_end(self):
        """Midnight in Paris is ten at night in UTC."""
        ends = datetime(2026, 6, 30, 22, 1, tzinfo=UTC)
        assert self.lines((ends, 4)) == [(6, Decimal("0.03")), (7, Decimal("0.01"))]

    @pytest.mark.parametrize(
        "change", [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2025, 10, 26, 1, tzinfo=UTC)]
    )
    def test_a_change_of_clocks_neither_adds_nor_drops_an_hour(self, change):
        posts = [(change + at * HOUR + HOUR / 2, 60) for at in range(-3, 4)]
        ((_, kwh),) = self.lines(*posts)
        assert kwh == Decimal("0.28")
        run = Run.objects.get()
        assert run.duration_hours == pytest.approx(7)
        hours = Observation.objects.order_by("started_at")
        assert [one.started_at for one in hours][1:] == [one.ended_at for one in hours][:-1]


class TestTotals:
    def test_the_last_one_counts(self):
        stream = make_stream()
        EnergyStream.objects.update(is_cumulative=True)
        for minutes, kwh in ((2, 0.04), (6, 0.12), (6, 0.12), (4, 0.08)):
            make_post(
                stream,
                ends=NOW + minutes * MINUTE,
                duration_seconds=minutes * 60.0,
                energy_kwh=kwh,
            )
        fold_streams(now=NOW + HOUR)
        run = run_of(stream)
        assert run.energy_kwh == pytest.approx(0.12)
        assert run.device_hours == pytest.approx(0.1)
        assert run.started_at == NOW


class TestHardware:
    def folded(self, **facts) -> Run:
        stream = make_stream(**facts)
        make_post(stream)
        fold_streams(now=NOW)
        return run_of(stream)

    @pytest.mark.parametrize(
        ("facts", "unknown"),
        [
            ({"gpu_model": "8 x Warp Core", "gpu_count": 8}, "Warp Core"),
            ({"gpu_model": "2 x A100, 2 x H100", "gpu_count": 4}, "2 x A100, 2 x H100"),
            ({"gpu_model": "", "gpu_count": 0, "cpu_model": "Slide rule"}, "Slide rule"),
            ({"gpu_model": "", "gpu_count": 0}, ""),
            ({"gpu_model": "8 x A100", "gpu_count": 8}, ""),
        ],
    )
    def test_what_is_not_known_waits_to_be_assigned(self, facts, unknown):
        assert self.folded(**facts).unknown_equipment == unknown

    def test_what_somebody_has_said_of_a_name_counts(self):
        project = make_project()
        hardware = HardwareModel.objects.get(name=HARDWARE["h100"])
        ImportMapping.objects.create(
            organisation=project.organisation,
            kind=NameKind.EQUIPMENT,
            name="Warp Core",
            folded=folded("Warp Core"),
            hardware=hardware,
        )
        run = self.folded(project=project, gpu_model="8 x Warp Core", gpu_count=8)
        assert (run.hardware, run.unknown_equipment, run.device_count) == (hardware, "", 8)
