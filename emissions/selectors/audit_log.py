"""Who did what, in words."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model, QuerySet

from emissions.models import AuditEvent, Organisation, User

#: Columns that say nothing to a reader.
SILENT = {"id", "organisation_id", "slug", "created_at", "updated_at"}

LABELS = {
    "pue": "PUE",
    "pue_source": "Source of the PUE",
    "wue_litres_per_kwh": "WUE, L/kWh",
    "email": "E-mail",
    "starts_on": "From",
    "ends_before": "Until before",
    "idle_watts": "Idle power, W",
    "max_watts": "Full power, W",
    "embodied_kg": "Embodied carbon, kg CO₂e",
    "it_control": "IT run by",
    "overhead_control": "Building run by",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One column before and after."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event with its changes."""

    event: AuditEvent
    changes: list[Change]


def events(
    *, organisation: Organisation, text: str = "", action: str = "", by: int | None = None
) -> QuerySet[AuditEvent]:
    """Return an organisation's events, the latest first."""
    found = AuditEvent.objects.filter(organisation=organisation)
    if text:
        found = found.filter(label__icontains=text)
    if action:
        found = found.filter(action=action)
    if by is not None:
        found = found.filter(by=by)
    return found.select_related("by").order_by("-id")


def actions(*, organisation: Organisation) -> list[str]:
    """Return the kinds of event that have happened."""
    kinds = AuditEvent.objects.filter(organisation=organisation).order_by("action")
    return list(kinds.values_list("action", flat=True).distinct())


def actors(*, organisation: Organisation) -> QuerySet[User]:
    """Return who has done something."""
    return User.objects.filter(
        pk__in=AuditEvent.objects.filter(organisation=organisation).values("by")
    ).order_by("email")


def event_rows(events: Iterable[AuditEvent]) -> list[EventRow]:
    """Return events with their changes, references named: one query per kind of thing."""
    events = list(events)
    wanted: dict[type[Model], set[int]] = defaultdict(set)
    for event in events:
        for name, value in _values(event):
            target = _target(event.subject, name)
            if target is not None and isinstance(value, int):
                wanted[target].add(value)
    names = {
        model: {thing.pk: str(thing) for thing in model._default_manager.filter(pk__in=ids)}
        for model, ids in wanted.items()
    }
    return [EventRow(event, _changes(event, names)) for event in events]


def _values(event: AuditEvent) -> Iterable[tuple[str, Any]]:
    yield from (event.before or {}).items()
    yield from (event.after or {}).items()


def _changes(event: AuditEvent, names: dict[type[Model], dict[int, str]]) -> list[Change]:
    before, after = event.before or {}, event.after or {}
    columns = [*after, *(name for name in before if name not in after)]
    changes = []
    for name in columns:
        if name in SILENT:
            continue
        old, new = (_text(event.subject, name, side.get(name), names) for side in (before, after))
        if old or new:
            changes.append(Change(_label(name), old, new))
    return changes


def _label(name: str) -> str:
    return LABELS.get(name) or name.removesuffix("_id").replace("_", " ").capitalize()


def _text(
    subject: str, name: str, value: Any, names: dict[type[Model], dict[int, str]]
) -> str | None:
    if value is None or value == "":
        return None
    target = _target(subject, name)
    if target is not None and isinstance(value, int):
        return names[target].get(value, f"no. {value}")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and value and isinstance(value[0], list):
        # Pairs of keys, as a closing keeps them, say nothing to a reader.
        return f"{len(value)} of them"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    choices: dict[Any, Any] = dict(getattr(_field(subject, name), "flatchoices", ()))
    return str(choices.get(value, value))


def _field(subject: str, name: str) -> "Field[Any, Any] | None":
    try:
        model = apps.get_model("emissions", subject)
        found = model._meta.get_field(name.removesuffix("_id"))
    except (LookupError, FieldDoesNotExist, ValueError):
        return None
    return found if isinstance(found, Field) else None


def _target(subject: str, name: str) -> type[Model] | None:
    if not name.endswith("_id"):
        return None
    field = _field(subject, name)
    related = field.related_model if field is not None else None
    return related if isinstance(related, type) else None
