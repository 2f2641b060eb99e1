"""An organisation's own entries of the hardware catalogue."""

from dataclasses import dataclass, fields
from datetime import datetime

from django.db import transaction

from emissions.calculation.vocabulary import HardwareKind
from emissions.models import HardwareModel, Organisation, User
from emissions.services.audit import snapshot, write_audit_event
from emissions.services.invalidate import hardware_changed


class SharedHardware(Exception):
    """A shared entry of the catalogue belongs to no organisation and is not edited here."""


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
def edit_hardware(*, hardware: HardwareModel, device: Device, by: User | None) -> HardwareModel:
    """Change an organisation's own entry, and calculate its runs again.

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
    hardware_changed(hardware=hardware, organisation=hardware.organisation, by=by)
    return hardware
