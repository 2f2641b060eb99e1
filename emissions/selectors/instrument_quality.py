"""What the ledger knows of the Scope 2 Quality Criteria, beside what a person stated.

Nothing is excluded for it: whoever reads it decides (Scope 2 Guidance, chapter 7).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from emissions.calculation.vocabulary import (
    CRITERIA,
    InstrumentKind,
    InstrumentStatus,
    QualityCriterion,
)
from emissions.models import EnergyInstrument, GridZone, InstrumentUse, Site, SiteConditions
from emissions.selectors.periods import month_number

FAR_MONTHS = 12
"""Generated further from a month than this is not close to it, by any market's rules. [month]"""
VINTAGE = re.compile(r"((?:19|20)\d\d)(?:-?Q([1-4])|-(0[1-9]|1[0-2]))?")

#: What the ledger says: (whether it is met, None where that is not known; why).
Says = tuple[bool | None, str]


class Verdict(StrEnum):
    """What was stated, beside what the ledger says."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    NOT_STATED = "not stated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Quality:
    """A criterion: whether somebody stated that it is met, and what the ledger says of it."""

    words: str
    stated: bool
    met: bool | None
    why: str

    @property
    def verdict(self) -> Verdict:
        """Whether the two agree; not stated is no contradiction."""
        if self.met is None:
            return Verdict.UNKNOWN
        if not self.stated:
            return Verdict.NOT_STATED
        return Verdict.AGREES if self.met else Verdict.CONTRADICTS


def qualities(*, instrument: EnergyInstrument, uses: Iterable[InstrumentUse]) -> list[Quality]:
    """Return the eight criteria in order, judged by what the instrument covers.

    Parameters
    ----------
    instrument : EnergyInstrument
        The instrument.
    uses : iterable of InstrumentUse
        What it is used for; those of no energy do not matter.
    """
    used = [use for use in uses if use.energy_kwh > 0]
    says: dict[QualityCriterion, Says] = {
        QualityCriterion.RATE: _rate(instrument),
        QualityCriterion.SOLE_CLAIM: _sole_claim(instrument),
        QualityCriterion.RETIRED_FOR_US: _retired(instrument),
        QualityCriterion.VINTAGE: _vintage(instrument, used),
        QualityCriterion.SAME_MARKET: _market(instrument, used),
        QualityCriterion.SUPPLIER_RATE: _only(
            instrument, InstrumentKind.TARIFF, "suppliers' tariffs"
        ),
        QualityCriterion.TRANSFERRED: _only(
            instrument, InstrumentKind.PPA, "power purchase agreements"
        ),
        QualityCriterion.RESIDUAL_MIX: (
            True,
            "Where none is published, every line says so and counts at the grid's factor.",
        ),
    }
    return [
        Quality(words, bool(instrument.criteria_met & criterion), *says[criterion])
        for criterion, words in CRITERIA.items()
    ]


def _rate(one: EnergyInstrument) -> Says:
    if one.rate_source:
        return True, f"{one.rate_g_per_kwh:g} g/kWh: {one.rate_source}."
    return None, "Who states the rate is not recorded."


def _sole_claim(one: EnergyInstrument) -> Says:
    if not one.reference:
        return None, "No serial numbers or contract are recorded."
    same = EnergyInstrument.objects.filter(
        organisation=one.organisation_id, reference__iexact=one.reference
    ).exclude(pk=one.pk)
    names = ", ".join(row.name for row in same.order_by("name"))
    if names:
        return False, f"The same serial numbers or contract are recorded with {names}."
    return None, "No other instrument here has its serial numbers; others' claims are not known."


def _retired(one: EnergyInstrument) -> Says:
    if one.status != InstrumentStatus.RETIRED:
        return False, f"It is {one.get_status_display().lower()}, not retired."
    missing = [
        words
        for words, value in (
            ("registry", one.registry),
            ("serial numbers", one.reference),
            ("day of retirement", one.retired_on),
        )
        if not value
    ]
    if missing:
        return None, f"It is retired, but not recorded: {', '.join(missing)}."
    return True, f"Retired at {one.registry} on {one.retired_on}; for whom, the registry says."


def _vintage(one: EnergyInstrument, used: list[InstrumentUse]) -> Says:
    period = _generated(one.vintage)
    if period is None:
        return None, "The vintage names no year."
    first, end = period
    if one.retired_on is not None and month_number(one.retired_on) < first:
        return False, "It was retired before its vintage begins."
    if not used:
        return None, "It covers nothing yet."
    months = [month_number(use.month) for use in used]
    apart = max(max(first - month, month - end + 1, 0) for month in months)
    if not apart:
        return True, "Generated in the period that it covers."
    words = f"Generated up to {apart} months from what it covers."
    return (False if apart > FAR_MONTHS else None), words


def _generated(vintage: str) -> tuple[int, int] | None:
    """Return the months that a vintage names, half-open: 2025, 2026-Q1, 2026-03, 2025–2027."""
    spans = []
    for year, quarter, month in VINTAGE.findall(vintage):
        first = int(year) * 12
        if quarter:
            first += int(quarter) * 3 - 3
        elif month:
            first += int(month) - 1
        spans.append((first, first + (3 if quarter else 1 if month else 12)))
    return (min(spans)[0], max(end for _, end in spans)) if spans else None


def _market(one: EnergyInstrument, used: list[InstrumentUse]) -> Says:
    if one.market is None:
        return None, "No market is recorded."
    if not used:
        return None, "It covers nothing yet."
    inside = _zones_within(one.market)
    conditions = list(
        SiteConditions.objects.current()
        .filter(site__in={use.site_id for use in used})
        .order_by("starts_on")
    )
    outside: set[Site] = set()
    for use in used:
        of_site = [fact for fact in conditions if fact.site_id == use.site_id]
        held = [fact for fact in of_site if fact.starts_on <= use.month] or of_site[:1]
        if not held or held[-1].zone_id not in inside:
            outside.add(use.site)
    if outside:
        names = ", ".join(sorted(site.name for site in outside))
        return False, f"It covers electricity outside {one.market.name}: {names}."
    return True, f"All that it covers was used in {one.market.name}."


def _zones_within(market: GridZone) -> set[int]:
    """Return a zone and all that lie in it."""
    parents = dict(GridZone.objects.values_list("pk", "parent"))
    inside, size = {market.pk}, 0
    while len(inside) > size:
        size = len(inside)
        inside |= {zone for zone, parent in parents.items() if parent in inside}
    return inside


def _only(one: EnergyInstrument, kind: InstrumentKind, of: str) -> Says:
    if one.kind == kind:
        return None, "The ledger holds nothing about it."
    return None, f"It is asked of {of} only."
