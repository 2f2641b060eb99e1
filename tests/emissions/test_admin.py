"""Django admin shows every model and writes none but people."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import CompositePrimaryKey
from django.test import Client
from django.urls import reverse

from emissions.admin import ReadOnlyAdmin
from emissions.models import User
from tests.factories import make_node, make_organisation, make_project, make_run, make_token

MODELS = [
    model
    for model in apps.get_app_config("emissions").get_models()
    if model is not User and not isinstance(model._meta.pk, CompositePrimaryKey)
]


@pytest.fixture
def client_of_staff(db) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.org", "irrelevant"))
    return client


def test_every_model_is_registered_but_those_with_a_composite_key():
    ours = {m for m in admin.site._registry if m._meta.app_label == "emissions"}
    assert ours == {*MODELS, User}


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_shown_and_not_written(model, client_of_staff):
    make_run(project=make_project(), calculated=True)
    assert isinstance(admin.site._registry[model], ReadOnlyAdmin)
    name = f"admin:emissions_{model._meta.model_name}"
    assert client_of_staff.get(reverse(f"{name}_changelist")).status_code == 200
    assert client_of_staff.get(reverse(f"{name}_add")).status_code == 403
    row = model.objects.order_by("pk").first()
    if row is None:
        return
    change = reverse(f"{name}_change", args=[row.pk])
    assert client_of_staff.get(change).status_code == 200
    assert client_of_staff.post(change, {}).status_code == 403
    assert client_of_staff.post(reverse(f"{name}_delete", args=[row.pk])).status_code == 403


def test_people_are_made_and_changed_but_not_deleted(client_of_staff):
    answer = client_of_staff.post(
        reverse("admin:emissions_user_add"),
        {
            "email": "new@example.org",
            "name": "New",
            "usable_password": "true",
            "password1": "correct horse battery",
            "password2": "correct horse battery",
        },
    )
    assert answer.status_code == 302
    user = User.objects.get(email="new@example.org")
    change = reverse("admin:emissions_user_change", args=[user.pk])
    assert client_of_staff.post(change, {"email": user.email, "name": "Newer"}).status_code == 302
    user.refresh_from_db()
    assert (user.name, user.is_active) == ("Newer", False)
    assert (
        client_of_staff.post(reverse("admin:emissions_user_delete", args=[user.pk])).status_code
        == 403
    )


def test_nobody_else_gets_in(db):
    organisation = make_organisation()
    make_token(project=make_project(organisation=organisation))
    make_node(organisation=organisation)
    user = User.objects.create_user("person@example.org", "irrelevant")
    client = Client()
    client.force_login(user)
    assert client.get(reverse("admin:index")).status_code == 302


def test_staff_cannot_give_themselves_rights(db):
    user = User.objects.create_user("staff@example.org", "irrelevant", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    client = Client()
    client.force_login(user)
    change = reverse("admin:emissions_user_change", args=[user.pk])
    assert client.get(change).status_code == 200
    rights = {"email": user.email, "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    assert client.post(change, rights).status_code == 403
    assert client.get(reverse("admin:emissions_user_add")).status_code == 403
    user.refresh_from_db()
    assert not user.is_superuser
