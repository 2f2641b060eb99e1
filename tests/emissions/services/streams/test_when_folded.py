"""When posts are folded, and that a fold which is killed loses and repeats nothing."""

import contextlib
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum

from emissions.calculation.vocabulary import (
    RunStatus,
)
from emissions.models import (
    EmissionEntry,
    EnergyPost,
    EnergyStream,
    Observation,
    Run,
    UnfoldedPost,
)
from emissions.services.streams import fold as service
from emissions.services.streams.fold import CLOSE_AFTER, fold_streams
from emissions.services.verify_ledger import verify_ledger
from tests.emissions.services.streams.reading import HOUR, MINUTE, run_of
from tests.factories import (
    NOW,
    calculate_all,
    make_post,
    make_stream,
)

pytestmark = pytest.mark.django_db


class TestAKilledFold:
    """Whatever line it had reached: the next fold finds everything as if it had not been."""

    @staticmethod
    def lines_of(work: Callable[[], object], *, stop_at: int | None = None) -> int:
        """Run a piece of work up to a line of the folding; return how many lines it went."""
        seen = 0

        def trace(frame: FrameType, event: str, _: object) -> Any:
            nonlocal seen
            if not frame.f_code.co_filename.endswith(("streams/fold.py", "streams/segments.py")):
                return None
            if event == "line":
                seen += 1
                if seen == stop_at:
                    raise Killed
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            work()
        finally:
            sys.settrace(before)
        return seen

    @pytest.fixture
    def trackers(self) -> list[EnergyStream]:
        """A run that grows, one that is new, two that watch one machine, one that must close."""
        grows = make_stream()
        make_post(grows)
        fold_streams(now=NOW)
        make_post(grows, ends=NOW + HOUR)
        shared = {"experiment": grows.experiment, "address": "10.0.0.7"}
        streams = [grows, make_stream(), make_stream(**shared), make_stream(**shared)]
        for stream in streams[1:]:
            make_post(stream)
        return streams

    def state(self) -> list[Any]:
        runs = Run.objects.order_by("pk").values_list("energy_kwh", "device_hours", "status")
        seen = Observation.objects.order_by("source_id", "started_at")
        return [
            list(runs),
            list(seen.values_list("source_id", "started_at", "ended_at", "energy_kwh")),
            list(EnergyStream.objects.order_by("pk").values_list("double_kwh", "is_open")),
            UnfoldedPost.objects.count(),
        ]

    def test_nothing_is_lost_and_nothing_counts_twice(self, trackers):
        ids = [stream.pk for stream in trackers]
        due = {"now": NOW + HOUR, "at_once": True}

        def fold() -> None:
            with transaction.atomic():
                service._fold_batch(ids, due["now"], CLOSE_AFTER)

        before = self.state()
        with transaction.atomic():
            lines = self.lines_of(fold)
            expected = self.state()
            transaction.set_rollback(True)
        assert lines > 150
        assert self.state() == before
        assert expected != before
        for line in range(1, lines + 1, max(1, lines // 12)):
            with contextlib.suppress(Killed):
                self.lines_of(fold, stop_at=line)
            assert self.state() == before, line
        fold()
        assert self.state() == expected
        fold()
        assert self.state() == expected
        calculate_all()
        assert verify_ledger().clean
        total = EnergyPost.objects.aggregate(kwh=Sum("energy_kwh"))["kwh"]
        doubles = sum(EnergyStream.objects.values_list("double_kwh", flat=True))
        counted = EmissionEntry.objects.aggregate(kwh=Sum("energy_it_kwh"))["kwh"]
        assert float(counted) + doubles == pytest.approx(total, abs=1e-8)


class Killed(BaseException):
    """What ends a process in the middle of a line."""


class TestWhenItIsFolded:
    def test_at_first_then_once_an_hour(self):
        stream = make_stream()
        make_post(stream)
        assert fold_streams(now=NOW) == 1
        make_post(stream, ends=NOW + 30 * MINUTE)
        assert fold_streams(now=NOW + 30 * MINUTE) == 0
        assert fold_streams(now=NOW + 60 * MINUTE) == 1
        assert fold_streams(now=NOW + 61 * MINUTE) == 0

    def test_at_once_before_a_close(self):
        stream = make_stream()
        make_post(stream)
        fold_streams(now=NOW)
        make_post(stream, ends=NOW + MINUTE)
        assert fold_streams(now=NOW + MINUTE, at_once=True) == 1
        assert run_of(stream).energy_kwh == pytest.approx(0.08)

    def test_it_closes_after_a_time_without_posts(self):
        stream = make_stream()
        make_post(stream)
        fold_streams(now=NOW)
        make_post(stream, ends=NOW + MINUTE)
        later = NOW + CLOSE_AFTER + 2 * MINUTE
        assert fold_streams(now=later) == 1
        run = run_of(stream)
        assert run.status == RunStatus.COMPLETED
        assert run.energy_kwh == pytest.approx(0.08)
        assert fold_streams(now=later) == 0

    def test_a_late_post_reopens_it(self):
        stream = make_stream()
        make_post(stream)
        fold_streams(now=NOW)
        later = NOW + CLOSE_AFTER + MINUTE
        fold_streams(now=later)
        make_post(stream, ends=later)
        assert fold_streams(now=later) == 1
        assert run_of(stream).status == RunStatus.RUNNING

    def test_what_somebody_called_failed_stays_so(self):
        stream = make_stream()
        make_post(stream)
        fold_streams(now=NOW)
        Run.objects.update(status=RunStatus.FAILED)
        fold_streams(now=NOW + CLOSE_AFTER + MINUTE)
        assert run_of(stream).status == RunStatus.FAILED

    def test_one_that_never_posts_is_forgotten(self):
        stream = make_stream()
        assert fold_streams(now=NOW + CLOSE_AFTER + MINUTE) == 1
        stream.refresh_from_db()
        assert not stream.is_open
        assert stream.run is None
