"""Contractual instruments: certificates, contracts and tariffs, and what they cover."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from emissions.charts.numbers import percent_text
from emissions.forms.instruments import InstrumentForm, RetirementForm, UseForm
from emissions.models import EnergyInstrument
from emissions.permissions import Action, Member, member_required
from emissions.selectors.instrument_quality import Verdict, qualities
from emissions.selectors.instruments import instrument_rows, matched, uses_of, year_end
from emissions.selectors.uncertainty import coverage_within
from emissions.selectors.years import years_of
from emissions.services.manage_instruments import (
    InUse,
    OutsideItsPeriod,
    QuarterClosed,
    UsedUp,
    delete_instrument,
    edit_instrument,
    lapse_instrument,
    record_instrument,
    retire_instrument,
    set_use,
    true_up_year,
)
from emissions.views import spread
from emissions.views.inventory import inventory_tabs
from emissions.views.today import local_today, start_of_year

USED_UP = "By hand, more would be used than the instrument has."
OUTSIDE = "The instrument does not cover this month."


@member_required(Action.VIEW_INVENTORY)
@require_safe
def instrument_list(request: HttpRequest, member: Member) -> HttpResponse:
    """List the instruments, and how much electricity they match this year."""
    since = start_of_year(local_today(member.organisation))
    year: dict[str, Any] = {
        "organisation": member.organisation,
        "starts_on": since,
        "ends_before": since.replace(year=since.year + 1),
    }
    found = matched(**year)
    share = percent_text(found.no_residual_share or 0)
    context = {
        "year_end": year_end(organisation=member.organisation, today=since),
        "rows": instrument_rows(organisation=member.organisation),
        "electricity_label": f"Electricity in {since.year}",
        "matched": found,
        **spread.shown(
            {"difference": found.difference_kg},
            {"difference": coverage_within(**year)},
        ),
        "residual_text": (
            f"For {share} of this electricity no residual mix is published: what no instrument "
            "covers counts at the location-based factor."
        ),
        "tabs": inventory_tabs(member, "instrument_list"),
    }
    return render(request, "emissions/inventory/instrument_list.html", context)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def instrument_true_up(request: HttpRequest, member: Member) -> HttpResponse:
    """Let only retired instruments count in the year that is over."""
    today = local_today(member.organisation)
    year = today.year - 1
    true_up_year(organisation=member.organisation, year=year, by=member.user, today=today)
    messages.info(request, f"Only retired instruments count up to the end of {year}: a true-up.")
    return redirect("instrument_list", organisation_slug=member.organisation.slug)


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def instrument_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Record an instrument."""
    form = InstrumentForm(
        request.POST or None,
        organisation=member.organisation,
        today=local_today(member.organisation),
    )
    if request.method == "POST" and form.is_valid():
        row = record_instrument(
            organisation=member.organisation,
            instrument=form.stated(),
            by=member.user,
            now=timezone.now(),
        )
        messages.info(request, f"{row} was recorded. What it covers is being settled.")
        return _to_instrument(member, row)
    return _form(request, form, None)


@member_required(Action.VIEW_INVENTORY)
@require_safe
def instrument(request: HttpRequest, member: Member, instrument_id: int) -> HttpResponse:
    """Show an instrument and what it covers."""
    return _page(request, member, _instrument(member, instrument_id))


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def instrument_edit(request: HttpRequest, member: Member, instrument_id: int) -> HttpResponse:
    """Change what an instrument says."""
    row = _instrument(member, instrument_id)
    form = InstrumentForm(
        request.POST or None,
        organisation=member.organisation,
        today=local_today(member.organisation),
        instrument=row,
    )
    if request.method == "POST" and form.is_valid():
        try:
            edit_instrument(instrument=row, values=form.stated(), by=member.user)
        except UsedUp:
            form.add_error("energy_mwh", USED_UP)
        except OutsideItsPeriod:
            form.add_error(
                "starts_on",
                "By hand, or in a closed quarter, it covers a month outside this period.",
            )
        else:
            messages.info(request, "Saved. What it covers is being settled.")
            return _to_instrument(member, row)
    return _form(request, form, row)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def instrument_retire(request: HttpRequest, member: Member, instrument_id: int) -> HttpResponse:
    """Record that an instrument was retired."""
    row = _instrument(member, instrument_id)
    form = RetirementForm(request.POST)
    if not form.is_valid():
        return _page(request, member, row, retirement_form=form)
    retire_instrument(instrument=row, by=member.user, **form.cleaned_data)
    messages.info(request, f"{row} is retired: what it covers is no longer provisional.")
    return _to_instrument(member, row)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def instrument_lapse(request: HttpRequest, member: Member, instrument_id: int) -> HttpResponse:
    """Record that an instrument was not retired in time."""
    row = lapse_instrument(instrument=_instrument(member, instrument_id), by=member.user)
    messages.info(request, f"{row} has lapsed: what it covered is taken back, as a true-up.")
    return _to_instrument(member, row)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def instrument_delete(request: HttpRequest, member: Member, instrument_id: int) -> HttpResponse:
    """Remove an instrument that was recorded in error."""
    row = _instrument(member, instrument_id)
    try:
        delete_instrument(instrument=row, by=member.user)
    except InUse:
        messages.error(request, f"{row} is retired, or covers a closed quarter, and stays.")
        return _to_instrument(member, row)
    messages.info(request, f"{row} was deleted.")
    return redirect("instrument_list", organisation_slug=member.organisation.slug)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def instrument_use(request: HttpRequest, member: Member, instrument_id: int) -> HttpResponse:
    """Say how much of a site's month an instrument covers."""
    row = _instrument(member, instrument_id)
    form = UseForm(request.POST, organisation=member.organisation)
    if form.is_valid():
        mwh = form.cleaned_data["energy_mwh"]
        try:
            set_use(
                instrument=row,
                site=form.cleaned_data["site"],
                month=form.cleaned_data["month"],
                energy_kwh=None if mwh is None else mwh * 1000,
                by=member.user,
            )
        except UsedUp:
            form.add_error("energy_mwh", USED_UP)
        except OutsideItsPeriod:
            form.add_error("month", OUTSIDE)
        except QuarterClosed:
            form.add_error("month", "The quarter is closed: what covers it stays as it is.")
        else:
            messages.info(request, "Saved. What it covers is being settled.")
            return _to_instrument(member, row)
    return _page(request, member, row, use_form=form)


def _instrument(member: Member, instrument_id: int) -> EnergyInstrument:
    rows = EnergyInstrument.objects.select_related("market", "site")
    return get_object_or_404(rows, organisation=member.organisation, pk=instrument_id)


def _to_instrument(member: Member, row: EnergyInstrument) -> HttpResponse:
    return redirect("instrument", organisation_slug=member.organisation.slug, instrument_id=row.pk)


def _form(request: HttpRequest, form: InstrumentForm, row: EnergyInstrument | None) -> HttpResponse:
    context = {"form": form, "instrument": row}
    status = 422 if form.errors else 200
    return render(request, "emissions/inventory/instrument_form.html", context, status=status)


def _page(
    request: HttpRequest,
    member: Member,
    row: EnergyInstrument,
    *,
    retirement_form: RetirementForm | None = None,
    use_form: UseForm | None = None,
) -> HttpResponse:
    years = years_of(organisation=member.organisation)
    uses = [(use, years.counts(row.status, use.month)) for use in uses_of(instrument=row)]
    found = qualities(instrument=row, uses=[use for use, counts in uses if counts])
    invalid = any(form is not None and form.errors for form in (retirement_form, use_form))
    context = {
        "instrument": row,
        "uses": uses,
        "used_kwh": sum(use.energy_kwh for use, counts in uses if counts),
        "energy_kwh": row.energy_mwh * 1000,
        "qualities": found,
        "contradicted": " ".join(
            f"{one.words}: {one.why}" for one in found if one.verdict is Verdict.CONTRADICTS
        ),
        "criteria_count": row.criteria_met.bit_count(),
        "retirement_form": retirement_form
        or RetirementForm(
            initial={
                "retired_on": row.retired_on or local_today(member.organisation),
                "reference": row.reference,
            }
        ),
        "use_form": use_form
        or UseForm(organisation=member.organisation, initial={"month": row.starts_on}),
    }
    return render(
        request, "emissions/inventory/instrument.html", context, status=422 if invalid else 200
    )
