"""What a run will be once the posts that wait are folded: the core's answer, nothing posted."""

from copy import copy
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from emissions.models import EnergyStream, Run
from emissions.selectors.experiments import (
    last_received_at,
    others_on_the_machine,
    streams_of_run,
)
from emissions.services.estimate import Estimate, estimate_runs
from emissions.services.streams.segments import projected


@dataclass(frozen=True, slots=True)
class Streaming:
    """A run as its tracker feeds it."""

    stream: EnergyStream
    last_received_at: datetime | None
    unposted_kwh: float
    unposted_kg: float
    others: list[Run]

    @property
    def waits(self) -> bool:
        """Whether something has come that is not posted yet."""
        return self.unposted_kwh > 0


def show_stream(*, run: Run, estimate: Estimate, visible: QuerySet[Run]) -> Streaming | None:
    """Return how a run is fed, None where no tracker does.

    Parameters
    ----------
    run : Run
        A run with its organisation.
    estimate : Estimate
        Its figures as it stands.
    visible : QuerySet
        The runs that may be named.
    """
    streams = streams_of_run(run=run)
    if not streams:
        return None
    stream = streams[0]
    unposted_kwh = unposted_kg = 0.0
    known = projected(stream=stream) if stream.unfolded.exists() else None
    if known is not None:
        grown = copy(run)
        for name, value in known.items():
            setattr(grown, name, value)
        (later,) = estimate_runs(runs=[grown], organisation=run.organisation)
        unposted_kwh = max(0.0, later.energy_it_kwh - estimate.energy_it_kwh)
        unposted_kg = max(0.0, later.location_based_kg - estimate.location_based_kg)
    return Streaming(
        stream=stream,
        last_received_at=last_received_at(stream=stream),
        unposted_kwh=unposted_kwh,
        unposted_kg=unposted_kg,
        others=others_on_the_machine(stream=stream, among=visible),
    )
