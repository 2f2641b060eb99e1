"""The working of an estimate, as components/working.html shows it."""

from typing import Any

from emissions.charts import numbers
from emissions.services.estimate import Estimate


def shown_steps(estimate: Estimate) -> list[dict[str, Any]]:
    """Return the steps with their results as text; the headline figure stands out."""
    return [
        {
            "label": step.label,
            "formula": step.formula,
            "values": step.values,
            "result": f"{numbers.number_text(step.result)}{numbers.NO_BREAK_SPACE}{step.unit}",
            "source": step.source,
            "total": step.label == "Location-based",
        }
        for step in estimate.steps
    ]


def notes(estimate: Estimate) -> dict[str, str]:
    """Return what stands below the figures of energy and hardware."""
    hours = plain(estimate.device_hours)
    return {
        "it_note": f"{numbers.energy_text(estimate.energy_it_kwh)} IT × PUE {estimate.pue:.3g}",
        "hours_note": f"{hours} device-hours" if estimate.device_hours else "",
    }


def plain(number: float) -> str:
    """Return a number somebody stated, with the digits it has: 80, 1,082,990, 0.25."""
    return f"{number:,.2f}".rstrip("0").rstrip(".")
