"""A site: what it is, and what is true of it from when."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from emissions.calculation.vocabulary import SiteKind
from emissions.forms.sites import ConditionsForm, NewSiteForm, SiteForm
from emissions.models import Site, SiteConditions
from emissions.permissions import Action, Member, member_required
from emissions.selectors.inventory import conditions_history
from emissions.services.manage_sites import (
    archive_site,
    create_site,
    edit_site,
    restore_site,
    set_conditions,
)
from emissions.views.inventory import inventory_tabs
from emissions.views.today import local_today, start_of_year


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def site_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Create a site."""
    since = start_of_year(local_today(member.organisation))
    form = NewSiteForm(request.POST or None, organisation=member.organisation, today=since)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        site = create_site(
            organisation=member.organisation,
            name=data["name"],
            kind=SiteKind(data["kind"]),
            cloud_region=data["cloud_region"],
            conditions=form.conditions(),
            starts_on=data["starts_on"],
            by=member.user,
            now=timezone.now(),
        )
        messages.info(request, f"Site {site} was created.")
        return redirect("inventory", organisation_slug=member.organisation.slug)
    context = {"form": form, "tabs": inventory_tabs(member, "inventory")}
    status = 422 if form.errors else 200
    return render(request, "emissions/inventory/site_create.html", context, status=status)


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def site_edit(request: HttpRequest, member: Member, site_slug: str) -> HttpResponse:
    """Show a site's conditions over time; change what it is."""
    site = _site(member, site_slug)
    form = SiteForm(request.POST or None, organisation=member.organisation, site=site)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        edit_site(
            site=site,
            name=data["name"],
            kind=SiteKind(data["kind"]),
            cloud_region=data["cloud_region"],
            by=member.user,
        )
        messages.info(request, "Saved.")
        return _to_site(site)
    return _page(request, member, site, form=form)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def site_conditions(request: HttpRequest, member: Member, site_slug: str) -> HttpResponse:
    """State what is true of a site from a day on."""
    site = _site(member, site_slug)
    form = ConditionsForm(request.POST, today=local_today(member.organisation))
    if not form.is_valid():
        return _page(request, member, site, conditions_form=form)
    fact = set_conditions(
        site=site,
        conditions=form.conditions(),
        starts_on=form.cleaned_data["starts_on"],
        by=member.user,
        now=timezone.now(),
    )
    messages.info(request, f"Holds from {fact.starts_on:%-d %B %Y}. Its runs are calculated again.")
    return _to_site(site)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def site_archive(request: HttpRequest, member: Member, site_slug: str) -> HttpResponse:
    """Archive a site, or bring an archived one back."""
    site = _site(member, site_slug)
    if site.archived_at is None:
        archive_site(site=site, by=member.user, now=timezone.now())
    else:
        restore_site(site=site, by=member.user)
        messages.info(request, f"{site} is back.")
    return redirect("site", organisation_slug=member.organisation.slug, site_slug=site.slug)


def _site(member: Member, site_slug: str) -> Site:
    sites = Site.objects.select_related("cloud_region", "organisation")
    return get_object_or_404(sites, organisation=member.organisation, slug=site_slug)


def _to_site(site: Site) -> HttpResponse:
    return redirect("site_edit", organisation_slug=site.organisation.slug, site_slug=site.slug)


def _page(
    request: HttpRequest,
    member: Member,
    site: Site,
    *,
    form: SiteForm | None = None,
    conditions_form: ConditionsForm | None = None,
) -> HttpResponse:
    today = local_today(member.organisation)
    facts = SiteConditions.objects.current().on(today).filter(site=site)
    current = facts.select_related("zone").first()
    context = {
        "site": site,
        "current": current,
        "today": today,
        "form": form or SiteForm(organisation=member.organisation, site=site),
        "conditions_form": conditions_form or ConditionsForm(today=today, conditions=current),
        "history": conditions_history(site=site),
        "tabs": inventory_tabs(member, "inventory"),
    }
    invalid = any(one is not None and one.errors for one in (form, conditions_form))
    return render(
        request, "emissions/inventory/site_edit.html", context, status=422 if invalid else 200
    )
