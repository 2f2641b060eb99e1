"""An organisation's own entries of the hardware catalogue."""

from dataclasses import dataclass, fields
from datetime import date, datetime

from django.db import transaction

from emissions.calculation.vocabulary import HardwareKind
from emissions.models import HardwareAlias, HardwareModel, Organisation, User
from emissions.selectors.catalogue import folded
from emissions.services.audit import snapshot, write_audit_event
from emissions.services.change_life import keep_catalogue_life
from emissions.services.invalidate import catalogue_life_changed, hardware_changed


class SharedHardware(Exception):
    """A shared entry of the catalogue belongs to no organisation and is not edited here."""


class SpellingTaken(Exception):
    """The organisation already calls hardware so; `hardware` is what it means."""

    def __init__(self, hardware: HardwareModel) -> None:
        super().__init__(hardware.name)
        self.hardware = hardware


@dataclass(frozen=True, kw_only=True)
class Device:
    """What a catalogue entry says of a device."""

    name: str
    kind: HardwareKind
    max_watts: float
    source: str
    vendor: str = ""
    idle_watts: float | None = None
    memory_gb: float | None = None
    cores: int | None = None
    release_year: int | None = None
    embodied_kg: float | None = None
    embodied_source: str = ""
    life_years: float | None = None


DEVICE = tuple(field.name for field in fields(Device))


@transaction.atomic
def create_hardware(
    *, organisation: Organisation, device: Device, by: User | None, now: datetime
) -> HardwareModel:
    """Add an entry that only this organisation sees."""
    values = {name: getattr(device, name) for name in DEVICE}
    hardware = HardwareModel.objects.create(organisation=organisation, **values)
    write_audit_event(
        organisation=organisation,
        by=by,
        action="hardware created",
        instance=hardware,
        after=snapshot(hardware),
    )
    return hardware


@transaction.atomic
def edit_hardware(
    *,
    hardware: HardwareModel,
    device: Device,
    by: User | None,
    life_from: date,
    now: datetime,
) -> HardwareModel:
    """Change an organisation's own entry, and calculate its runs again.

    Another life holds from `life_from` on; what else is changed corrects all that was recorded.

    Raises
    ------
    SharedHardware
        The entry belongs to the shared catalogue.
    """
    hardware = HardwareModel.objects.select_for_update(of=("self",), no_key=True).get(
        pk=hardware.pk
    )
    if hardware.organisation is None:
        raise SharedHardware
    before = snapshot(hardware)
    for name in DEVICE:
        setattr(hardware, name, getattr(device, name))
    after = snapshot(hardware)
    if before == after:
        return hardware
    hardware.save()
    write_audit_event(
        organisation=hardware.organisation,
        by=by,
        action="hardware edited",
        instance=hardware,
        before=before,
        after=after,
    )
    organisation = hardware.organisation
    if before["life_years"] != after["life_years"]:
        keep_catalogue_life(
            hardware=hardware, life_years=before["life_years"], until=life_from, now=now
        )
        catalogue_life_changed(hardware=hardware, organisation=organisation, since=life_from, by=by)
    if {**before, "life_years": after["life_years"]} != after:
        hardware_changed(hardware=hardware, organisation=organisation, by=by)
    return hardware


@transaction.atomic
def add_alias(
    *, organisation: Organisation, hardware: HardwareModel, spelling: str, by: User | None
) -> HardwareAlias:
    """Teach the catalogue another spelling that only this organisation uses.

    It comes before a shared one: “A100” may mean the 40 GB card here. Runs that are
    recorded keep the hardware they have.

    Raises
    ------
    SpellingTaken
        The organisation has this spelling, as an alias or as the name of an own entry.
    """
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    fold = folded(spelling)
    present = (
        HardwareAlias.objects.filter(organisation=organisation, folded=fold)
        .select_related("hardware")
        .first()
    )
    if present is not None:
        raise SpellingTaken(present.hardware)
    for own in HardwareModel.objects.filter(organisation=organisation):
        if folded(own.name) == fold:
            raise SpellingTaken(own)
    alias = HardwareAlias.objects.create(
        organisation=organisation, hardware=hardware, folded=fold, spelling=spelling
    )
    write_audit_event(
        organisation=organisation,
        by=by,
        action="hardware alias added",
        instance=hardware,
        after={"spelling": spelling},
    )
    return alias


@transaction.atomic
def remove_alias(*, alias: HardwareAlias, by: User | None) -> None:
    """Forget an organisation's own spelling.

    Raises
    ------
    SharedHardware
        The spelling belongs to the shared catalogue.
    """
    if alias.organisation is None:
        raise SharedHardware
    write_audit_event(
        organisation=alias.organisation,
        by=by,
        action="hardware alias removed",
        instance=alias.hardware,
        before={"spelling": alias.spelling},
    )
    alias.delete()
