"""The first sentences of a dashboard: how much, of what, and how it moved."""

from emissions.charts import numbers


def headline(
    *,
    who: str,
    kilograms: numbers.Number,
    emitted: str,
    method: str,
    runs: int,
    period: str,
    unfinished: bool,
    before: numbers.Number | None,
    compared_with: str,
    clear: bool = True,
) -> str:
    """Say what was emitted, from how many runs, and how that compares.

    `emitted` are the kilograms in words, with the digits that the page's card shows; `clear`
    says that the change is larger than what it may be off.
    """
    so_far = " so far" if unfinished else ""
    if not runs and not kilograms:
        return f"{who} has no runs in {period}{so_far}."
    sentence = (
        f"{who} emitted {emitted} ({method}) in {period}{so_far}, "
        f"from {runs:,} run{'' if runs == 1 else 's'}"
    )
    if before is None:
        return f"{sentence}."
    found = numbers.change(kilograms, before)
    if found.direction == "same":
        return f"{sentence}: as much as in {compared_with}."
    if found.share is None:
        return f"{sentence}; nothing was recorded in {compared_with}."
    if not clear:
        return f"{sentence}: no clear change from {compared_with}."
    return f"{sentence}: {found.words} than in {compared_with}."


def not_completed(*, share: numbers.Number, runs: int) -> str:
    """Say how much went into runs that did not complete, without blame."""
    return (
        f"{runs:,} run{'' if runs == 1 else 's'} did not complete: "
        f"{numbers.percent_text(share)} of the energy."
    )
