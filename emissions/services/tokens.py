"""Make, check and revoke API tokens. Only a token's SHA-256 is kept; the token is shown once."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import connection, transaction

from emissions.calculation.vocabulary import TokenScope
from emissions.models import ApiToken, Membership, Organisation, Project, User
from emissions.services.audit import write_audit_event

PREFIX = "tonne_"
RANDOM_BYTES = 32
"""256 bits: nobody guesses one, so a fast hash keeps it safe."""
LONGEST_TOKEN = 512
USED_EVERY = timedelta(minutes=1)
"""How often the use of a token is written down at most."""


class TokenError(Exception):
    """A token cannot be made like this; the message says why."""


class TokenRefused(Exception):
    """A token opens nothing; the message says why."""


def digest(plain: str) -> str:
    """Return the SHA-256 of a token, in hexadecimal: what the database keeps."""
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def check_token(raw: str, *, now: datetime) -> ApiToken:
    """Return the token that a client gave, and note its use.

    It comes with its organisation, project, person and maker. A person's token has their
    membership of today as `token.membership`; without one it opens nothing.

    Raises
    ------
    TokenRefused
        It is unknown, revoked or expired, or its person is no member any more.
    """
    tokens = ApiToken.objects.select_related("organisation", "project", "person", "created_by")
    token = tokens.filter(sha256=digest(raw)).first() if 0 < len(raw) <= LONGEST_TOKEN else None
    if token is None:
        raise TokenRefused("This token is not known.")
    if token.revoked_at is not None:
        raise TokenRefused("This token has been revoked.")
    if token.expires_at is not None and token.expires_at <= now:
        raise TokenRefused("This token has expired.")
    if token.person_id is not None:
        token.membership = _membership(token)
    if token.last_used_at is None or token.last_used_at + USED_EVERY <= now:
        _note_use(token, now=now)
    return token


def _membership(token: ApiToken) -> Membership:
    memberships = Membership.objects.select_related("organisation", "user", "team")
    found = memberships.filter(
        organisation=token.organisation, user=token.person_id, user__is_active=True
    ).first()
    if found is None:
        raise TokenRefused("The person of this token is not in the organisation.")
    return found


def _note_use(token: ApiToken, *, now: datetime) -> None:
    """Write when a token was used; whoever finds the row taken leaves it to the other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE emissions_apitoken SET last_used_at = %s WHERE id = (SELECT id"
            " FROM emissions_apitoken WHERE id = %s AND coalesce(last_used_at <= %s, true)"
            " FOR NO KEY UPDATE SKIP LOCKED)",
            [now, token.pk, now - USED_EVERY],
        )


@transaction.atomic
def create_token(
    *,
    organisation: Organisation,
    by: User | None,
    now: datetime,
    project: Project | None = None,
    person: User | None = None,
    scope: TokenScope = TokenScope.WRITE,
    name: str = "",
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Make a token for one project's runs, or one that acts as a person.

    Returns
    -------
    (ApiToken, str)
        The row, and the token itself: this is the only time that anybody sees it.

    Raises
    ------
    TokenError
        It is not for exactly one project or member of the organisation, the scope is none of
        theirs, or the expiry is not in the future.
    """
    _check_owner(organisation, project, person, scope)
    if expires_at is not None and expires_at <= now:
        raise TokenError("The expiry must lie in the future.")
    plain = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    token = ApiToken.objects.create(
        organisation=organisation,
        project=project,
        person=person,
        scope=scope,
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
        after={
            "name": token.name,
            "project_id": project and project.pk,
            "person": person and person.email,
            "scope": TokenScope(scope).label,
            "expires_at": expires_at,
        },
    )
    return token, plain


def _check_owner(
    organisation: Organisation,
    project: Project | None,
    person: User | None,
    scope: TokenScope,
) -> None:
    if (project is None) == (person is None):
        raise TokenError("A token is of a project or of a person.")
    if project is not None and project.organisation_id != organisation.pk:
        raise TokenError("This project belongs to another organisation.")
    members = Membership.objects.filter(organisation=organisation, user=person)
    if person is not None and not members.exists():
        raise TokenError("This person is not in the organisation.")
    if person is not None and scope == TokenScope.INGEST:
        raise TokenError("A token that only adds runs is of a project.")
    if person is None and scope == TokenScope.ADMIN:
        raise TokenError("A token that makes tokens is of a person.")


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
