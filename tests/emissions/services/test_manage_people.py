import pytest

from emissions.calculation.vocabulary import Role
from emissions.models import AuditEvent, Membership, User
from emissions.services.manage_people import (
    AlreadyMember,
    LastAdmin,
    LinkRefused,
    change_role,
    invite_person,
    issue_password_link,
    may_set_password,
    remove_person,
)
from tests.factories import NOW, make_member, make_organisation, make_run, make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Membership:
    return make_member(Role.ADMIN)


def invite(admin: Membership, email: str = "new@example.org", **values) -> Membership:
    return invite_person(
        **{
            "organisation": admin.organisation,
            "email": email,
            "role": Role.OFFICER,
            "team": None,
            "by": admin.user,
            "now": NOW,
            **values,
        }
    )


def test_an_invited_person_has_an_account_without_a_password(admin):
    membership = invite(admin, "  New@Example.ORG".strip(), name="New")
    assert membership.user.email == "new@example.org"
    assert not membership.user.has_usable_password()
    event = AuditEvent.objects.get(action="person invited")
    assert (event.by, event.after["role"]) == (admin.user, "Sustainability officer")


def test_somebody_who_has_an_account_is_added_with_it(admin):
    user = make_user("known@example.org")
    assert invite(admin, "KNOWN@example.org").user == user
    assert User.objects.filter(email__iexact="known@example.org").count() == 1


def test_a_member_is_not_invited_again(admin):
    invite(admin)
    with pytest.raises(AlreadyMember):
        invite(admin)


def test_the_last_admin_stays(admin):
    with pytest.raises(LastAdmin):
        change_role(membership=admin, role=Role.AUDITOR, team=None, by=admin.user)
    with pytest.raises(LastAdmin):
        remove_person(membership=admin, by=admin.user)


def test_an_inactive_admin_does_not_count(admin):
    other = make_member(Role.ADMIN, organisation=admin.organisation)
    User.objects.filter(pk=other.user_id).update(is_active=False)
    with pytest.raises(LastAdmin):
        remove_person(membership=admin, by=admin.user)


def test_an_admin_goes_where_another_stays(admin):
    make_member(Role.ADMIN, organisation=admin.organisation)
    remove_person(membership=admin, by=admin.user)
    assert not Membership.objects.filter(pk=admin.pk).exists()
    event = AuditEvent.objects.get(action="person removed")
    assert event.before["email"] == admin.user.email


def test_a_role_changes_with_its_team(admin):
    member = make_member(Role.RESEARCHER, organisation=admin.organisation)
    team = make_team(admin.organisation)
    changed = change_role(membership=member, role=Role.MANAGER, team=team, by=admin.user)
    assert (changed.role, changed.team) == (Role.MANAGER, team)
    event = AuditEvent.objects.get(action="role changed")
    assert (event.before["role"], event.after["role"]) == ("Researcher", "Manager")
    change_role(membership=changed, role=Role.MANAGER, team=team, by=admin.user)
    assert AuditEvent.objects.filter(action="role changed").count() == 1


def test_the_runs_of_a_removed_person_stay_theirs(admin):
    member = make_member(Role.OFFICER, organisation=admin.organisation)
    run = make_run(admin.organisation, created_by=member.user, calculated=False)
    remove_person(membership=member, by=admin.user)
    run.refresh_from_db()
    assert run.created_by == member.user


class TestPasswordLinks:
    """Whoever holds such a link can sign in as the person."""

    def test_for_a_person_of_this_organisation_only(self, admin):
        membership = invite(admin)
        assert issue_password_link(membership=membership, by=admin.user) == membership.user
        assert AuditEvent.objects.filter(action="password link issued").count() == 1

    def test_not_for_somebody_who_is_in_another_organisation_too(self, admin):
        elsewhere = make_member(Role.ADMIN, organisation=make_organisation())
        membership = invite(admin, elsewhere.user.email)
        assert not may_set_password(membership)
        with pytest.raises(LinkRefused):
            issue_password_link(membership=membership, by=admin.user)

    @pytest.mark.parametrize("values", [{"is_staff": True}, {"is_active": False}], ids=str)
    def test_not_for_staff_or_a_locked_account(self, admin, values):
        membership = invite(admin)
        User.objects.filter(pk=membership.user_id).update(**values)
        with pytest.raises(LinkRefused):
            issue_password_link(membership=membership, by=admin.user)
