"""The working of an estimate, as components/working.html shows it."""

from typing import Any

from emissions.charts import numbers
from emissions.selectors.spread import Uncertainty
from emissions.services.estimate import Estimate
from emissions.services.working import Step
from emissions.views import spread

HEADLINE = "Location-based"


def shown_steps(
    estimate: Estimate, found: Uncertainty | None = None, *, factor: str = ""
) -> list[dict[str, Any]]:
    """Return the steps with their results as text; the headline figure stands out.

    A result has the digits that its interval supports, where one is known; the values that it
    was made of have all of theirs. `factor` is where the page tells more of the emission factor.
    """
    return [
        {
            "label": step.label,
            "formula": step.formula,
            "values": step.values,
            "result": _result(step, found),
            "source": step.source,
            "source_url": factor if step.label == HEADLINE else "",
            "total": step.label == HEADLINE,
        }
        for step in estimate.steps
    ]


def _result(step: Step, found: Uncertainty | None) -> str:
    interval = found.of(step.quantity) if found else None
    figure = numbers.significant(step.result, spread.digits(interval))
    return f"{figure}{numbers.NO_BREAK_SPACE}{step.unit}"


def notes(estimate: Estimate, found: Uncertainty | None = None) -> dict[str, str]:
    """Return what stands below the figures of energy and hardware."""
    hours = plain(estimate.device_hours)
    interval = found.energy_it_kwh if found else None
    it = spread.rounded(estimate.energy_it_kwh, interval, "energy_it_kwh")
    return {
        "it_note": f"{it} IT × PUE {estimate.pue:.3g}",
        "hours_note": f"{hours} device-hours" if estimate.device_hours else "",
    }


#: What a run's figures are called where all of their digits are shown, with their units.
EXACT = {
    "energy_it_kwh": ("Energy at the IT equipment", "kWh"),
    "energy_facility_kwh": ("Energy at the meter", "kWh"),
    "location_based_kg": ("Location-based", "kg CO₂e"),
    "market_based_kg": ("Market-based", "kg CO₂e"),
    "upstream_kg": ("Upstream of the electricity", "kg CO₂e"),
    "losses_kg": ("Transmission and distribution losses", "kg CO₂e"),
    "embodied_kg": ("Lifetime share of hardware", "kg CO₂e"),
}


def exact(figures: Any, *, embodied_kg: numbers.Number | None) -> list[tuple[str, str]]:
    """Return figures to the last digit, as files have them: for whoever compares or audits."""
    amounts = {name: getattr(figures, name) for name in EXACT} | {"embodied_kg": embodied_kg}
    return [
        (label, "unknown" if amounts[name] is None else f"{_all_digits(amounts[name])} {unit}")
        for name, (label, unit) in EXACT.items()
    ]


def _all_digits(amount: numbers.Number) -> str:
    text = numbers.number_text(amount, 9)
    return text.rstrip("0").rstrip(".")


def plain(number: float) -> str:
    """Return a number somebody stated, with the digits it has: 80, 1,082,990, 0.25."""
    return f"{number:,.2f}".rstrip("0").rstrip(".")
