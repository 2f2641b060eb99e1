"""Adopting a factor set on the command line: first what it would change, and then it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from emissions.models import FactorSet, FactorSetAdoption, GridZone, PendingCalculation
from emissions.selectors.periods import quarter
from emissions.services.close_quarter import close_quarter
from tests.factories import NOW, make_factor, make_factor_set, make_organisation, settle_all
from tests.scenarios import Laboratory

pytestmark = pytest.mark.django_db


@pytest.fixture
def newer(laboratory: Laboratory) -> FactorSet:
    settle_all()
    factor_set = make_factor_set(slug="newer", name="Newer")
    france = GridZone.objects.get(code="FR")
    make_factor(factor_set=factor_set, zone=france, year=2026, g_co2e_per_kwh=60.0)
    return factor_set


def call(*arguments: str, organisation: str = "laboratory", factor_set: str = "newer") -> str:
    out = StringIO()
    call_command(
        "adopt_factors",
        *("--organisation", organisation, "--set", factor_set, *arguments),
        stdout=out,
        stderr=StringIO(),
    )
    return out.getvalue()


def in_use(factor_set: FactorSet) -> bool:
    return FactorSetAdoption.objects.filter(factor_set=factor_set, withdrawn_at=None).exists()


def test_it_shows_what_would_change_and_changes_nothing(laboratory, newer):
    text = call("--precedence", "1")
    rows = [line.split() for line in text.splitlines()]
    assert ["2026-Q1", "Vision", "FR"] in [row[:3] for row in rows]
    (chat,) = [row for row in rows if row[:3] == ["2026-Q3", "Language", "FR"]]
    old, new, difference = (float(value.replace(",", "")) for value in chat[3:6])
    assert new == pytest.approx(old * 60 / 50, rel=1e-3)
    assert difference == pytest.approx(new - old, abs=0.002)
    assert "Nothing was changed" in text
    assert not in_use(newer)
    assert not PendingCalculation.objects.exists()


def test_closed_quarters_are_set_apart(laboratory, newer):
    closed = quarter(year=2026, number=1)
    close_quarter(organisation=laboratory.organisation, quarter=closed, by=None, now=NOW)
    lines = call("--precedence", "1").splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines if line.startswith("2026-Q1")] == [
        "closed: stays"
    ]


def test_with_yes_it_adopts_and_withdraws(laboratory, newer):
    assert "is in use" in call("--precedence", "1", "--yes")
    assert in_use(newer)
    assert PendingCalculation.objects.exists()
    settle_all()
    assert "is withdrawn" in call("--withdraw", "--yes")
    assert not in_use(newer)
    with pytest.raises(CommandError, match="does not use"):
        call("--withdraw", "--yes")


@pytest.mark.parametrize(
    ("arguments", "names", "message"),
    [
        (("--precedence", "1"), {"organisation": "nobody"}, "no organisation “nobody”"),
        (("--precedence", "1"), {"factor_set": "nothing"}, "no factor set “nothing”"),
        (("--precedence", "0"), {}, "between 1 and 999"),
        (("--precedence", "1", "--withdraw"), {}, "not allowed with"),
    ],
)
def test_what_it_asks_for(laboratory, newer, arguments, names, message):
    with pytest.raises(CommandError, match=message):
        call(*arguments, **names)


def test_another_organisation_s_own_set_is_not_found(laboratory):
    make_factor_set(slug="theirs", organisation=make_organisation())
    with pytest.raises(CommandError, match="no factor set “theirs”"):
        call("--precedence", "1", factor_set="theirs")
