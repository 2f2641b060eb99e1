"""Which of the two location-based columns an organisation shows as its figure."""

from django.db.models import Case, DecimalField, F, Sum, When

from emissions.calculation.vocabulary import Headline

#: Of a ledger line or a total, by the choice of its organisation: at the factor of the year
#: unless it chose hours. The other column stands beside it.
LOCATION_KG = Case(
    When(cell__organisation__headline=Headline.HOURLY.value, then=F("location_based_kg")),
    default=F("location_based_annual_kg"),
    output_field=DecimalField(max_digits=24, decimal_places=9),
)


#: The column that stands beside it.
OTHER_KG = Case(
    When(cell__organisation__headline=Headline.HOURLY.value, then=F("location_based_annual_kg")),
    default=F("location_based_kg"),
    output_field=DecimalField(max_digits=24, decimal_places=9),
)


def summed(name: str) -> Sum:
    """Return the sum of a column; of the location-based figures, by the organisation's choice."""
    chosen = {"location_based_kg": LOCATION_KG, "location_other_kg": OTHER_KG}
    return Sum(chosen.get(name, name))
