"""Who did what, when, and what it changed."""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from emissions.models.organisation import Organisation


class AuditEvent(models.Model):
    """One row is one write by somebody: append-only."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="audit_events"
    )
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=64)
    subject_id = models.BigIntegerField(null=True, blank=True)
    label = models.CharField(max_length=250)
    before = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organisation", "-id"], name="audit_recent")]

    def __str__(self) -> str:
        return f"{self.action} {self.label}"
