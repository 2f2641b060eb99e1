"""What the ledger knows of an instrument's quality criteria, beside what was stated."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from emissions.calculation.vocabulary import (
    CRITERIA,
    InstrumentKind,
    InstrumentStatus,
    QualityCriterion,
)
from emissions.models import EnergyInstrument, GridZone
from emissions.selectors.instrument_quality import Verdict, qualities
from emissions.selectors.instruments import uses_of
from emissions.services.manage_instruments import set_use
from tests.factories import make_instrument, make_organisation, make_run, make_site, settle_all

pytestmark = pytest.mark.django_db
ALL = 255
RETIRED = {
    "status": InstrumentStatus.RETIRED,
    "retired_on": date(2027, 2, 1),
    "registry": "Grexel",
    "reference": "GO-1",
}


def covering(at: str = "FR", retired_on: date | None = None, **stated: Any) -> EnergyInstrument:
    """Make an instrument that covers May 2026 at a site."""
    organisation = make_organisation()
    site = make_site(organisation, GridZone.objects.get(code=at), name="Lyon")
    make_run(
        organisation,
        site=site,
        energy_kwh=1000.0,
        energy_includes_pue=True,
        started_at=datetime(2026, 5, 4, tzinfo=UTC),
    )
    row = make_instrument(organisation, energy_mwh=Decimal(1), criteria_met=ALL, **stated)
    settle_all()
    month = date(2026, 5, 1)
    set_use(instrument=row, site=site, month=month, energy_kwh=Decimal(500), by=None)
    row.retired_on = retired_on
    row.save()
    return row


def verdict(row: EnergyInstrument, criterion: QualityCriterion) -> Verdict:
    found = qualities(instrument=row, uses=uses_of(instrument=row))
    return found[list(CRITERIA).index(criterion)].verdict


@pytest.mark.parametrize(
    ("vintage", "wanted"),
    [
        ("2026", Verdict.AGREES),
        ("2026-Q2", Verdict.AGREES),
        ("2025–2027", Verdict.AGREES),
        ("2026-04", Verdict.UNKNOWN),
        ("2025", Verdict.UNKNOWN),
        ("2025-04", Verdict.CONTRADICTS),
        ("2024", Verdict.CONTRADICTS),
        ("2027-06", Verdict.CONTRADICTS),
        ("last year's", Verdict.UNKNOWN),
    ],
)
def test_a_vintage_is_close_to_what_it_covers_or_not(vintage, wanted):
    assert verdict(covering(vintage=vintage), QualityCriterion.VINTAGE) is wanted


def test_what_is_retired_before_it_was_generated_contradicts():
    row = covering(vintage="2026", **RETIRED | {"retired_on": date(2025, 12, 31)})
    assert verdict(row, QualityCriterion.VINTAGE) is Verdict.CONTRADICTS


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, Verdict.AGREES),
        ({"registry": ""}, Verdict.UNKNOWN),
        ({"status": InstrumentStatus.ISSUED, "retired_on": None}, Verdict.CONTRADICTS),
        ({"status": InstrumentStatus.LAPSED, "retired_on": None}, Verdict.CONTRADICTS),
    ],
)
def test_retired_is_what_a_registry_and_a_day_say(change, wanted):
    assert verdict(covering(**RETIRED | change), QualityCriterion.RETIRED_FOR_US) is wanted


def test_the_market_is_where_it_is_used():
    make_organisation()
    market = GridZone.objects.get(code="US")
    criterion = QualityCriterion.SAME_MARKET
    assert verdict(covering(at="US-CA", market=market), criterion) is Verdict.AGREES
    assert verdict(covering(at="DE", market=market), criterion) is Verdict.CONTRADICTS
    assert verdict(covering(at="DE"), criterion) is Verdict.UNKNOWN


def test_serial_numbers_of_two_instruments_contradict_a_sole_claim():
    row = covering(**RETIRED)
    assert verdict(row, QualityCriterion.SOLE_CLAIM) is Verdict.UNKNOWN
    make_instrument(make_organisation(), name="Elsewhere", reference="GO-1")
    assert verdict(row, QualityCriterion.SOLE_CLAIM) is Verdict.UNKNOWN, "another organisation's"
    make_instrument(row.organisation, name="Again", reference="go-1")
    assert verdict(row, QualityCriterion.SOLE_CLAIM) is Verdict.CONTRADICTS


def test_what_nobody_stated_is_no_contradiction_and_what_is_not_known_is_said():
    row = covering(kind=InstrumentKind.TARIFF, vintage="2024")
    row.criteria_met = 0
    found = qualities(instrument=row, uses=uses_of(instrument=row))
    assert {one.verdict for one in found} == {Verdict.NOT_STATED, Verdict.UNKNOWN}
    assert all(one.why.endswith(".") for one in found)
