"""Runs whose reported emissions differ from what their own inputs give, and why they may."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F, FloatField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Abs, Cast

from emissions.charts import numbers
from emissions.models import EmissionEntry, Run
from emissions.selectors.headline import summed

TOLERANCE = 0.05
"""A report that is further off than this share of the ledger's figure is flagged."""


def differing(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Return the runs whose reported emissions are more than `TOLERANCE` off the ledger's.

    The ledger's figure is location-based, by year or by hour as the organisation chose; a
    run that is not calculated yet is not flagged.
    """
    posted = (
        EmissionEntry.objects.filter(run=OuterRef("pk"))
        .order_by()
        .values("run")
        .annotate(total=summed("location_based_kg"))
        .values("total")
    )
    ours = Cast(Subquery(posted), FloatField())
    return (
        runs.filter(reported_kg__isnull=False)
        .annotate(own_kg=ours)
        .filter(own_kg__isnull=False)
        .annotate(off_kg=Abs(F("reported_kg") - F("own_kg")))
        .filter(off_kg__gt=TOLERANCE * Abs(F("own_kg")))
    )


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """What was reported, what the run's inputs give, and what the difference looks like."""

    reported_kg: float
    own_kg: float
    reason: str

    @property
    def words(self) -> str:
        """One sentence for a page."""
        reported, own = numbers.mass_text(self.reported_kg), numbers.mass_text(self.own_kg)
        return f"Reported {reported} CO₂e; its own inputs give {own} CO₂e. {self.reason}"


def discrepancy(
    *,
    run: Run,
    location_based_kg: Decimal | float,
    energy_it_kwh: Decimal | float,
    energy_facility_kwh: Decimal | float,
    with_upstream_kg: Decimal | float = 0,
) -> Discrepancy | None:
    """Return how a run's report differs from its figures; None within `TOLERANCE`.

    Parameters
    ----------
    run : Run
        With what it reported.
    location_based_kg, energy_it_kwh, energy_facility_kwh, with_upstream_kg
        The run's figures; the last one is location-based with upstream and losses.
    """
    reported, own = run.reported_kg, float(location_based_kg)
    if reported is None or abs(reported - own) <= TOLERANCE * abs(own):
        return None
    facility = float(energy_facility_kwh)
    likely = {
        own * run.device_count: "times the number of devices: device-hours were multiplied again.",
        own * 1000: "in grams.",
        own / 1000: "in tonnes.",
        float(with_upstream_kg): "with upstream emissions and losses, which stand apart here.",
    }
    if run.device_count:
        likely[own / run.device_count] = "of one device alone."
    if facility:
        likely[own * float(energy_it_kwh) / facility] = "without the PUE."
    for kilograms, words in likely.items():
        if kilograms and abs(reported - kilograms) <= TOLERANCE * abs(kilograms):
            return Discrepancy(reported, own, f"The report looks like this figure {words}")
    return Discrepancy(reported, own, _implied(reported, own, facility))


def _implied(reported: float, own: float, facility_kwh: float) -> str:
    if not facility_kwh:
        return "No energy is known of the run."
    said = numbers.number_text(reported / facility_kwh * 1000)
    used = numbers.number_text(own / facility_kwh * 1000)
    return (
        f"For the same energy the report implies {said} g/kWh, where {used} g/kWh is used here: "
        "another emission factor, or other energy."
    )
