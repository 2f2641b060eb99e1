"""Change an organisation's name, time zone, preset and rules of posting."""

from django.db import transaction

from emissions.calculation.vocabulary import Headline, IdleRule, Preset, RemainderRule
from emissions.models import Organisation, User
from emissions.services.audit import write_audit_event
from emissions.services.invalidate import organisation_changed, pools_changed


class TimeZoneFixed(Exception):
    """A quarter is closed: the time zone that decided which runs it holds stays."""


@transaction.atomic
def edit_organisation(
    *,
    organisation: Organisation,
    name: str,
    time_zone: str,
    preset: Preset,
    by: User | None,
    idle_rule: IdleRule | None = None,
    remainder_rule: RemainderRule | None = None,
    headline: Headline | None = None,
) -> Organisation:
    """Store the settings; another time zone or preset calculates every run again.

    The time zone decides in which month a run counts, and the preset what is assumed where
    nothing is known. The rules say who carries idle hours, and what becomes of metered energy
    that nothing explains. The headline says which location-based figure pages and reports put
    first: nothing is calculated again. What is not given stays as it is.

    Raises
    ------
    TimeZoneFixed
        A quarter is closed, and another time zone is given.
    """
    organisation = Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    before = _settings(organisation)
    if time_zone != organisation.time_zone and organisation.closed_quarters.exists():
        raise TimeZoneFixed
    organisation.name, organisation.time_zone, organisation.preset = name, time_zone, preset
    organisation.idle_rule = idle_rule or organisation.idle_rule
    organisation.remainder_rule = remainder_rule or organisation.remainder_rule
    organisation.headline = headline or organisation.headline
    after = _settings(organisation)
    if before == after:
        return organisation
    organisation.save(
        update_fields=["name", "time_zone", "preset", "idle_rule", "remainder_rule", "headline"]
    )
    write_audit_event(
        organisation=organisation,
        by=by,
        action="organisation edited",
        instance=organisation,
        before=before,
        after=after,
    )
    reasons = [
        words
        for key, words in (("time_zone", "Time zone changed"), ("preset", "Preset changed"))
        if before[key] != after[key]
    ]
    if reasons:
        organisation_changed(organisation=organisation, by=by, reason=", ".join(reasons))
    elif any(before[rule] != after[rule] for rule in ("idle_rule", "remainder_rule")):
        pools_changed(organisation=organisation, by=by, reason="Rules of posting changed")
    return organisation


def _settings(organisation: Organisation) -> dict[str, object]:
    return {
        "name": organisation.name,
        "headline": str(organisation.headline),
        "time_zone": organisation.time_zone,
        "preset": Preset(organisation.preset).label,
        "idle_rule": IdleRule(organisation.idle_rule).label,
        "remainder_rule": RemainderRule(organisation.remainder_rule).label,
    }
