"""Several trackers of one machine: its energy counts once."""

from decimal import Decimal

import pytest

from emissions.calculation.vocabulary import (
    DoubleReason,
)
from emissions.models import (
    DoublePair,
    EnergyStream,
    Experiment,
    Run,
)
from emissions.services.doubles.review import find_doubles, keep_double, merge_double, reopen_double
from emissions.services.record_runs import delete_run
from emissions.services.streams.fold import fold_streams
from emissions.services.verify_ledger import verify_ledger
from tests.emissions.services.streams.reading import MINUTE, posted_kwh, run_of
from tests.factories import (
    NOW,
    calculate_all,
    make_post,
    make_project,
    make_stream,
)

pytestmark = pytest.mark.django_db


class TestSeveralTrackersOnOneMachine:
    def two(self, **second) -> tuple[EnergyStream, EnergyStream]:
        project = make_project()
        facts = {"project": project, "address": "10.0.0.7", "memory_gb": 64.0}
        return make_stream(**facts), make_stream(**{**facts, **second})

    def test_what_both_saw_counts_once(self):
        first, second = self.two()
        make_post(first)
        make_post(second)
        fold_streams(now=NOW)
        assert run_of(first).energy_kwh == pytest.approx(0.04)
        assert run_of(second).energy_kwh == 0
        assert run_of(second).device_hours == 0
        assert second.double_kwh == pytest.approx(0.04)

    def test_only_while_they_overlap(self):
        first, second = self.two()
        make_post(first)
        make_post(second, ends=NOW + MINUTE)
        make_post(second, ends=NOW + 3 * MINUTE)
        fold_streams(now=NOW + 3 * MINUTE)
        assert run_of(first).energy_kwh == pytest.approx(0.04)
        kwh = run_of(second).energy_kwh
        assert kwh + second.double_kwh == pytest.approx(0.08)
        assert 0 < second.double_kwh < 0.04

    def test_a_late_post_of_the_first_takes_from_the_second(self):
        first, second = self.two()
        make_post(second)
        fold_streams(now=NOW)
        assert run_of(second).energy_kwh == pytest.approx(0.04)
        make_post(first, now=NOW + MINUTE)
        fold_streams(now=NOW + MINUTE)
        assert run_of(second).energy_kwh == 0
        calculate_all()
        assert posted_kwh(second.run) in (None, 0)
        assert verify_ledger().clean

    @pytest.mark.parametrize(
        "other", [{"address": "10.0.0.8"}, {"memory_gb": 32.0}, {"is_whole_machine": False}]
    )
    def test_other_machines_and_processes_count(self, other):
        for stream in self.two(**other):
            make_post(stream)
        fold_streams(now=NOW)
        assert [run.energy_kwh for run in Run.objects.all()] == pytest.approx([0.04, 0.04])

    def test_the_organisation_may_know_better(self):
        streams = self.two()
        Experiment.objects.update(separate_machines=True)
        for stream in streams:
            make_post(stream)
        fold_streams(now=NOW)
        assert run_of(streams[1]).energy_kwh == pytest.approx(0.04)

    def test_three_count_once(self):
        first, second = self.two()
        third = make_stream(experiment=first.experiment, address="10.0.0.7", memory_gb=64.0)
        for stream in (first, second, third):
            make_post(stream)
        fold_streams(now=NOW)
        total = sum(Run.objects.values_list("energy_kwh", flat=True))
        assert total == pytest.approx(0.04)

    def test_they_are_listed_as_doubles_and_a_decision_counts(self):
        first, second = self.two()
        for stream in (first, second):
            make_post(stream)
        fold_streams(now=NOW)
        assert find_doubles(organisation=first.organisation, now=NOW) == 1
        pair = DoublePair.objects.get()
        assert pair.reason == DoubleReason.HOST
        keep_double(pair=pair, by=None, now=NOW)
        fold_streams(now=NOW)
        assert run_of(second).energy_kwh == pytest.approx(0.04)
        reopen_double(pair=pair, by=None, now=NOW)
        fold_streams(now=NOW)
        assert run_of(second).energy_kwh == 0
        merge_double(pair=pair, keep=run_of(second), by=None, now=NOW)
        fold_streams(now=NOW)
        calculate_all()
        assert posted_kwh(run_of(second)) == Decimal("0.04")
        assert posted_kwh(run_of(first)) in (None, 0)
        assert verify_ledger().clean

    def test_when_the_first_is_deleted_the_second_counts(self):
        first, second = self.two()
        for stream in (first, second):
            make_post(stream)
        fold_streams(now=NOW)
        delete_run(run=run_of(first), by=None, now=NOW)
        assert fold_streams(now=NOW) == 1
        assert run_of(second).energy_kwh == pytest.approx(0.04)
