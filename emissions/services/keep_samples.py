"""Keep what devices' counters showed, as long as runs are made of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db import transaction

from emissions.importers.exposition import Sample
from emissions.models import CounterSample, Organisation

#: Whole UTC days before the newest sample's whose samples are kept.
DAYS_KEPT = 2


@transaction.atomic
def keep_samples(*, organisation: Organisation, endpoint: str, samples: Sequence[Sample]) -> None:
    """Store what an endpoint showed; the same samples again change nothing."""
    CounterSample.objects.bulk_create(
        [
            CounterSample(
                organisation=organisation,
                endpoint=endpoint,
                device=one.device,
                metric=one.metric,
                at=one.at,
                value=one.value,
                labels=one.labels,
            )
            for one in samples
        ],
        ignore_conflicts=True,
        batch_size=1000,
    )


def kept_samples(*, organisation: Organisation, endpoint: str) -> list[Sample]:
    """Return what an endpoint has shown on the days that are kept."""
    rows = CounterSample.objects.filter(organisation=organisation, endpoint=endpoint)
    columns = rows.values_list("device", "metric", "at", "value", "labels")
    return [Sample(*row) for row in columns.iterator(chunk_size=10_000)]


@transaction.atomic
def forget_samples(*, organisation: Organisation, endpoint: str, newest: datetime) -> int:
    """Forget days of which runs have been made: whole ones, for a run is made of a whole day."""
    midnight = newest.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    old = CounterSample.objects.filter(
        organisation=organisation, endpoint=endpoint, at__lt=midnight - timedelta(days=DAYS_KEPT)
    )
    return old.delete()[0]
