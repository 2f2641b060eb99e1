"""Invite people, change what they are in an organisation, and remove them."""

from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now

from emissions.calculation.vocabulary import Role
from emissions.models import ApiToken, Membership, Organisation, Team, User
from emissions.services.audit import write_audit_event


class AlreadyMember(Exception):
    """The person is in the organisation already."""


class LastAdmin(Exception):
    """An organisation keeps at least one admin who can sign in."""


class LinkRefused(Exception):
    """A link that sets the person's password may not be handed out here."""


@transaction.atomic
def invite_person(
    *,
    organisation: Organisation,
    email: str,
    role: Role,
    team: Team | None,
    by: User | None,
    now: datetime,
    name: str = "",
) -> Membership:
    """Make a person a member; whoever is new gets an account without a password.

    Raises
    ------
    AlreadyMember
        They are in the organisation already.
    """
    email = User.objects.normalize_email(email).lower()
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, name=name, date_joined=now)
    membership, created = Membership.objects.get_or_create(
        organisation=organisation,
        user=user,
        defaults={"role": role, "team": team, "created_at": now},
    )
    if not created:
        raise AlreadyMember
    write_audit_event(
        organisation=organisation,
        by=by,
        action="person invited",
        instance=membership,
        after={"email": email, **_rights(membership)},
    )
    return membership


@transaction.atomic
def change_role(
    *, membership: Membership, role: Role, team: Team | None, by: User | None
) -> Membership:
    """Give a member another role or team.

    Raises
    ------
    LastAdmin
        Nobody else could manage the organisation.
    """
    membership = _locked(membership)
    before = _rights(membership)
    if membership.role == Role.ADMIN and role != Role.ADMIN:
        _keep_an_admin(membership)
    membership.role, membership.team = role, team
    after = _rights(membership)
    if before == after:
        return membership
    membership.save(update_fields=["role", "team"])
    write_audit_event(
        organisation=membership.organisation,
        by=by,
        action="role changed",
        instance=membership,
        before=before,
        after=after,
    )
    return membership


@transaction.atomic
def remove_person(*, membership: Membership, by: User | None) -> None:
    """Take a person out of an organisation; their runs and their account stay.

    Raises
    ------
    LastAdmin
        Nobody else could manage the organisation.
    """
    membership = _locked(membership)
    if membership.role == Role.ADMIN:
        _keep_an_admin(membership)
    write_audit_event(
        organisation=membership.organisation,
        by=by,
        action="person removed",
        instance=membership,
        before={"email": membership.user.email, **_rights(membership)},
    )
    # Not only refused for want of a membership: they stay shut should the person come back.
    ApiToken.objects.filter(
        organisation=membership.organisation, person=membership.user, revoked_at=None
    ).update(revoked_at=Now())
    membership.delete()


def may_set_password(membership: Membership) -> bool:
    """Whether the organisation may hand out a link that sets this person's password.

    Who holds such a link can sign in as that person. So it is refused where the account
    opens anything else: another organisation, or the Django admin.
    """
    user = membership.user
    elsewhere = Membership.objects.filter(user=user).exclude(organisation=membership.organisation)
    return user.is_active and not user.is_staff and not elsewhere.exists()


@transaction.atomic
def issue_password_link(*, membership: Membership, by: User | None) -> User:
    """Write down that a link was handed out, and return whose password it sets.

    Raises
    ------
    LinkRefused
        The account opens more than this organisation.
    """
    membership = _locked(membership)
    if not may_set_password(membership):
        raise LinkRefused
    write_audit_event(
        organisation=membership.organisation,
        by=by,
        action="password link issued",
        instance=membership,
        after={"email": membership.user.email},
    )
    return membership.user


def _locked(membership: Membership) -> Membership:
    """Lock the organisation first, so that two admins cannot remove each other at once."""
    Organisation.objects.select_for_update(no_key=True).get(pk=membership.organisation_id)
    return Membership.objects.select_related("organisation", "user", "team").get(pk=membership.pk)


def _keep_an_admin(membership: Membership) -> None:
    others = Membership.objects.filter(
        organisation=membership.organisation, role=Role.ADMIN, user__is_active=True
    ).exclude(pk=membership.pk)
    if not others.exists():
        raise LastAdmin


def _rights(membership: Membership) -> dict[str, str]:
    team = membership.team
    return {"role": Role(membership.role).label, "team": team.name if team else ""}
