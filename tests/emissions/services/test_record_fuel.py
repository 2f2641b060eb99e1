"""Fuel that a site burns stands in scope 1, once by either method."""

from datetime import date

import pytest

from emissions.calculation.vocabulary import EntrySource, Fuel
from emissions.models import AuditEvent, EmissionEntry
from emissions.selectors.fuel import factor_for, fuel_factors
from emissions.selectors.periods import parse_value
from emissions.selectors.totals import By, totals_by
from emissions.services.record_fuel import remove_fuel
from emissions.services.verify_ledger import verify_ledger
from tests.factories import NOW, make_fuel_use, make_organisation, make_site, settle_all

pytestmark = pytest.mark.django_db
MAY = parse_value("2026-05", today=NOW.date())


def scope_1(organisation):
    settle_all()
    assert verify_ledger(organisation=organisation).clean
    groups = totals_by(organisation=organisation, period=MAY, by=By.SCOPE)
    return next((group.totals for group in groups if group.key == "1"), None)


@pytest.fixture
def site():
    return make_site(make_organisation())


def test_entries_of_a_month_add_up(site):
    make_fuel_use(site=site, amount=100.0, kg_per_unit=2.57082)
    make_fuel_use(site=site, amount=10.5, kg_per_unit=2.0, fuel=Fuel.NATURAL_GAS)
    make_fuel_use(site=site, month=date(2026, 6, 1))
    found = scope_1(site.organisation)
    assert float(found.location_based_kg) == 257.082 + 21
    assert found.location_based_kg == found.market_based_kg
    assert found.energy_facility_kwh == 0
    entries = EmissionEntry.objects.filter(source=EntrySource.MANUAL)
    assert sorted(entries.values_list("month", flat=True)) == [date(2026, 5, 1), date(2026, 6, 1)]
    assert {entry.cell.site for entry in entries} == {site}


def test_what_is_taken_back_is_posted_back_once(site):
    use = make_fuel_use(site=site)
    assert scope_1(site.organisation).location_based_kg == 250
    remove_fuel(use=use, by=None, now=NOW)
    remove_fuel(use=use, by=None, now=NOW)
    assert scope_1(site.organisation) is None
    entries = EmissionEntry.objects.filter(source=EntrySource.MANUAL)
    assert [float(entry.location_based_kg) for entry in entries.order_by("pk")] == [250, -250]
    actions = AuditEvent.objects.filter(subject="fueluse").order_by("pk")
    assert [event.action for event in actions] == ["fuel recorded", "fuel removed"]


def test_settling_again_posts_nothing(site):
    make_fuel_use(site=site)
    scope_1(site.organisation)
    before = EmissionEntry.objects.count()
    scope_1(site.organisation)
    assert EmissionEntry.objects.count() == before


@pytest.mark.parametrize(
    ("fuel", "year", "kg"),
    [
        (Fuel.DIESEL, 2024, 2.51279),
        (Fuel.DIESEL, 2025, 2.57082),
        (Fuel.DIESEL, 2030, 2.57082),
        (Fuel.NATURAL_GAS, 2019, 2.04542),
        (Fuel.GAS_OIL, 2025, 2.75541),
        (Fuel.DIESEL_MINERAL, 2025, 2.66155),
    ],
)
def test_the_published_factor_of_the_nearest_year(fuel, year, kg):
    found = factor_for(fuel=fuel, year=year)
    assert found is not None
    assert found.kg_per_unit == kg
    assert "UK Government" in found.source


def test_another_fuel_has_no_published_factor():
    assert factor_for(fuel=Fuel.OTHER_LITRES, year=2025) is None
    assert {one.fuel for one in fuel_factors()} == set(Fuel) - {Fuel.OTHER_LITRES}
