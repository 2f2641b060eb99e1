from datetime import timedelta

import pytest

from emissions.models import ApiToken, AuditEvent
from emissions.services.tokens import TokenError, create_token, digest, revoke_token
from tests.factories import NOW, make_organisation, make_project, make_user


@pytest.mark.django_db
def test_only_the_hash_is_kept() -> None:
    project, by = make_project(), make_user()

    token, plain = create_token(
        organisation=project.organisation, project=project, by=by, now=NOW, name=" cluster "
    )

    stored = ApiToken.objects.get()
    assert plain.startswith("tonne_")
    assert len(plain) >= 49  # 32 random bytes
    assert stored.sha256 == digest(plain) != plain
    assert (stored.project, stored.name, stored.created_by) == (project, "cluster", by)
    assert token == stored


@pytest.mark.django_db
def test_both_acts_are_audited_without_the_token() -> None:
    project, by = make_project(), make_user()
    token, plain = create_token(organisation=project.organisation, project=project, by=by, now=NOW)

    revoke_token(token=token, by=by, now=NOW)
    revoke_token(token=token, by=by, now=NOW + timedelta(days=1))

    events = AuditEvent.objects.filter(subject="apitoken").order_by("pk")
    assert [event.action for event in events] == ["token created", "token revoked"]
    assert all(event.by == by for event in events)
    assert not any(
        secret in str(event.after) for event in events for secret in (plain, token.sha256)
    )
    assert ApiToken.objects.get().revoked_at == NOW


@pytest.mark.django_db
def test_no_token_for_another_organisations_project() -> None:
    with pytest.raises(TokenError):
        create_token(organisation=make_organisation(), project=make_project(), by=None, now=NOW)


@pytest.mark.django_db
def test_no_token_that_has_expired() -> None:
    project = make_project()

    with pytest.raises(TokenError):
        create_token(
            organisation=project.organisation, project=project, by=None, now=NOW, expires_at=NOW
        )
    assert not ApiToken.objects.exists()
