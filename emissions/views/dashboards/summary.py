"""A dashboard's stats as a file: exact, in base units, with the compared period beside them."""

from emissions.selectors.totals import Totals
from emissions.selectors.uncertainty import PeriodSpread
from emissions.tabular import Value
from emissions.views import spread

#: Totals that are known in part only, and what of them is shown.
KNOWN = {
    "embodied_kg": "known_embodied_kg",
    "upstream_kg": "known_upstream_kg",
    "losses_kg": "known_losses_kg",
    "water_litres": "known_water_litres",
}
INTERVALS = {shown: name for name, shown in KNOWN.items()}

#: What is per kWh at the meter, and of what.
RATIOS = {
    "intensity_kg_per_kwh": "location_based_kg",
    "market_intensity_kg_per_kwh": "market_based_kg",
}

FIGURES = (
    ("Emissions, location-based", "kg CO2e", "location_based_kg"),
    ("Emissions, market-based", "kg CO2e", "market_based_kg"),
    ("Energy at the meter", "kWh", "energy_facility_kwh"),
    ("Energy of IT equipment", "kWh", "energy_it_kwh"),
    ("Intensity, location-based", "kg CO2e/kWh", "intensity_kg_per_kwh"),
    ("Intensity, market-based", "kg CO2e/kWh", "market_intensity_kg_per_kwh"),
    ("Upstream of the electricity", "kg CO2e", "known_upstream_kg"),
    ("Transmission and distribution losses", "kg CO2e", "known_losses_kg"),
    ("Lifetime share of hardware", "kg CO2e", "known_embodied_kg"),
    ("Water, where known", "l", "known_water_litres"),
    ("Device-hours", "h", "device_hours"),
    ("Runs", "", "runs"),
    ("Measured or metered energy", "share", "measured_share"),
    ("Hardware with known footprint", "share of device-hours", "known_hardware_share"),
    ("Not completed", "share of energy", "not_completed_share"),
)


def summary(
    now: Totals, before: Totals | None, found: PeriodSpread, *, period: str, compared_with: str
) -> tuple[list[str], list[list[Value]]]:
    """Return the header and the rows of the stats of two periods, with their intervals."""
    several = [now] if before is None else [now, before]
    header = ["Figure", "Unit", *[period, compared_with][: len(several)], "95 % from", "95 % to"]
    if found.change is not None:
        header += ["95 % from, change", "95 % to, change"]
    rows: list[list[Value]] = []
    for label, unit, name in FIGURES:
        known = INTERVALS.get(name, name)
        row: list[Value] = [label, unit, *(getattr(totals, name) for totals in several)]
        row += spread.bounds(
            found.lines.of_ratio(RATIOS[name], "energy_facility_kwh")
            if name in RATIOS
            else found.whole.of(known)
        )
        if found.change is not None:
            row += spread.bounds(found.change.of(known))
        rows.append(row)
    return header, rows
