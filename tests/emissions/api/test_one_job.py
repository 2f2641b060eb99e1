"""One job that arrives by sacct and by a CodeCarbon client counts once, in any order.

Through the entrances: the addresses that an unmodified client posts to, and the address to
which a cron job sends what sacct prints.
"""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from django.db.models import Sum
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from emissions.calculation.vocabulary import Basis, Role, TokenScope
from emissions.models import (
    ApiToken,
    AuditEvent,
    DoublePair,
    EmissionEntry,
    EnergyStream,
    Project,
    Run,
    RunImport,
)
from emissions.services.doubles.review import find_doubles, keep_double, reopen_double
from emissions.services.manage_experiments import default_experiment
from emissions.services.record_runs import delete_run
from emissions.services.streams.fold import fold_streams
from emissions.services.tokens import create_token
from emissions.services.verify_ledger import verify_ledger
from tests.codecarbon_bodies import RUN_3, TOTAL_3, post_3
from tests.emissions.importers.test_sacct import file_of
from tests.emissions.services.imports.files import finish
from tests.factories import (
    NOW,
    calculate_all,
    make_hardware,
    make_member,
    make_project,
    make_run,
    make_site,
)

pytestmark = pytest.mark.django_db

START = datetime(2026, 6, 1, 8, tzinfo=UTC)
GPUS = "gres/gpu:h100={},mem=512G"
KWH_PER_HOUR = {"gpu_energy": 5.0, "cpu_energy": 0.4, "ram_energy": 0.1}


@pytest.fixture
def entrance(project: Project, token: tuple[ApiToken, str]) -> "Entrance":
    make_site(project.organisation, name="partition gpu")
    return Entrance(project, token[1])


@pytest.fixture
def ingest(project: Project) -> str:
    return create_token(
        organisation=project.organisation, project=project, scope=TokenScope.INGEST, by=None,
        now=NOW,
    )[1]  # fmt: skip


class Entrance:
    """What comes from outside, and the work that follows from it."""

    def __init__(self, project: Project, secret: str) -> None:
        self.project, self.organisation, self.secret = project, project.organisation, secret
        self.client = APIClient()
        self.client.credentials(HTTP_X_API_TOKEN=secret)

    def tracker(
        self, *, at: float = 0.05, hours: int = 9, experiment: str = "default", **machine: Any
    ) -> str:
        """Let a tracker post every hour; it began so many hours after `START`."""
        body = {**RUN_3, "experiment_id": experiment, **machine}
        answer = self.client.post("/codecarbon/runs", body, format="json")
        assert answer.status_code == 201, answer.content
        uuid = answer.json()["id"]
        for hour in range(hours):
            self.post(uuid, START + timedelta(hours=at + hour + 1))
        self.fold()
        return str(uuid)

    def post(self, uuid: str, ends: datetime, seconds: int = 3600) -> None:
        parts = {name: kwh * seconds / 3600 for name, kwh in KWH_PER_HOUR.items()}
        body = post_3(
            uuid, timestamp=ends.isoformat(), duration=seconds, emissions_sum=0.1,
            energy_consumed=sum(parts.values()), **parts,
        )  # fmt: skip
        answer = self.client.post("/codecarbon/emissions", body, format="json")
        assert answer.status_code == 201, answer.content

    def fold(self) -> None:
        fold_streams(now=timezone.now(), at_once=True)

    def sacct(self, *jobs: dict[str, Any]) -> None:
        """Send what sacct prints: 8 H100 for 10 hours, unless a job says otherwise."""
        lines = []
        for job in jobs:
            hours, starts = job.get("hours", 10), START + timedelta(hours=job.get("at", 0))
            lines.append(
                {
                    "JobID": job.get("id", "4711"),
                    "State": job.get("state", "COMPLETED"),
                    "Start": f"{starts:%Y-%m-%dT%H:%M:%S}",
                    "End": f"{starts + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}",
                    "Elapsed": f"{hours:02d}:00:00",
                    "AllocTRES": GPUS.format(job.get("gpus", 8)),
                    "ConsumedEnergyRaw": str(job.get("joules", 0)),
                }
            )
        answer = Client().post(
            "/api/v1/imports/?file_format=sacct&time_zone=UTC",
            data=file_of(*lines),
            content_type="application/x-www-form-urlencoded",
            headers={"Authorization": f"Bearer {self.secret}"},
        )
        assert answer.status_code in (200, 202), answer.content
        for one in RunImport.objects.order_by("pk"):
            finish(one)

    def counted(self) -> list[Run]:
        return list(Run.objects.counted().filter(organisation=self.organisation).order_by("pk"))

    def kwh(self) -> float:
        """Return what the ledger holds, which agrees with its runs."""
        calculate_all()
        assert verify_ledger(organisation=self.organisation).clean
        lines = EmissionEntry.objects.filter(run__organisation=self.organisation)
        return float(lines.aggregate(kwh=Sum("energy_it_kwh"))["kwh"] or 0)


def both(entrance: Entrance, order: str) -> None:
    steps = {"s": entrance.sacct, "c": entrance.tracker}
    steps["s"]({}) if order[0] == "s" else steps["c"]()
    steps["s"]({}) if order[1] == "s" else steps["c"]()


@pytest.mark.parametrize("order", ["sc", "cs"])
def test_a_job_and_its_tracker_count_once_by_the_better_evidence(
    entrance: Entrance, order: str
) -> None:
    both(entrance, order)
    (job,) = entrance.counted()
    assert (job.source_kind, job.external_id) == ("sacct", "4711")
    # Nine hours were seen of ten: their mean stands for the rest.
    assert entrance.kwh() == pytest.approx(5.5 * 10, rel=1e-6)
    basis = EmissionEntry.objects.filter(run=job).values_list("cell__basis", flat=True)
    assert Basis.ESTIMATED in set(basis)
    (pair,) = DoublePair.objects.all()
    assert (pair.state, pair.rule, pair.decided_by) == ("merged", "only_one", None)
    assert pair.decided_at is not None
    event = AuditEvent.objects.get(action="run merged by rule")
    assert event.after["superseded_by"] == job.pk
    assert Run.objects.get(source_kind="codecarbon").energy_kwh == pytest.approx(49.5)


@pytest.mark.parametrize("order", ["sc", "cs"])
def test_slurm_names_a_chip_and_a_tracker_its_board(entrance: Entrance, order: str) -> None:
    board = make_hardware(name="NVIDIA H100 PCIe 80GB")
    steps = [
        lambda: entrance.sacct({}),
        lambda: entrance.tracker(gpu_model=f"8 x {board.name}"),
    ]
    for step in steps if order == "sc" else reversed(steps):
        step()
    (job,) = entrance.counted()
    tracker = Run.objects.get(source_kind="codecarbon")
    assert (tracker.hardware, tracker.superseded_by) == (board, job)
    assert job.hardware not in (None, board)


@pytest.mark.parametrize("order", ["sc", "cs"])
def test_a_counter_of_the_whole_job_is_better_than_a_model_of_its_processor(
    entrance: Entrance, order: str
) -> None:
    steps = [lambda: entrance.sacct({"joules": 60 * 3_600_000}), entrance.tracker]
    for step in steps if order == "sc" else reversed(steps):
        step()
    assert len(entrance.counted()) == 1
    assert entrance.kwh() == pytest.approx(60)


@pytest.mark.parametrize("order", ["sc", "cs"])
def test_of_a_job_without_a_place_the_placed_record_counts(entrance: Entrance, order: str) -> None:
    entrance.organisation.sites.update(name="Hall")
    steps = [lambda: entrance.sacct({"joules": 60 * 3_600_000}), entrance.tracker]
    for step in steps if order == "sc" else reversed(steps):
        step()
    (run,) = entrance.counted()
    assert (run.source_kind, run.site is not None) == ("codecarbon", True)
    assert entrance.kwh() == pytest.approx(60), "by Slurm's counter"


def test_a_late_post_still_counts_once(entrance: Entrance) -> None:
    entrance.sacct({})
    uuid = entrance.tracker(hours=8)
    assert entrance.kwh() == pytest.approx(55)
    entrance.post(uuid, START + timedelta(hours=9.05), 3600)
    entrance.post(uuid, START + timedelta(hours=9.95), 3240)
    entrance.fold()
    assert len(entrance.counted()) == 1
    assert entrance.kwh() == pytest.approx(5.5 * 9.9, rel=1e-6)
    stream = EnergyStream.objects.get(uuid=uuid)
    stream.refresh_from_db()
    assert stream.run is not None
    assert stream.run.superseded_by is not None


def test_a_tracker_that_goes_on_after_the_job_is_not_its_own(entrance: Entrance) -> None:
    entrance.sacct({})
    uuid = entrance.tracker(hours=9)
    assert len(entrance.counted()) == 1
    entrance.post(uuid, START + timedelta(hours=12.05), 3600 * 3)
    entrance.fold()
    assert len(entrance.counted()) == 2
    assert AuditEvent.objects.filter(action="merge by rule undone").exists()
    entrance.kwh()


def test_a_job_that_is_going_is_merged_and_stays_so(entrance: Entrance) -> None:
    entrance.sacct({"state": "RUNNING", "hours": 2})
    uuid = entrance.tracker(hours=3)
    assert len(entrance.counted()) == 1
    entrance.post(uuid, START + timedelta(hours=9.05), 3600 * 6)
    entrance.fold()
    entrance.sacct({"hours": 10})
    assert len(entrance.counted()) == 1
    assert entrance.kwh() == pytest.approx(55, rel=1e-6)


@pytest.mark.parametrize("order", list(permutations("abxy"))[::5], ids="".join)
def test_of_parallel_jobs_in_one_project_nothing_is_merged_unless_a_tracker_names_its_job(
    entrance: Entrance, order: tuple[str, ...]
) -> None:
    steps = {
        "a": lambda: entrance.sacct({"id": "1"}),
        "b": lambda: entrance.sacct({"id": "2"}),
        "x": lambda: entrance.tracker(),
        "y": lambda: entrance.tracker(at=0.06, hours=8),
    }
    for step in order:
        steps[step]()
    assert len(entrance.counted()) == 4, "the review list asks"
    assert not DoublePair.objects.exclude(rule="").exists()
    asked = DoublePair.objects.filter(state="open", reason="within")
    assert asked.count() == 2


@pytest.mark.parametrize("order", ["abxy", "xyab", "axby", "yxba", "bxya"])
def test_trackers_that_name_their_jobs_are_merged_into_them(entrance: Entrance, order: str) -> None:
    steps = {
        "a": lambda: entrance.sacct({"id": "1"}),
        "b": lambda: entrance.sacct({"id": "2_7", "gpus": 4}),
        "x": lambda: entrance.tracker(experiment="default/1"),
        "y": lambda: entrance.tracker(
            hours=5, experiment="default/2_7", gpu_count=4, gpu_model="4 x NVIDIA H100"
        ),
    }
    for step in order:
        steps[step]()
    assert [run.external_id for run in entrance.counted()] in (["1", "2_7"], ["2_7", "1"])
    assert entrance.kwh() == pytest.approx(55 + 55, rel=1e-6)
    assert set(DoublePair.objects.values_list("rule", flat=True)) == {"job_id"}


def test_a_tracker_that_names_a_job_waits_for_it(entrance: Entrance) -> None:
    entrance.tracker(experiment="default/2")
    entrance.sacct({"id": "1"})
    assert len(entrance.counted()) == 2
    assert not DoublePair.objects.exclude(state="open").exists()
    entrance.sacct({"id": "2"})
    assert {run.external_id for run in entrance.counted()} == {"1", "2"}


def test_a_job_on_two_machines_needs_the_trackers_of_both(entrance: Entrance) -> None:
    experiment = default_experiment(project=entrance.project, by=None, now=NOW)
    entrance.sacct({"id": "9", "gpus": 16})
    entrance.tracker(experiment=f"{experiment.uuid}/9")
    assert len(entrance.counted()) == 2, "half of the devices were seen"
    assert DoublePair.objects.get().state == "open"
    entrance.tracker(experiment=f"{experiment.uuid}/9", os="Another machine")
    (job,) = entrance.counted()
    assert job.external_id == "9"
    assert entrance.kwh() == pytest.approx(2 * 55, rel=1e-6)


def test_the_one_shot_client_names_its_job_too(entrance: Entrance, ingest: str) -> None:
    entrance.sacct({"id": "5", "gpus": 1})
    body = {**TOTAL_3, "experiment_id": "default/5", "duration": 35000.0, "cpu_energy": 1.0,
            "ram_energy": 0.5, "energy_consumed": 1.5}  # fmt: skip
    answer = APIClient().post(f"/codecarbon/emissions/{ingest}", body, format="json")
    assert answer.status_code == 201, answer.content
    stream = EnergyStream.objects.get()
    assert stream.job_id == "5"


@pytest.mark.parametrize(
    ("machine", "job"),
    [
        ({"gpu_count": 4, "gpu_model": "4 x NVIDIA H100"}, {}),
        ({"gpu_model": "8 x NVIDIA A100-SXM4-80GB"}, {}),
        ({"at": -1.0}, {}),
        ({"hours": 3}, {}),
        ({}, {"at": 4}),
    ],
    ids=["fewer devices", "another model", "began before", "a short part", "job began later"],
)
def test_what_is_not_certain_is_not_merged(
    entrance: Entrance, machine: dict[str, Any], job: dict[str, Any]
) -> None:
    entrance.sacct(job)
    entrance.tracker(**machine)
    assert len(entrance.counted()) == 2
    assert not DoublePair.objects.exclude(rule="").exists()


def test_a_person_takes_a_merge_back_and_the_rule_does_not_return(entrance: Entrance) -> None:
    both(entrance, "sc")
    once = entrance.kwh()
    person = make_member(Role.OFFICER, organisation=entrance.organisation).user
    pair = DoublePair.objects.get()
    reopen_double(pair=pair, by=person, now=NOW)
    pair.refresh_from_db()
    assert (pair.state, pair.rule, pair.decided_by) == ("kept", "", person)
    assert entrance.kwh() > once
    find_doubles(organisation=entrance.organisation, now=NOW)
    entrance.sacct({})
    assert len(entrance.counted()) == 2


def test_two_jobs_that_a_person_kept_apart_are_not_merged(entrance: Entrance) -> None:
    entrance.sacct({})
    entrance.tracker(hours=3)
    keep_double(pair=DoublePair.objects.get(), by=None, now=NOW)
    stream = EnergyStream.objects.get()
    entrance.post(str(stream.uuid), START + timedelta(hours=9.05), 3600 * 6)
    entrance.fold()
    assert len(entrance.counted()) == 2


def test_deleting_the_job_lets_the_tracker_count_again(entrance: Entrance) -> None:
    both(entrance, "cs")
    (job,) = entrance.counted()
    delete_run(run=job, by=None, now=NOW)
    (tracker,) = entrance.counted()
    assert tracker.source_kind == "codecarbon"
    assert entrance.kwh() == pytest.approx(49.5)
    assert not DoublePair.objects.exclude(rule="").exists()


def test_deleting_the_tracker_takes_its_evidence_away(entrance: Entrance) -> None:
    both(entrance, "cs")
    seen = entrance.kwh()
    delete_run(run=Run.objects.get(source_kind="codecarbon"), by=None, now=NOW)
    assert entrance.kwh() != pytest.approx(seen)
    assert [run.source_kind for run in entrance.counted()] == ["sacct"]


def test_other_organisations_and_projects_are_not_looked_at(entrance: Entrance) -> None:
    entrance.tracker()
    foreign = make_run(
        project=make_project(), source_kind="sacct", started_at=START, external_id="4711"
    )
    elsewhere = make_run(
        project=make_project(organisation=entrance.organisation), source_kind="sacct",
        started_at=START, device_count=8.0,
    )  # fmt: skip
    find_doubles(organisation=entrance.organisation, now=NOW)
    find_doubles(organisation=foreign.organisation, now=NOW)
    assert not DoublePair.objects.exclude(rule="").exists()
    assert elsewhere.superseded_by is None
