"""What makes a node's values believable together: the rules that form and file share."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from emissions.services.change_life import LifeOver


def check_node(values: Mapping[str, Any], *, disposed_on: date | None) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a node's values: (field, what to do about it).

    Values carry the names of `Machine`; None means "not stated".
    """
    idle, most = values.get("idle_watts"), values.get("max_watts")
    if most is None and idle is not None:
        yield "max_watts", "Give both powers, or neither."
    if idle is None and most is not None:
        yield "idle_watts", "Give both powers, or neither."
    if idle is not None and most is not None and idle > most:
        yield "idle_watts", "Idle power cannot be above the power at full load."
    if most == 0:
        yield "max_watts", "Give a power above zero."
    if values.get("embodied_kg") is not None and not values.get("embodied_source"):
        yield "embodied_source", "Say where the footprint comes from."
    bought = values.get("purchased_on")
    if bought and disposed_on and bought > disposed_on:
        yield "purchased_on", f"The node left on {disposed_on:%Y-%m-%d}, before this day."


def life_over(over: LifeOver, day: date) -> str:
    """Return what is wrong with a life that is over on its first day, and what to do about it."""
    return (
        f"On {day:%Y-%m-%d} the node was {over.age_years:.1f} years old, its life of"
        f" {over.years:g} years over: give a longer life, or record the day on which it left."
    )
