from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from emissions.calculation.vocabulary import TokenScope
from emissions.models import ApiToken, AuditEvent
from emissions.services.tokens import (
    TokenError,
    TokenRefused,
    check_token,
    create_token,
    digest,
    revoke_token,
)
from tests.factories import NOW, make_member, make_organisation, make_project, make_user


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


@pytest.mark.django_db
class TestOwners:
    def test_one_of_a_project_and_a_person(self) -> None:
        member = make_member()
        project = make_project(organisation=member.organisation)
        for owner in ({}, {"project": project, "person": member.user}):
            with pytest.raises(TokenError):
                create_token(organisation=member.organisation, by=None, now=NOW, **owner)

    def test_a_person_is_a_member(self) -> None:
        with pytest.raises(TokenError):
            create_token(
                organisation=make_organisation(), person=make_member().user, by=None, now=NOW
            )

    def test_a_scope_fits_its_owner(self) -> None:
        member = make_member()
        project = make_project(organisation=member.organisation)
        for scope, owner in (
            (TokenScope.INGEST, {"person": member.user}),
            (TokenScope.ADMIN, {"project": project}),
        ):
            with pytest.raises(TokenError):
                create_token(
                    organisation=member.organisation, scope=scope, by=None, now=NOW, **owner
                )
            with pytest.raises(IntegrityError), transaction.atomic():
                ApiToken.objects.create(
                    organisation=member.organisation, sha256="0", scope=scope, **owner
                )


@pytest.mark.django_db
def test_a_token_is_found_until_it_opens_nothing() -> None:
    project = make_project()
    token, plain = create_token(
        organisation=project.organisation, project=project, by=None, now=NOW
    )

    assert check_token(plain, now=NOW) == token
    with pytest.raises(TokenRefused, match="not known"):
        check_token("wrong", now=NOW)
    revoke_token(token=token, by=None, now=NOW)
    with pytest.raises(TokenRefused, match="revoked"):
        check_token(plain, now=NOW)


@pytest.mark.django_db(transaction=True)
def test_noting_a_use_waits_for_nobody() -> None:
    project = make_project()
    token, plain = create_token(
        organisation=project.organisation, project=project, by=None, now=NOW
    )

    def use() -> ApiToken:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = '5s'")
            return check_token(plain, now=NOW)
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        ApiToken.objects.select_for_update().get(pk=token.pk)
        assert pool.submit(use).result() == token
    assert ApiToken.objects.get().last_used_at is None
