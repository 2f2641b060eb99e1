"""What to write about a run in a paper, a README or a model card."""

from dataclasses import dataclass
from typing import Any

from emissions.charts import numbers
from emissions.forms.calculator import CalculatorForm
from emissions.models import CloudRegion
from emissions.services.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Citation:
    """A text to copy, in one format."""

    key: str
    label: str
    text: str


def citations(
    *, form: CalculatorForm, estimate: Estimate, full: dict[str, Any], url: str
) -> list[Citation]:
    """Return the sentence as Markdown and LaTeX, and a model card's YAML."""
    sentence = _sentence(form, estimate)
    return [
        Citation("markdown", "Markdown", f"{sentence} Calculated with [Tonne]({url})."),
        Citation("latex", "LaTeX", _latex(sentence, url)),
        Citation("yaml", "Hugging Face model card", _yaml(form, estimate, url)),
    ]


def _sentence(form: CalculatorForm, estimate: Estimate) -> str:
    hardware, place = form.cleaned_data["hardware"], form.cleaned_data["place"]
    used = f" on {hardware}" if hardware else ""
    hours = numbers.number_text(estimate.device_hours)
    work = f"The run used {hours} device-hours{used} and " if estimate.device_hours else "It used "
    where = f" in {place}" if place and not form.cleaned_data["grid_g_per_kwh"] else ""
    energy = _plain(numbers.energy_text(estimate.energy_facility_kwh))
    mass = _plain(numbers.mass_text(estimate.location_based_kg))
    grams = estimate.factor.value_g_per_kwh if estimate.factor else None
    factor = f", {numbers.number_text(grams)} g CO2e/kWh" if grams is not None else ""
    return (
        f"{work}{energy} of electricity{where} (PUE {estimate.pue:.4g}{factor}):"
        f" {mass} CO2e, location-based."
    )


def _plain(text: str) -> str:
    return text.replace(numbers.NO_BREAK_SPACE, " ")


def _latex(sentence: str, url: str) -> str:
    text = sentence.replace("CO2e", r"CO\textsubscript{2}e")
    for character in "&%#_":
        text = text.replace(character, f"\\{character}")
    address = url.replace("%", r"\%").replace("#", r"\#")
    return f"{text} Calculated with Tonne (\\url{{{address}}})."


def _yaml(form: CalculatorForm, estimate: Estimate, url: str) -> str:
    """Return a model card's `co2_eq_emissions`; Hugging Face counts in grams."""
    hardware, place = form.cleaned_data["hardware"], form.cleaned_data["place"]
    lines = [
        "co2_eq_emissions:",
        f"  emissions: {estimate.location_based_kg * 1000:.6g}  # grams CO2e, location-based",
        f'  source: "Tonne, {url}"',
        '  training_type: "pre-training"',
    ]
    if place:
        shown = place.location if isinstance(place, CloudRegion) else str(place)
        lines.append(f'  geographical_location: "{shown}"')
    if hardware:
        count = form.cleaned_data["device_count"] or 1
        lines.append(f'  hardware_used: "{count:g} x {hardware}"')
    return "\n".join(lines)
