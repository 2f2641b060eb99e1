"""What instruments cover of a site: of all its electricity, as the ledger's pool counts it."""

from datetime import date
from decimal import Decimal

import pytest

from emissions.calculation.vocabulary import InstrumentKind
from emissions.models import InstrumentUse
from emissions.selectors.instruments import matched, uses_at
from emissions.services.manage_instruments import Instrument, record_instrument
from emissions.services.manage_meters import Reading, record_reading
from tests.factories import NOW, make_organisation, make_run, make_site, settle_all

pytestmark = pytest.mark.django_db

MAY = {"starts_on": date(2026, 5, 1), "ends_before": date(2026, 6, 1)}
YEAR = {"starts_on": date(2026, 1, 1), "ends_before": date(2027, 1, 1)}


@pytest.fixture
def site():
    """A site whose meter shows 1,000 kWh in May, 400 of them other known load."""
    site = make_site(make_organisation())
    reading = Reading(
        energy_kwh=Decimal(1000),
        other_load_kwh=Decimal(400),
        **MAY,
    )
    record_reading(site=site, reading=reading, by=None, now=NOW)
    return site


def tariff(site, mwh: str) -> None:
    stated = Instrument(
        name=f"Tariff of {mwh} MWh", kind=InstrumentKind.TARIFF, energy_mwh=Decimal(mwh), **YEAR
    )
    record_instrument(organisation=site.organisation, instrument=stated, by=None, now=NOW)
    settle_all()


def test_what_covers_all_electricity_covers_the_other_load_too_and_no_more(site):
    tariff(site, "5")

    uses, electricity = uses_at(site=site, **MAY)
    found = matched(organisation=site.organisation, **MAY)

    assert electricity == {date(2026, 5, 1): Decimal(1000)}
    assert [use.used_mwh for use in uses] == [Decimal(1)]
    assert found.share == 1


def test_what_covers_a_part_is_a_part_of_all_electricity(site):
    tariff(site, "0.25")

    assert matched(organisation=site.organisation, **MAY).share == Decimal("0.25")


def test_a_use_by_hand_beyond_the_electricity_covers_no_more_than_it(site):
    tariff(site, "5")
    InstrumentUse.objects.update(energy_kwh=Decimal(3000), by_hand=True)

    (use,), electricity = uses_at(site=site, **MAY)

    assert use.by_month == electricity


def test_electricity_of_no_site_is_not_matched(site):
    make_run(site.organisation, energy_kwh=250.0, started_at=NOW.replace(month=5, day=4))
    tariff(site, "5")

    found = matched(organisation=site.organisation, **MAY)

    assert found.used_kwh == 1000
    assert found.electricity_kwh > 1000
    assert found.share == 1000 / found.electricity_kwh


def test_the_electricity_of_a_lapsed_instrument_is_not_covered(site):
    tariff(site, "5")
    site.organisation.instruments.update(status="lapsed")

    assert matched(organisation=site.organisation, **MAY).used_kwh == 0
