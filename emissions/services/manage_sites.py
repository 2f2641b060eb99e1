"""Create, edit, archive and restore sites, and state what is true of them from a day on."""

from dataclasses import dataclass, fields
from datetime import date, datetime

from django.db import transaction

from emissions.calculation.vocabulary import Cause, Control, SiteKind
from emissions.models import CloudRegion, GridZone, Organisation, Site, SiteConditions, User
from emissions.services.audit import snapshot, write_audit_event
from emissions.services.dated import set_from
from emissions.services.invalidate import site_changed
from emissions.services.names import free_slug


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What is true of a site over a time."""

    zone: GridZone
    it_control: Control = Control.ORGANISATION
    overhead_control: Control = Control.ORGANISATION
    pue: float | None = None
    pue_source: str = ""
    wue_litres_per_kwh: float | None = None


CONDITIONS = tuple(field.name for field in fields(Conditions))


@transaction.atomic
def create_site(
    *,
    organisation: Organisation,
    name: str,
    kind: SiteKind,
    conditions: Conditions,
    starts_on: date,
    by: User | None,
    now: datetime,
    cloud_region: CloudRegion | None = None,
) -> Site:
    """Create a site and state its conditions from a day on."""
    slug = free_slug(
        name=name, among=Site.objects.filter(organisation=organisation), otherwise="site"
    )
    site = Site.objects.create(
        organisation=organisation, name=name, slug=slug, kind=kind, cloud_region=cloud_region
    )
    write_audit_event(
        organisation=organisation,
        by=by,
        action="site created",
        instance=site,
        after={"name": name, "kind": str(kind), "cloud_region": _text(cloud_region)},
    )
    set_conditions(site=site, conditions=conditions, starts_on=starts_on, by=by, now=now)
    return site


@transaction.atomic
def edit_site(
    *, site: Site, name: str, kind: SiteKind, cloud_region: CloudRegion | None, by: User | None
) -> Site:
    """Change what a site is called and what it is; its address stays."""
    site = Site.objects.select_for_update(of=("self",), no_key=True).get(pk=site.pk)
    before = snapshot(site)
    site.name, site.kind, site.cloud_region = name, kind, cloud_region
    after = snapshot(site)
    if before == after:
        return site
    site.save(update_fields=["name", "kind", "cloud_region"])
    write_audit_event(
        organisation=site.organisation,
        by=by,
        action="site edited",
        instance=site,
        before=before,
        after=after,
    )
    if (before["kind"], before["cloud_region_id"]) != (after["kind"], after["cloud_region_id"]):
        site_changed(site=site, by=by, cause=Cause.BOUNDARY)
    return site


@transaction.atomic
def set_conditions(
    *,
    site: Site,
    conditions: Conditions,
    starts_on: date,
    by: User | None,
    now: datetime,
) -> SiteConditions:
    """State what is true of a site from a day on, until the next change.

    With a day in the past this is a correction: the superseded row is kept.
    """
    old = SiteConditions.objects.current().on(starts_on).filter(site=site).first()
    fact = set_from(
        model=SiteConditions,
        key="site",
        thing=site,
        starts_on=starts_on,
        ends_before=None,
        values={name: getattr(conditions, name) for name in CONDITIONS},
        now=now,
    )
    if old is not None and fact.pk == old.pk:
        return fact
    write_audit_event(
        organisation=site.organisation,
        by=by,
        action="site conditions set",
        instance=site,
        before=_words(old) if old else None,
        after=_words(fact),
    )
    site_changed(site=site, by=by, cause=_cause(old, fact))
    return fact


@transaction.atomic
def archive_site(*, site: Site, by: User | None, now: datetime) -> Site:
    """Take a site out of the lists; what ran there stays."""
    return _set_archived(site, now, by, "site archived")


@transaction.atomic
def restore_site(*, site: Site, by: User | None) -> Site:
    """Bring an archived site back."""
    return _set_archived(site, None, by, "site restored")


def _set_archived(site: Site, moment: datetime | None, by: User | None, action: str) -> Site:
    site = Site.objects.select_for_update(of=("self",), no_key=True).get(pk=site.pk)
    if (site.archived_at is None) == (moment is None):
        return site
    site.archived_at = moment
    site.save(update_fields=["archived_at"])
    write_audit_event(organisation=site.organisation, by=by, action=action, instance=site)
    return site


def _cause(old: SiteConditions | None, new: SiteConditions) -> Cause:
    """Return why the ledger moves: who controls a site decides the boundary."""
    if old is None:
        return Cause.DATA
    control = (old.it_control, old.overhead_control) != (new.it_control, new.overhead_control)
    return Cause.BOUNDARY if control else Cause.DATA


def _words(fact: SiteConditions) -> dict[str, object]:
    return {
        "zone": str(fact.zone),
        "it_control": str(fact.it_control),
        "overhead_control": str(fact.overhead_control),
        "pue": fact.pue,
        "pue_source": fact.pue_source,
        "wue_litres_per_kwh": fact.wue_litres_per_kwh,
        "starts_on": fact.starts_on,
        "ends_before": fact.ends_before,
    }


def _text(value: object | None) -> str:
    return str(value) if value is not None else ""
