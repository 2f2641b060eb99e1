"""What a grid is made of is chosen like a factor, and says how it fits."""

from datetime import date

import pytest

from emissions.models import ClosedQuarter, FactorSet, GridZone, Organisation
from emissions.selectors.grid_mix import Mixes, mixes_of_zone
from emissions.services.factors.adopt import adopt_factor_set
from tests.factories import NOW, make_factor_set, make_mix, make_organisation

pytestmark = pytest.mark.django_db


@pytest.fixture
def organisation() -> Organisation:
    return make_organisation()


def adopt(organisation: Organisation, precedence: int = 50, **values: str) -> FactorSet:
    factor_set = make_factor_set(**values)
    adopt_factor_set(
        organisation=organisation, factor_set=factor_set, precedence=precedence, by=None, now=NOW
    )
    return factor_set


def chosen(organisation: Organisation, zone: GridZone, year: int) -> str:
    found = Mixes(organisation=organisation).choose(zone_id=zone.pk, month=date(year, 5, 1))
    return f"{found.words}: {found.mix.renewable_share}" if found else ""


def test_the_zone_then_the_larger_one_then_the_nearest_year_then_nothing(organisation):
    france, world = (GridZone.objects.get(code=code) for code in ("FR", "WORLD"))
    region = GridZone.objects.create(code="FR-IDF", name="Paris", kind="subdivision", parent=france)
    mixes = adopt(organisation)
    make_mix(factor_set=mixes, zone=world, year=2024, shares=(0.3, 0.1, 0.6))
    assert chosen(organisation, region, 2024) == ""
    make_mix(factor_set=mixes, zone=france, year=2022, shares=(0.2, 0.6, 0.2))
    make_mix(factor_set=mixes, zone=france, year=2024, shares=(0.3, 0.6, 0.1))
    make_mix(factor_set=mixes, zone=region, year=2022, shares=(0.1, 0.0, 0.9))
    assert chosen(organisation, region, 2022) == "Paris 2022: 0.1"
    assert chosen(organisation, region, 2024) == "France 2024, the larger zone: 0.3"
    assert chosen(organisation, france, 2023) == "France 2022, 1 year earlier: 0.2"
    assert chosen(organisation, france, 2026) == "France 2024, 2 years earlier: 0.3"
    assert chosen(organisation, france, 2021) == "France 2022, 1 year later: 0.2"


def test_only_sets_in_use_count_and_a_closed_quarter_keeps_those_of_then(organisation):
    france = GridZone.objects.get(code="FR")
    old = adopt(organisation, name="Old")
    make_mix(factor_set=old, zone=france, year=2025, shares=(0.2, 0.7, 0.1))
    ClosedQuarter.objects.create(
        organisation=organisation,
        starts_on=date(2025, 4, 1),
        ledger_position=0,
        methodology_version="2",
        factor_sets=[[old.pk, 50]],
    )
    newer = adopt(organisation, precedence=1, name="Newer")
    unused = make_factor_set(name="Unused")
    for factor_set, renewable in ((newer, 0.4), (unused, 0.5)):
        make_mix(
            factor_set=factor_set, zone=france, year=2025, shares=(renewable, 0.0, 1 - renewable)
        )
    assert chosen(organisation, france, 2025) == "France 2025: 0.2"
    assert chosen(organisation, france, 2026) == "France 2025, 1 year earlier: 0.4"
    rows = mixes_of_zone(organisation=organisation, zone=france)
    assert {one.mix.factor_set.name: one.in_use for one in rows} == {
        "Old": True, "Newer": True, "Unused": False,
    }  # fmt: skip


def test_another_organisation_s_set_is_nowhere(organisation):
    france = GridZone.objects.get(code="FR")
    theirs = make_factor_set(organisation=make_organisation())
    make_mix(factor_set=theirs, zone=france, year=2025, shares=(0.2, 0.7, 0.1))
    assert mixes_of_zone(organisation=organisation, zone=france) == []
    assert chosen(organisation, france, 2025) == ""
