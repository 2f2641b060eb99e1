"""Cloud accounts: which runs are theirs, and statement or own estimate month by month."""

from collections.abc import Mapping

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from emissions.calculation.uncertainty import STATEMENT_BAND, Interval
from emissions.calculation.vocabulary import InventoryFigure
from emissions.charts import numbers
from emissions.forms.cloud import CloudAccountForm, FigureForm
from emissions.models import CloudAccount
from emissions.permissions import Action, Member, member_required
from emissions.selectors.cloud import (
    AccountMonth,
    account_months,
    cloud_accounts,
    history,
    own_ranges,
)
from emissions.selectors.periods import InvalidPeriod, parse_period
from emissions.services.manage_cloud_accounts import (
    choose_figure,
    create_cloud_account,
    edit_cloud_account,
)
from emissions.views import spread
from emissions.views.dashboards.address import period_menu
from emissions.views.inventory import inventory_tabs
from emissions.views.today import local_today


@member_required(Action.VIEW_INVENTORY)
@require_safe
def cloud_account_list(request: HttpRequest, member: Member) -> HttpResponse:
    """Show accounts, and both figures of each month side by side."""
    organisation, today = member.organisation, local_today(member.organisation)
    try:
        period = parse_period(request.GET, today=today)
    except InvalidPeriod:
        period = parse_period({}, today=today)
    months = account_months(
        organisation=organisation, starts_on=period.starts_on, ends_before=period.ends_before
    )
    accounts = list(cloud_accounts(organisation=organisation))
    ranges = own_ranges(
        organisation=organisation,
        accounts=accounts,
        starts_on=period.starts_on,
        ends_before=period.ends_before,
    )
    unit = _unit(months)
    context = {
        "accounts": accounts,
        "months": [
            (one, _figures(one, ranges.get((one.account.pk, one.month), {}), unit))
            for one in months
        ],
        "period": period,
        "period_menu": period_menu(period=period, today=today),
        "unit": unit,
        "figures": list(InventoryFigure),
        "tabs": inventory_tabs(member, "cloud_account_list"),
    }
    return render(request, "emissions/inventory/cloud_account_list.html", context)


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def cloud_account_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Name an account; ?provider= and ?account_id= come from a statement that names it."""
    known = {name: request.GET[name] for name in ("provider", "account_id") if name in request.GET}
    form = CloudAccountForm(request.POST or None, organisation=member.organisation, initial=known)
    if request.method == "POST" and form.is_valid():
        account = create_cloud_account(
            organisation=member.organisation,
            usage=form.usage(),
            by=member.user,
            now=timezone.now(),
        )
        messages.info(request, f"{account} was added. Load a statement to compare it.")
        return _to_list(member)
    context = {"form": form, "tabs": inventory_tabs(member, "cloud_account_list")}
    status = 422 if form.errors else 200
    return render(request, "emissions/inventory/cloud_account_create.html", context, status=status)


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def cloud_account_edit(request: HttpRequest, member: Member, account_id: int) -> HttpResponse:
    """Change which runs are an account's; show all that was ever loaded for it."""
    account = _account(member, account_id)
    form = CloudAccountForm(request.POST or None, organisation=member.organisation, account=account)
    if request.method == "POST" and form.is_valid():
        edit_cloud_account(account=account, usage=form.usage(), by=member.user)
        messages.info(request, "Saved.")
        return _to_list(member)
    context = {
        "account": account,
        "form": form,
        "history": history(account=account),
        "tabs": inventory_tabs(member, "cloud_account_list"),
    }
    status = 422 if form.errors else 200
    return render(request, "emissions/inventory/cloud_account_edit.html", context, status=status)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def cloud_account_figure(request: HttpRequest, member: Member, account_id: int) -> HttpResponse:
    """Choose the statement or the own estimate for the inventory."""
    account = _account(member, account_id)
    form = FigureForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose the statement or the own estimate.")
        return _to_list(member)
    figure = InventoryFigure(form.cleaned_data["figure"])
    choose_figure(account=account, figure=figure, by=member.user)
    messages.info(request, f"{account}: {figure.label.lower()}. The difference is being posted.")
    return _to_list(member)


def _account(member: Member, account_id: int) -> CloudAccount:
    accounts = CloudAccount.objects.select_related("organisation", "project", "team", "site")
    return get_object_or_404(accounts, organisation=member.organisation, pk=account_id)


def _to_list(member: Member) -> HttpResponse:
    return redirect("cloud_account_list", organisation_slug=member.organisation.slug)


def _figures(one: AccountMonth, own: Mapping[str, Interval], unit: str) -> list[tuple[str, str]]:
    """Return an account's figures of a month with their intervals, as the table has them."""
    methods = ("location_based_kg", "market_based_kg")
    stated = {name: getattr(one.stated, name) if one.stated else None for name in methods}
    found = [(getattr(one.own, name), own.get(name)) for name in methods]
    found += [(stated[name], spread.within_band(stated[name], STATEMENT_BAND)) for name in methods]
    return [
        (spread.figure_in(kg, interval, "kg", unit), spread.bounds_in(interval, "kg", unit))
        for kg, interval in found
    ]


def _unit(months: list[AccountMonth]) -> str:
    """Return one unit of mass for the whole table."""
    masses = [one.own.location_based_kg for one in months]
    masses += [one.stated.market_based_kg for one in months if one.stated]
    return numbers.mass_unit([mass for mass in masses if mass is not None])
