"""Closing a quarter: what it would fix, what is in the way, and what it fixed."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from emissions.calculation.uncertainty import Interval
from emissions.charts import numbers
from emissions.models import Organisation
from emissions.permissions import Action, Member, member_required
from emissions.selectors.closings import (
    Closing,
    adopted_factor_sets,
    closing_of,
    factor_sets_of,
    open_quarters_before,
)
from emissions.selectors.periods import Period
from emissions.selectors.spread import Uncertainty
from emissions.selectors.totals import Filters, totals
from emissions.selectors.uncertainty import uncertainty, uncertainty_since
from emissions.services.close_quarter import (
    CannotClose,
    Obstacle,
    Reason,
    close_quarter,
    hindrances,
)
from emissions.views import spread
from reports.views import quarter_named

#: What passes by itself.
PASSING = (Obstacle.PENDING_RUNS, Obstacle.STALE_POOLS, Obstacle.CHANGING)

#: What the page of a closed quarter compares: label, column, and how it is written.
SHOWN = (
    ("Location-based", "", "kg"),
    ("Market-based", "market_based_kg", "kg"),
    ("Upstream", "upstream_kg", "kg"),
    ("Transmission and distribution losses", "losses_kg", "kg"),
    ("Lifetime share of hardware", "embodied_kg", "kg"),
    ("Hardware bought", "embodied_purchase_kg", "kg"),
    ("Energy", "energy_facility_kwh", "energy_facility_kwh"),
    ("Runs started", "runs_started", "number"),
)

#: The totals that closing fixes, as its page shows them.
FIXED = ("location_based_kg", "market_based_kg", "energy_facility_kwh")

#: What may have no factor or footprint at all: nothing is not shown as zero.
WHERE_KNOWN = (
    "Upstream",
    "Transmission and distribution losses",
    "Lifetime share of hardware",
    "Hardware bought",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of a closed quarter: at closing, what was posted since, and now.

    The ranges are 95 % intervals; what was closed has the digits of what stands now.
    """

    label: str
    closed: str
    since: str
    since_range: str
    now: str
    range: str
    moved: bool


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why a quarter cannot be closed, and where to see to it."""

    text: str
    url: str = ""
    label: str = ""


@member_required(Action.EXPORT)
@require_safe
def quarter_closing(request: HttpRequest, member: Member, quarter: str) -> HttpResponse:
    """Show what closing a quarter would fix and what is in the way, or what was fixed."""
    return _page(request, member, quarter_named(quarter))


@member_required(Action.CLOSE_QUARTERS)
@require_POST
def quarter_close(request: HttpRequest, member: Member, quarter: str) -> HttpResponse:
    """Close a quarter, or say what is in the way."""
    period = quarter_named(quarter)
    try:
        close_quarter(
            organisation=member.organisation,
            quarter=period,
            by=member.user,
            now=timezone.now(),
            close_after=settings.CODECARBON_CLOSE_AFTER,
        )
    except CannotClose as refused:
        return _page(request, member, period, refused.reasons)
    messages.info(request, f"{period.label} is closed.")
    return redirect("quarter_closing", member.organisation.slug, period.value)


def _page(
    request: HttpRequest, member: Member, period: Period, refused: list[Reason] | None = None
) -> HttpResponse:
    organisation = member.organisation
    closing = closing_of(organisation=organisation, quarter=period)
    context: dict[str, Any] = {"period": period, "closing": closing}
    if closing is not None:
        context |= {
            "rows": _rows(
                closing,
                uncertainty(organisation=organisation, period=period),
                uncertainty_since(closed=closing.closed) if closing.moved else None,
            ),
            "factor_sets": factor_sets_of(closed=closing.closed),
        }
        return render(request, "reports/closed.html", context)
    reasons = refused
    if reasons is None:
        reasons = hindrances(organisation=organisation, quarter=period, now=timezone.now())
    whole = totals(organisation=organisation, period=period, filters=Filters())
    found = uncertainty(organisation=organisation, period=period)
    context |= {
        "refused": refused is not None,
        "hindrances": [_hindrance(organisation, period, one) for one in reasons],
        "totals": whole,
        "rounded": spread.all_rounded({name: getattr(whole, name) for name in FIXED}, found),
        "ranges": {name: spread.words(found.of(name), name) for name in FIXED},
        "factor_sets": adopted_factor_sets(organisation=organisation),
        "first": not organisation.closed_quarters.exists(),
        "passing": bool(reasons) and all(one.obstacle in PASSING for one in reasons),
    }
    return render(request, "reports/close.html", context, status=422 if refused else 200)


def _hindrance(organisation: Organisation, period: Period, reason: Reason) -> Hindrance:
    """Say where to see to a reason."""
    runs = reverse("run_list", args=[organisation.slug])
    match reason.obstacle:
        case Obstacle.EARLIER_OPEN:
            first = open_quarters_before(organisation=organisation, starts_on=period.starts_on)[0]
            url = reverse("quarter_closing", args=[organisation.slug, first.value])
            return Hindrance(reason.text, url, f"Close {first.label} first")
        case Obstacle.PENDING_RUNS:
            return Hindrance(reason.text, f"{runs}?calculation=pending", "See the runs")
        case Obstacle.FAILED_RUNS:
            return Hindrance(reason.text, f"{runs}?calculation=failed", "Edit or delete them")
        case Obstacle.FAILED_POOLS:
            url = reverse("inventory", args=[organisation.slug])
            return Hindrance(reason.text, url, "Check nodes and sites")
    return Hindrance(reason.text)


def _rows(closing: Closing, found: Uncertainty, moved: Uncertainty | None) -> list[Row]:
    rows = []
    for label, column, kind in SHOWN:
        name = column or closing.headline
        closed, since = getattr(closing.closed, name), closing.since[name]
        if label in WHERE_KNOWN and not (closed or since):
            continue
        total = column or "location_based_kg"
        interval, of_since = found.of(total), moved.of(total) if moved else None
        rows.append(
            Row(
                label,
                _text(closed, kind, interval),
                ("+" if since > 0 else "") + _text(since, kind, of_since) if since else "—",
                spread.signed_words(of_since, total) if since else "",
                _text(closed + since, kind, interval),
                spread.words(interval, total),
                bool(since),
            )
        )
    return rows


def _text(value: Decimal | int, kind: str, interval: Interval | None) -> str:
    if kind == "number":
        return numbers.number_text(value, 0)
    return spread.rounded(value, interval, kind)
