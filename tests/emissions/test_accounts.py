from typing import Any

import pytest
from allauth.account.forms import default_token_generator
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.models import User
from tests.factories import make_member, make_organisation

pytestmark = pytest.mark.django_db
EMAIL = "ada@lab.example"


@pytest.fixture(autouse=True)
def account() -> User:
    return User.objects.create_user(EMAIL, "a long password")


def reset(client: Client, email: str) -> str:
    response = client.post("/accounts/password/reset/", {"email": email}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_a_link_is_mailed(client: Client, settings: Any) -> None:
    settings.EMAIL_HOST = "mail.lab.example"
    reset(client, EMAIL)
    (sent,) = mail.outbox
    assert sent.to == [EMAIL]
    assert "/accounts/password/reset/key/" in sent.body


@pytest.mark.parametrize("email", [EMAIL, "nobody@lab.example"])
def test_without_a_mail_server_the_page_says_whom_to_ask(client: Client, email: str) -> None:
    assert "ask an administrator" in reset(client, email)
    assert mail.outbox == []


def test_a_mail_server_that_is_away_breaks_nothing(client: Client, settings: Any) -> None:
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert "ask an administrator" in reset(client, EMAIL)


def test_nobody_signs_up(client: Client) -> None:
    assert "form" not in client.get("/accounts/signup/").context


def test_nobody_takes_another_address_for_which_an_invitation_may_come(
    client: Client, account: User
) -> None:
    client.force_login(account)
    taken = "boss@lab.example"
    assert client.get("/accounts/email/").status_code == 404
    for action in ("action_add", "action_primary"):
        response = client.post("/accounts/email/", {"email": taken, action: ""})
        assert response.status_code == 404
    account.refresh_from_db()
    assert account.email == EMAIL


def test_signing_in_leads_to_no_other_site(client: Client) -> None:
    credentials = {"login": EMAIL, "password": "a long password"}
    for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        response = client.post("/accounts/login/", {**credentials, "next": elsewhere})
        assert (response.status_code, response["Location"]) == (302, "/")
        client.logout()


def test_an_inactive_person_does_not_get_in(client: Client, account: User) -> None:
    User.objects.filter(pk=account.pk).update(is_active=False)
    client.post("/accounts/login/", {"login": EMAIL, "password": "a long password"})
    assert "_auth_user_id" not in client.session


def test_whoever_is_made_inactive_is_out_at_once(client: Client) -> None:
    member = make_member(Role.ADMIN)
    client.force_login(member.user)
    url = reverse("organisation", kwargs={"organisation_slug": member.organisation.slug})
    assert client.get(url).status_code == 200
    User.objects.filter(pk=member.user.pk).update(is_active=False)
    assert client.get(url).status_code == 302


def test_signing_in_counts_attempts_in_the_database_and_needs_no_broker(
    client: Client, settings: Any
) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "tonne_cache",
        },
        "counts": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nowhere.sock",
        },
    }
    body = {"login": EMAIL, "password": "a long password"}
    assert client.post(reverse("account_login"), body).status_code == 302
    assert client.session["_auth_user_id"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tonne_cache")
        assert cursor.fetchone()[0] > 0


def test_a_link_that_was_handed_out_opens_no_organisation_that_the_person_joins_later(
    account: User,
) -> None:
    make_member(user=account, organisation=make_organisation())
    key = default_token_generator.make_token(account)
    assert default_token_generator.check_token(account, key)
    make_member(user=account, organisation=make_organisation())
    assert not default_token_generator.check_token(account, key)
