import pytest
from django.test import Client

from emissions.calculation.vocabulary import Role
from emissions.models import EmissionEntry, Membership, Run
from tests.factories import calculate_all, make_member, make_project, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Membership:
    return make_member(Role.RESEARCHER)


@pytest.fixture
def run(alice: Membership) -> Run:
    return make_run(project=make_project(alice.team), created_by=alice.user)


def url(run: Run) -> str:
    return f"/o/{run.organisation.slug}/runs/{run.pk}/delete/"


def test_asking_changes_nothing(alice: Membership, run: Run, client: Client) -> None:
    client.force_login(alice.user)
    assert "Delete this run?" in client.get(url(run)).content.decode()
    run.refresh_from_db()
    assert run.deleted_at is None


def test_a_deleted_run_leaves_the_totals_and_keeps_its_lines(
    alice: Membership, run: Run, client: Client
) -> None:
    client.force_login(alice.user)
    assert client.post(url(run)).status_code == 302
    calculate_all()
    lines = EmissionEntry.objects.filter(run=run)
    assert lines.count() >= 2
    assert sum(line.location_based_kg for line in lines) == 0
    assert client.post(url(run)).status_code == 404


def test_a_colleagues_run_is_not_found(alice: Membership, run: Run, client: Client) -> None:
    client.force_login(make_member(Role.RESEARCHER, team=alice.team).user)
    assert client.post(url(run)).status_code == 404
    run.refresh_from_db()
    assert run.deleted_at is None
