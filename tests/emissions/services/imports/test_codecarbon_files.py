"""CodeCarbon's emissions.csv beside its posts: one run, the same figures."""

from datetime import timedelta
from typing import Any

import pytest

from emissions.calculation.vocabulary import Boundary
from emissions.models import (
    EmissionEntry,
    EnergyStream,
    Experiment,
    Observation,
    Organisation,
    Project,
    Run,
)
from emissions.services.imports.run import undo_import
from emissions.services.manage_experiments import (
    create_experiment,
    default_experiment,
    setup_at,
)
from emissions.services.record_runs import delete_run
from emissions.services.streams.fold import CLOSE_AFTER, fold_streams
from emissions.services.verify_ledger import verify_ledger
from tests.emissions.importers.test_codecarbon import file_of
from tests.emissions.services.imports.files import bring, counts, finish, upload
from tests.factories import (
    NOW,
    calculate_all,
    make_post,
    make_project,
    make_site,
    make_stream,
)

pytestmark = pytest.mark.django_db

HOURS = 3
ENDS = NOW + timedelta(hours=HOURS)
CLOSED = ENDS + CLOSE_AFTER + timedelta(minutes=1)


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def organisation(project: Project) -> Organisation:
    return project.organisation


def experiment_at_a_site(project: Project, **setup: Any) -> Experiment:
    site = make_site(project.organisation, pue=1.5)
    return create_experiment(
        project=project, name="There", setup=setup_at(site, **setup), by=None, now=NOW
    )


def streamed(experiment: Experiment, **values: Any) -> Run:
    """Return the run of a tracker that posts for three hours and ends."""
    stream = make_stream(experiment=experiment)
    for at in range(HOURS * 30):
        make_post(stream, ends=NOW + timedelta(minutes=2 * (at + 1)), **values)
    fold_streams(now=CLOSED)
    fold_streams(now=CLOSED)
    stream.refresh_from_db()
    assert stream.run is not None
    return stream.run


def row_of(experiment: Experiment, posts: int = HOURS * 30, **changes: Any) -> dict[str, str]:
    """Return the row that this tracker writes."""
    energies = {"energy_consumed": 0.04, "cpu_energy": 0.005, "gpu_energy": 0.03,
                "ram_energy": 0.005, "emissions": 0.002}  # fmt: skip
    return {
        "experiment_id": str(experiment.uuid),
        "project_name": "codecarbon",
        "timestamp": (NOW + timedelta(minutes=2 * posts)).replace(tzinfo=None).isoformat(),
        "duration": str(120.0 * posts),
        "gpu_count": "1",
        "gpu_model": "1 x A100",
        **{name: str(round(value * posts, 12)) for name, value in energies.items()},
        **changes,
    }


def lines(run: Run) -> list[tuple[Any, ...]]:
    """Return the ledger's lines of a run: quantities and cells."""
    calculate_all()
    quantities = [
        "month", "device_hours", "energy_it_kwh", "energy_facility_kwh", "location_based_kg",
        "market_based_kg", "upstream_kg", "losses_kg", "embodied_kg", "water_litres",
        "runs_started", "independent_variance_kg2", "cell_id",
    ]  # fmt: skip
    return sorted(EmissionEntry.objects.filter(run=run).values_list(*quantities))


@pytest.mark.parametrize("cpu_measured", [True, False])
@pytest.mark.parametrize("gpu_only", [True, False])
def test_posts_and_file_of_a_run_give_the_same_lines(project, organisation, cpu_measured, gpu_only):
    experiment = experiment_at_a_site(project, cpu_measured=cpu_measured)
    parts = {"gpu_energy_kwh": 0.039, "cpu_energy_kwh": 0.0005, "memory_energy_kwh": 0.0005}
    run = streamed(experiment, **(parts if gpu_only else {}))
    by_posts = lines(run)
    delete_run(run=run, by=None, now=CLOSED)
    calculate_all()
    cells = {"gpu_energy": "3.51", "cpu_energy": "0.045", "ram_energy": "0.045"}
    row = row_of(experiment, **(cells if gpu_only else {}))
    assert counts(bring(organisation, file_of(row), time_zone="UTC", now=CLOSED)) == (1, 0, 0, 0)
    imported = Run.objects.alive().get()
    assert lines(imported) == by_posts
    assert imported.energy_measured == run.energy_measured
    assert imported.energy_kwh == pytest.approx(run.energy_kwh, rel=1e-12)

    (seen,) = Observation.objects.filter(run=imported)
    hours = Observation.objects.filter(run=run)
    assert seen.boundary == Boundary.MACHINE
    for name in ("gpu", "cpu", "memory"):
        total = sum(getattr(hour, f"{name}_energy_kwh") for hour in hours)
        assert getattr(seen, f"{name}_energy_kwh") == pytest.approx(total)
        assert {getattr(seen, f"{name}_basis")} == {
            getattr(hour, f"{name}_basis") for hour in hours
        }


class TestTheExperimentOfARow:
    def test_gives_its_project_and_place_and_its_place_s_pue(self, project, organisation):
        experiment = experiment_at_a_site(project)
        bring(organisation, file_of(row_of(experiment, pue="1.25")), time_zone="UTC")
        run = Run.objects.get()
        assert (run.project, run.site, run.zone) == (project, experiment.site, None)
        assert (run.unknown_project, run.stated_pue) == ("", None)
        assert run.energy_kwh == pytest.approx(3.6 / 1.25)
        calculate_all()
        (line,) = EmissionEntry.objects.filter(run=run)
        assert float(line.energy_facility_kwh) == pytest.approx(3.6 / 1.25 * 1.5)
        assert Observation.objects.get().client_pue == 1.25

    @pytest.mark.parametrize("named", ["default", "default/4711"])
    def test_the_default_one_is_that_of_the_file_s_project(self, project, organisation, named):
        site = make_site(organisation)
        experiment = default_experiment(project=project, by=None, now=NOW)
        assert experiment.site == site
        row = row_of(experiment, experiment_id=named)
        bring(organisation, file_of(row), time_zone="UTC", project=project)
        run = Run.objects.get()
        assert (run.project, run.site) == (project, site)

    @pytest.mark.parametrize("named", ["5b0fa12a-3dd7-45bb-9766-cc326314d9f1", "", "none"])
    def test_one_that_is_not_ours_says_nothing(self, project, organisation, named):
        experiment = experiment_at_a_site(project)
        row = row_of(experiment, experiment_id=named, pue="1.25")
        bring(organisation, file_of(row), time_zone="UTC")
        run = Run.objects.get()
        assert (run.project, run.unknown_project) == (None, "codecarbon")
        assert (run.zone.code, run.stated_pue) == ("FR", 1.25)

    def test_another_organisation_s_neither(self, organisation):
        experiment = experiment_at_a_site(make_project())
        bring(organisation, file_of(row_of(experiment)), time_zone="UTC")
        run = Run.objects.get()
        assert (run.project, run.site) == (None, None)


class TestAFileThatGrows:
    def test_its_last_state_is_the_evidence_and_an_undo_takes_it_back(self, project, organisation):
        experiment = experiment_at_a_site(project)
        bring(organisation, file_of(row_of(experiment, posts=30)), time_zone="UTC")
        before = lines(Run.objects.get())
        later = NOW + timedelta(days=1)
        second = bring(organisation, file_of(row_of(experiment)), time_zone="UTC", now=later)
        assert counts(second) == (0, 1, 0, 0)
        counting = Observation.objects.filter(superseded_at=None)
        assert counting.get().gpu_energy_kwh == pytest.approx(2.7)
        assert Observation.objects.count() == 2

        undo_import(run_import=second, by=None, now=later + timedelta(hours=1))
        finish(second, now=later + timedelta(hours=1))
        assert counting.get().gpu_energy_kwh == pytest.approx(0.9)
        calculate_all()
        stands = lines(Run.objects.get())
        assert sum(line[2] for line in stands) == sum(line[2] for line in before)
        assert verify_ledger().clean


def test_what_a_tracker_has_posted_is_not_overwritten_by_its_file(project, organisation):
    """Clients before 3.3 write the id of their run here into the file."""
    experiment = experiment_at_a_site(project)
    run = streamed(experiment)
    stood = lines(run)
    row = row_of(experiment, run_id=str(EnergyStream.objects.get().uuid), duration="99")
    assert counts(upload(organisation, file_of(row), time_zone="UTC", now=CLOSED)) == (0, 0, 1, 0)
    assert lines(Run.objects.get()) == stood
