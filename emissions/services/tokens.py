"""Make and revoke API tokens. Only a token's SHA-256 is kept; the token is shown once."""

import hashlib
import secrets
from datetime import datetime

from django.db import transaction

from emissions.models import ApiToken, Organisation, Project, User
from emissions.services.audit import write_audit_event

PREFIX = "tonne_"
RANDOM_BYTES = 32
"""256 bits: nobody guesses one, so a fast hash keeps it safe."""


class TokenError(Exception):
    """A token cannot be made like this; the message says why."""


def digest(plain: str) -> str:
    """Return the SHA-256 of a token, in hexadecimal: what the database keeps."""
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


@transaction.atomic
def create_token(
    *,
    organisation: Organisation,
    project: Project,
    by: User | None,
    now: datetime,
    name: str = "",
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Make a token that may write and read one project's runs.

    Returns
    -------
    (ApiToken, str)
        The row, and the token itself: this is the only time that anybody sees it.

    Raises
    ------
    TokenError
        The project is another organisation's, or the expiry is not in the future.
    """
    if project.organisation_id != organisation.pk:
        raise TokenError("This project belongs to another organisation.")
    if expires_at is not None and expires_at <= now:
        raise TokenError("The expiry must lie in the future.")
    plain = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    token = ApiToken.objects.create(
        organisation=organisation,
        project=project,
        name=name.strip()[:100],
        sha256=digest(plain),
        created_by=by,
        created_at=now,
        expires_at=expires_at,
    )
    write_audit_event(
        organisation=organisation,
        by=by,
        action="token created",
        instance=token,
        after={"name": token.name, "project_id": project.pk, "expires_at": expires_at},
    )
    return token, plain


@transaction.atomic
def revoke_token(*, token: ApiToken, by: User | None, now: datetime) -> ApiToken:
    """Refuse a token from now on; again, and nothing changes."""
    stored = ApiToken.objects.select_for_update(no_key=True).get(pk=token.pk)
    if stored.revoked_at is not None:
        return stored
    stored.revoked_at = now
    stored.save(update_fields=["revoked_at"])
    write_audit_event(
        organisation=stored.organisation,
        by=by,
        action="token revoked",
        instance=stored,
        after={"revoked_at": now},
    )
    return stored
