"""What came of a stream: what the tests of this folder read."""

from datetime import timedelta
from decimal import Decimal

from django.db.models import Sum

from emissions.models import (
    EmissionEntry,
    EnergyStream,
    Run,
)

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def run_of(stream: EnergyStream) -> Run:
    stream.refresh_from_db()
    assert stream.run is not None
    return stream.run


def posted_kwh(run: Run) -> Decimal:
    return EmissionEntry.objects.filter(run=run).aggregate(kwh=Sum("energy_it_kwh"))["kwh"]
