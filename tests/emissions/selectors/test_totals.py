from datetime import date
from decimal import Decimal

import pytest

from emissions.calculation.vocabulary import RunStatus, Stage
from emissions.models import EmissionEntry
from emissions.selectors.periods import parse_value
from emissions.selectors.totals import (
    NONE,
    By,
    Filters,
    Structure,
    Totals,
    total_of,
    totals,
    totals_by,
    totals_by_month_and,
)
from tests.factories import make_organisation
from tests.scenarios import (
    calculate_all,
    move_project,
    record_run,
)

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 23)
YEAR = parse_value("2026", today=TODAY)


@pytest.fixture
def world(laboratory):
    return laboratory


@pytest.mark.parametrize("by", list(By))
@pytest.mark.parametrize("structure", list(Structure))
def test_every_grouping_adds_up_to_the_organisation_to_the_last_digit(world, by, structure):
    narrowed = {
        "organisation": world.organisation,
        "period": YEAR,
        "filters": Filters(structure=structure),
    }
    whole = totals(**narrowed)
    assert total_of(totals_by(by=by, **narrowed)) == whole
    assert total_of(totals_by_month_and(by=by, **narrowed)) == whole
    assert whole.runs == 6


def test_totals_are_the_ledger_s(world):
    entries = EmissionEntry.objects.filter(cell__organisation=world.organisation)
    whole = totals(organisation=world.organisation, period=None)
    for name in ("location_based_kg", "market_based_kg", "energy_facility_kwh", "device_hours"):
        assert getattr(whole, name) == sum(getattr(entry, name) for entry in entries)
        assert isinstance(getattr(whole, name), Decimal)


def test_periods_are_half_open(world):
    organisation = world.organisation
    quarters = [
        totals(organisation=organisation, period=parse_value(f"2026-Q{number}", today=TODAY))
        for number in (1, 2, 3, 4)
    ]
    assert [one.runs for one in quarters] == [3, 0, 3, 0]
    assert not quarters[1].empty  # the run that began on 31 March went on in April
    assert quarters[3].empty
    whole = totals(organisation=organisation, period=YEAR)
    assert quarters[0] + quarters[1] + quarters[2] + quarters[3] == whole


def test_filters_narrow_and_add_up(world):
    organisation = world.organisation

    def of(**filters):
        return totals(organisation=organisation, period=YEAR, filters=Filters(**filters))

    whole = of()
    vision, language = world.vision.pk, world.language.pk
    assert of(teams=(vision,)) + of(teams=(language,)) + of(teams=(None,)) == whole
    assert of(teams=(vision, language, None)) == whole
    assert of(projects=(world.maps.pk,)).runs == 2
    assert of(projects=(None,)).runs == 1
    assert of(sites=(world.lulea.pk,)).runs == 3
    assert of(cloud_regions=(world.region.pk,)).runs == 1
    assert of(sites=(None,)).runs == 2
    assert of(sites=(world.lulea.pk, None), cloud_regions=(world.region.pk,)) == whole
    assert of(hardware=(world.cpu.pk,)).runs == 1
    assert of(hardware=(None,)).runs == 1
    assert of(stages=(Stage.EVALUATION,)).runs == 1
    assert of(statuses=(RunStatus.FAILED,)).not_completed_share == 1
    assert of(projects=(0,)).empty


def test_labels_and_keys(world):
    def keyed(by):
        groups = totals_by(organisation=world.organisation, period=YEAR, by=by)
        return {group.key: group.label for group in groups}

    assert keyed(By.TEAM) == {"vision": "Vision", "language": "Language", NONE: "Unallocated"}
    assert keyed(By.SITE) == {
        world.lulea.slug: "Luleå",
        "aws:us-west-1": "aws:us-west-1",
        NONE: "Place not stated",
    }
    assert keyed(By.HARDWARE)[str(world.a100.pk)] == world.a100.name
    assert keyed(By.SCOPE).keys() >= {"2", "3.1"}
    assert next(iter(keyed(By.MONTH))) == "2026-02-01"


def test_shares(world):
    whole = totals(organisation=world.organisation, period=YEAR)
    assert 0 < whole.measured_share < 1
    assert 0 < whole.not_completed_share < 1
    assert 0 < whole.known_hardware_share < 1
    assert whole.intensity_kg_per_kwh == whole.location_based_kg / whole.energy_facility_kwh
    assert Totals().intensity_kg_per_kwh is None
    assert Totals().measured_share is None


def test_a_lifetime_share_of_unknown_hardware_is_unknown(world):
    filters = Filters(hardware=(world.cpu.pk,))
    found = totals(organisation=world.organisation, period=YEAR, filters=filters)
    assert found.known_embodied_kg is None
    assert totals(organisation=world.organisation, period=YEAR).known_embodied_kg > 0


def test_as_it_was_and_today_s_structure(world):
    organisation, language = world.organisation, world.language
    move_project(world.maps, language, on=date(2026, 6, 1))

    def runs(structure):
        groups = totals_by(
            organisation=organisation,
            period=YEAR,
            by=By.TEAM,
            filters=Filters(structure=structure),
        )
        return {group.key: group.totals.runs for group in groups}

    assert runs(Structure.AS_IT_WAS) == {"vision": 3, "language": 2, NONE: 1}
    assert runs(Structure.TODAY) == {"vision": 1, "language": 4, NONE: 1}
    today = Filters(teams=(language.pk,), structure=Structure.TODAY)
    assert totals(organisation=organisation, period=YEAR, filters=today).runs == 4
    groups = totals_by(organisation=organisation, period=YEAR, by=By.PROJECT, filters=today)
    assert {group.key for group in groups} == {"maps", "chat"}


def test_another_organisation_s_lines_are_never_counted(world):
    other = make_organisation()
    record_run(other, hardware=world.a100)
    calculate_all()
    assert totals(organisation=world.organisation, period=None).runs == 6
    assert totals(organisation=other, period=None).runs == 1


def test_one_query_per_question(world, django_assert_num_queries):
    narrowed = {"organisation": world.organisation, "period": YEAR}
    today = Filters(teams=(world.vision.pk,), structure=Structure.TODAY)
    with django_assert_num_queries(1):
        totals(**narrowed, filters=today)
    for by in By:
        with django_assert_num_queries(1):
            totals_by(by=by, **narrowed, filters=today)
        with django_assert_num_queries(1):
            totals_by_month_and(by=by, **narrowed)
