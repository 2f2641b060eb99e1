from datetime import UTC, datetime

import pytest

from emissions.models import Organisation
from emissions.selectors.closings import closed_in, closings
from emissions.selectors.periods import Period, parse_period, parse_value
from emissions.services.close_quarter import close_quarter
from emissions.services.factors.adopt import adopt_factor_set
from tests.factories import (
    make_factor_set,
    make_hours,
    make_organisation,
    make_reference,
    make_run,
    settle_all,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def period(value: str) -> Period:
    return parse_value(value, today=NOW.date())


def run_of(organisation: Organisation, month: int) -> None:
    make_run(
        organisation,
        started_at=datetime(2026, month, 20, tzinfo=UTC),
        zone=make_reference()["DE"],
    )


@pytest.fixture
def organisation() -> Organisation:
    """Two closed quarters, of which the first has got another run since."""
    organisation = make_organisation()
    zone, hours = make_reference()["DE"], make_factor_set()
    make_hours(factor_set=hours, zone=zone, year=2026, grams=lambda _: 5.0)
    adopt_factor_set(organisation=organisation, factor_set=hours, precedence=0, by=None, now=NOW)
    for month in (1, 3, 4, 6, 7):
        run_of(organisation, month)
    settle_all()
    for value in ("2026-Q1", "2026-Q2"):
        close_quarter(organisation=organisation, quarter=period(value), by=None, now=NOW)
    run_of(organisation, 3)
    settle_all()
    return organisation


@pytest.mark.parametrize("column", ["location_based_kg", "market_based_kg"])
@pytest.mark.parametrize("headline", ["annual", "hourly"])
def test_what_was_closed_and_what_came_since_in_one_query(
    organisation, column, headline, django_assert_num_queries
):
    organisation.headline = headline
    organisation.save()
    with django_assert_num_queries(1):
        first, second = closed_in(organisation=organisation, period=period("2026"), column=column)
    latest, earliest = closings(organisation=organisation)
    assert (first.period.label, second.period.label) == ("Q1 2026", "Q2 2026")
    assert first.since_kg == getattr(earliest, column) > 0
    assert second.since_kg == getattr(latest, column) == 0
    name = column if column.startswith("market") else earliest.headline
    assert first.closed_kg == getattr(earliest.closed, name) > 0
    assert first.closed_at == NOW
    by_hour = earliest.closed.location_based_kg
    assert earliest.closed.location_based_annual_kg != by_hour, "or the choice proves nothing"


def test_a_period_has_the_quarters_that_it_touches(organisation):
    def labels(asked: Period) -> list[str]:
        found = closed_in(organisation=organisation, period=asked)
        return [one.period.label for one in found]

    assert labels(period("2026-03")) == ["Q1 2026"]
    assert labels(period("2026-Q2")) == ["Q2 2026"]
    across = parse_period({"from": "2026-02", "to": "2026-05"}, today=NOW.date())
    assert labels(across) == ["Q1 2026", "Q2 2026"]
    assert labels(period("2026-Q3")) == []


def test_another_organisation_s_are_its_own(organisation):
    assert closed_in(organisation=make_organisation(), period=period("2026")) == []
