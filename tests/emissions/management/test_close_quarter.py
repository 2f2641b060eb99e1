"""Closing a quarter on the command line."""

from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from emissions.calculation.vocabulary import IdleRule
from emissions.models import ClosedQuarter, EmissionEntry, Organisation
from tests.factories import make_organisation, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def organisation() -> Organisation:
    organisation = make_organisation(slug="lab", idle_rule=IdleRule.OFF)
    make_run(organisation, started_at=datetime(2026, 1, 10, tzinfo=UTC))
    return organisation


def call(organisation: str, quarter: str) -> None:
    call_command("close_quarter", "--organisation", organisation, "--quarter", quarter)


def test_it_closes_and_says_where_the_ledger_stood(organisation, capsys):
    call("lab", "2026-Q1")
    position = EmissionEntry.objects.order_by("-pk")[0].pk
    assert f"Q1 2026 is closed at ledger position {position}." in capsys.readouterr().out
    assert ClosedQuarter.objects.get().organisation == organisation


def test_it_says_all_that_is_in_the_way(organisation):
    make_run(organisation, started_at=datetime(2026, 5, 10, tzinfo=UTC), calculated=False)
    with pytest.raises(CommandError) as refused:
        call("lab", "2026-Q2")
    assert "Quarters are closed in order, and Q1 2026 is still open." in str(refused.value)
    assert "1 run of the quarter is being calculated." in str(refused.value)
    assert not ClosedQuarter.objects.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nobody", "2026-Q1"), "There is no organisation “nobody”"),
        (("lab", "2026"), "Name the quarter as in 2026-Q2"),
        (("lab", "spring"), "Name the quarter as in 2026-Q2"),
    ],
)
def test_it_asks_for_a_quarter_of_an_organisation(organisation, words, message):
    with pytest.raises(CommandError, match=message):
        call(*words)
