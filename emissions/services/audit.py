"""Write down who changed what."""

from typing import Any

from django.db.models import Model

from emissions.models import AuditEvent, Organisation, User


def snapshot(instance: Model) -> dict[str, Any]:
    """Return an instance's columns as plain values, for `before` and `after`."""
    return {
        field.attname: getattr(instance, field.attname) for field in instance._meta.concrete_fields
    }


def write_audit_event(
    *,
    organisation: Organisation,
    by: User | None,
    action: str,
    instance: Model,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEvent:
    """Append one event; of `before` and `after` only what differs is kept.

    Call it in the transaction of the write itself.
    """
    if before is not None and after is not None:
        changed = {key for key in after if before.get(key) != after[key]}
        before = {key: value for key, value in before.items() if key in changed}
        after = {key: value for key, value in after.items() if key in changed}
    return AuditEvent.objects.create(
        organisation=organisation,
        by=by,
        action=action,
        subject=instance._meta.model_name or "",
        subject_id=instance.pk,
        label=str(instance)[:250],
        before=before,
        after=after,
    )
