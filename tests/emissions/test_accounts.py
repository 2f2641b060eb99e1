from typing import Any

import pytest
from django.core import mail
from django.test import Client

from emissions.models import User

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
