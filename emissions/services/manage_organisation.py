"""Change an organisation's name, time zone and preset."""

from django.db import transaction

from emissions.calculation.vocabulary import Preset
from emissions.models import Organisation, User
from emissions.services.audit import write_audit_event
from emissions.services.invalidate import organisation_changed


@transaction.atomic
def edit_organisation(
    *, organisation: Organisation, name: str, time_zone: str, preset: Preset, by: User | None
) -> Organisation:
    """Store the settings; another time zone or preset calculates every run again.

    The time zone decides in which month a run counts, and the preset what is assumed where
    nothing is known.
    """
    organisation = Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    before = _settings(organisation)
    organisation.name, organisation.time_zone, organisation.preset = name, time_zone, preset
    after = _settings(organisation)
    if before == after:
        return organisation
    organisation.save(update_fields=["name", "time_zone", "preset"])
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
    return organisation


def _settings(organisation: Organisation) -> dict[str, object]:
    return {
        "name": organisation.name,
        "time_zone": organisation.time_zone,
        "preset": Preset(organisation.preset).label,
    }
