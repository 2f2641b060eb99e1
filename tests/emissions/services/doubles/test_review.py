"""Two records of one job: found, merged, kept apart, taken back; never counted twice."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from emissions.models import (
    AuditEvent,
    DoublePair,
    EmissionEntry,
    MonthlyTotal,
    Observation,
    Organisation,
    Project,
    Run,
)
from emissions.services.doubles.review import (
    NotTwoRuns,
    find_doubles,
    keep_double,
    merge_double,
    reopen_double,
)
from emissions.services.record_runs import delete_run, edit_run
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    calculate_all,
    make_double,
    make_organisation,
    make_project,
    make_reference,
    make_run,
)

pytestmark = pytest.mark.django_db

START = datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.fixture
def project() -> Project:
    return make_project()


def record(project: Project, kind: str = "form", **values) -> Run:
    return make_run(project=project, source_kind=kind, calculated=False, **values)


def observed(run: Run, host: str, *, starts: datetime, hours: float) -> Observation:
    return Observation.objects.create(
        run=run, source_kind="codecarbon", host=host, boundary="machine",
        started_at=starts, ended_at=starts + timedelta(hours=hours), energy_kwh=1,
    )  # fmt: skip


def find(organisation: Organisation, **values) -> list[tuple[int, int, str]]:
    find_doubles(organisation=organisation, now=NOW, **values)
    pairs = DoublePair.objects.filter(organisation=organisation, state="open").order_by("pk")
    return list(pairs.values_list("first", "second", "reason"))


def total(organisation: Organisation) -> Decimal:
    sums = MonthlyTotal.objects.filter(cell__organisation=organisation).aggregate(
        kg=Sum("location_based_kg")
    )
    return sums["kg"] or Decimal(0)


class TestFinding:
    def test_two_entrances_at_the_same_time(self, project):
        first = record(project, "form", name="By hand")
        second = record(project, "sacct", name="job 7", started_at=START + timedelta(minutes=6),
                        duration_hours=9.8, external_id="7")  # fmt: skip
        assert find(project.organisation) == [(first.pk, second.pk, "alike")]

    @pytest.mark.parametrize(
        "other",
        [
            {"started_at": START + timedelta(hours=3)},
            {"duration_hours": 5.0},
            {"device_count": 4.0},
            {"kind": "form"},
            {"hardware": "h100"},
        ],
        ids=str,
    )
    def test_what_differs_is_another_job(self, project, other):
        record(project, "form", name="One")
        if "hardware" in other:
            other = {"hardware": make_reference()[other["hardware"]]}
        record(project, **{"kind": "sacct", "name": "Two", **other})
        assert find(project.organisation) == []

    def test_another_project_is_another_job_and_no_project_may_be_the_same(self, project):
        first = record(project, "form")
        record(make_project(organisation=project.organisation), "sacct", device_count=2.0)
        other = record(make_project(organisation=project.organisation), "api")
        nobody_s = make_run(project.organisation, source_kind="sacct", calculated=False)
        assert find(project.organisation) == [
            (first.pk, nobody_s.pk, "alike"),
            (other.pk, nobody_s.pk, "alike"),
        ]

    def test_the_same_name_twice_by_one_entrance_but_not_tasks_of_a_sweep(self, project):
        first, second = (record(project, "form", name="Typed twice") for _ in range(2))
        for task in range(4):
            record(project, "api", name="Sweep", external_id=f"task-{task}", device_count=2.0)
        assert find(project.organisation) == [(first.pk, second.pk, "alike")]

    def test_one_id_in_two_projects(self, project):
        other = make_project(organisation=project.organisation)
        first = record(project, "sacct", external_id="slurm-9")
        second = record(other, "api", external_id="slurm-9", device_count=2.0, duration_hours=4.0)
        record(other, "api", external_id="slurm-10", started_at=START + timedelta(days=9))
        make_run(external_id="slurm-9", calculated=False)
        assert find(project.organisation) == [(first.pk, second.pk, "identity")]

    def test_overlapping_observations_of_one_machine(self, project):
        far = START + timedelta(days=1)
        runs = [record(project, device_count=float(n), started_at=far) for n in (1, 2, 3, 4)]
        observed(runs[0], "node-7", starts=START, hours=30)
        observed(runs[1], "NODE-7 ", starts=START + timedelta(hours=25), hours=2)
        observed(runs[2], "node-7", starts=START + timedelta(hours=30), hours=2)
        observed(runs[3], "node-8", starts=START, hours=30)
        part = observed(runs[2], "node-7", starts=START, hours=30)
        Observation.objects.filter(pk=part.pk).update(boundary="device")
        assert find(project.organisation) == [(runs[0].pk, runs[1].pk, "host")]

    def test_a_deleted_or_merged_run_is_nobody_s_double(self, project):
        first, second, third = (record(project, kind) for kind in ("form", "sacct", "api"))
        assert len(find(project.organisation)) == 3
        delete_run(run=third, by=None, now=NOW)
        assert find(project.organisation) == [(first.pk, second.pk, "alike")]
        merge_double(pair=DoublePair.objects.get(state="open"), keep=first, by=None, now=NOW)
        assert find(project.organisation) == []

    def test_a_pair_that_no_longer_looks_alike_is_forgotten(self, project):
        first, second = record(project, "form"), record(project, "sacct")
        assert len(find(project.organisation)) == 1
        second.duration_hours = 1.0
        edit_run(run=second, by=None, now=NOW)
        assert find(project.organisation, since=NOW + timedelta(days=1)) != []
        assert find(project.organisation, since=NOW - timedelta(days=1)) == []
        assert first.pk

    def test_only_what_changed_since_is_looked_at(self, project):
        record(project, "form")
        record(project, "sacct")
        assert find(project.organisation, since=NOW + timedelta(seconds=1)) == []
        assert len(find(project.organisation, since=NOW)) == 1

    def test_other_organisations_are_not_looked_at(self, project):
        record(project, "form")
        record(project, "sacct")
        assert find(make_organisation()) == []
        assert not DoublePair.objects.exists()


class TestDeciding:
    def test_a_merge_posts_the_difference_and_counts_one(self, project):
        pair = make_double(project=project, calculated=True)
        organisation = project.organisation
        both = total(organisation)
        merge_double(pair=pair, keep=pair.second, by=None, now=NOW)
        calculate_all()
        assert total(organisation) * 2 == both
        lines = EmissionEntry.objects.filter(run=pair.first)
        assert lines.aggregate(kg=Sum("location_based_kg"))["kg"] == 0
        assert lines.order_by("-pk").first().posting.cause == "error"
        pair.first.refresh_from_db()
        assert pair.first.superseded_by == pair.second
        assert verify_ledger().clean
        event = AuditEvent.objects.get(action="run merged")
        assert event.subject_id == pair.first_id
        assert event.after == {"superseded_by": pair.second_id}

    def test_a_merge_is_undone_to_the_last_digit(self, project):
        pair = make_double(project=project, calculated=True)
        both = total(project.organisation)
        merge_double(pair=pair, keep=pair.first, by=None, now=NOW)
        calculate_all()
        reopen_double(pair=pair, by=None, now=NOW)
        calculate_all()
        assert total(project.organisation) == both
        pair.refresh_from_db()
        assert (pair.state, pair.superseded, pair.decided_at) == ("open", None, None)
        assert AuditEvent.objects.filter(action="merge undone").count() == 1

    def test_what_is_kept_is_remembered_until_it_is_taken_back(self, project):
        record(project, "form")
        record(project, "sacct")
        find(project.organisation)
        pair = DoublePair.objects.get()
        keep_double(pair=pair, by=None, now=NOW)
        assert find(project.organisation) == []
        pair.refresh_from_db()
        assert pair.state == "kept"
        reopen_double(pair=pair, by=None, now=NOW)
        assert len(find(project.organisation)) == 1

    def test_what_is_decided_or_gone_is_not_decided_again(self, project):
        pair = make_double(project=project)
        stale = DoublePair.objects.get(pk=pair.pk)
        merge_double(pair=pair, keep=pair.first, by=None, now=NOW)
        for decide in (
            lambda: merge_double(pair=stale, keep=stale.second, by=None, now=NOW),
            lambda: keep_double(pair=stale, by=None, now=NOW),
        ):
            with pytest.raises(NotTwoRuns):
                decide()
        other = make_double(project=make_project())
        with pytest.raises(NotTwoRuns):
            merge_double(pair=other, keep=pair.first, by=None, now=NOW)
        delete_run(run=other.second, by=None, now=NOW)
        with pytest.raises(NotTwoRuns):
            keep_double(pair=other, by=None, now=NOW)

    def test_deleting_what_stood_for_another_brings_the_other_back(self, project):
        pair = make_double(project=project, calculated=True)
        one = total(project.organisation) / 2
        merge_double(pair=pair, keep=pair.first, by=None, now=NOW)
        calculate_all()
        delete_run(run=pair.first, by=None, now=NOW)
        calculate_all()
        assert total(project.organisation) == one
        pair.refresh_from_db()
        assert pair.state == "open"
        assert verify_ledger().clean

    def test_an_edit_that_began_before_does_not_undo_a_merge(self, project):
        pair = make_double(project=project, calculated=True)
        opened = Run.objects.get(pk=pair.second_id)
        merge_double(pair=pair, keep=pair.first, by=None, now=NOW)
        opened.name = "Renamed"
        edit_run(run=opened, by=None, now=NOW)
        calculate_all()
        opened.refresh_from_db()
        assert opened.superseded_by_id == pair.first_id
        assert EmissionEntry.objects.filter(run=opened).aggregate(kg=Sum("location_based_kg")) == {
            "kg": 0
        }

    def test_merges_of_merges_have_no_chain(self, project):
        first, second, third = (record(project, kind) for kind in ("form", "sacct", "api"))
        find(project.organisation)
        by_runs = {(pair.first_id, pair.second_id): pair for pair in DoublePair.objects.all()}
        merge_double(pair=by_runs[second.pk, third.pk], keep=second, by=None, now=NOW)
        merge_double(pair=by_runs[first.pk, second.pk], keep=first, by=None, now=NOW)
        superseded = Run.objects.exclude(superseded_by=None).order_by("pk")
        assert list(superseded.values_list("pk", "superseded_by")) == [
            (second.pk, first.pk),
            (third.pk, first.pk),
        ]


class TestNothingCountsTwice(TestCase):
    """Whatever is decided, undone and deleted, in any order."""

    @given(
        steps=st.lists(
            st.tuples(
                st.sampled_from(["merge first", "merge second", "keep", "undo", "delete"]),
                st.integers(0, 2),
            ),
            min_size=1,
            max_size=8,
        )
    )
    @settings(max_examples=15, deadline=None)
    def test_the_total_is_what_the_counted_runs_post(self, steps):
        project = make_project()
        organisation = project.organisation
        runs = [
            make_run(project=project, source_kind=kind, power_share=share, calculated=False)
            for kind, share in (("form", 0.5), ("sacct", 0.6), ("api", 0.7))
        ]
        calculate_all()
        alone = {
            run.pk: EmissionEntry.objects.filter(run=run).aggregate(kg=Sum("location_based_kg"))[
                "kg"
            ]
            for run in runs
        }
        find_doubles(organisation=organisation, now=NOW)
        pairs = list(DoublePair.objects.filter(organisation=organisation).order_by("pk"))
        assert len(pairs) == 3
        for what, at in steps:
            take(what, pairs[at], runs[at])
            if at == 1:
                calculate_all()
        calculate_all()
        counted = Run.objects.counted().filter(organisation=organisation)
        assert total(organisation) == sum(alone[run.pk] for run in counted)
        assert verify_ledger(organisation=organisation).clean
        for pair in DoublePair.objects.filter(organisation=organisation, state="merged"):
            assert pair.superseded.superseded_by_id is not None


def take(what: str, pair: DoublePair, run: Run) -> None:
    """Take a step, or meet the refusal that somebody who comes late meets."""
    try:
        match what:
            case "merge first":
                merge_double(pair=pair, keep=pair.first, by=None, now=NOW)
            case "merge second":
                merge_double(pair=pair, keep=pair.second, by=None, now=NOW)
            case "keep":
                keep_double(pair=pair, by=None, now=NOW)
            case "undo":
                reopen_double(pair=pair, by=None, now=NOW)
            case "delete" if Run.objects.alive().filter(pk=run.pk).exists():
                delete_run(run=run, by=None, now=NOW)
    except NotTwoRuns:
        assert what != "undo"
