"""API tokens: only their SHA-256 is kept."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from emissions.calculation.vocabulary import TokenScope
from emissions.models.choices import choices, one_of
from emissions.models.organisation import Organisation, Project
from emissions.models.people import Membership


class ApiToken(models.Model):
    """One row lets a client in, as one project or as one person; the token is shown once."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="tokens")
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, null=True, blank=True, related_name="tokens"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="tokens",
    )
    name = models.CharField(max_length=100, blank=True)
    scope = models.CharField(max_length=12, choices=choices(TokenScope), default=TokenScope.WRITE)
    sha256 = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    #: Not a column: what the person is in the organisation now, set by services.tokens.
    membership: Membership | None = None

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            one_of("scope", TokenScope, name="token_scope"),
            models.CheckConstraint(
                name="token_of_project_or_person",
                condition=Q(project__isnull=False, person__isnull=True)
                | Q(project__isnull=True, person__isnull=False),
            ),
            models.CheckConstraint(
                name="token_scope_of_owner",
                condition=~Q(scope=TokenScope.INGEST, project__isnull=True)
                & ~Q(scope=TokenScope.ADMIN, person__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"token of {self.project or self.person}"

    @property
    def may_read(self) -> bool:
        """Whether it shows anything but the answer to what it adds."""
        return self.scope != TokenScope.INGEST

    @property
    def may_add(self) -> bool:
        """Whether it may add runs."""
        return self.scope != TokenScope.READ

    @property
    def may_write(self) -> bool:
        """Whether it may add and change runs."""
        return self.scope in (TokenScope.WRITE, TokenScope.ADMIN)

    @property
    def may_stand_in_urls(self) -> bool:
        """Whether it is taken from an address, where others may see it."""
        return self.scope == TokenScope.INGEST
