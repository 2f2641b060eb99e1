import pytest

from emissions.selectors.uncertainty import uncertainty, uncertainty_of_run
from tests.factories import make_organisation, make_project, make_reference, make_run, make_site

pytestmark = pytest.mark.django_db


def test_totals_have_an_interval_around_them_in_one_query(django_assert_num_queries):
    organisation = make_organisation()
    make_run(organisation, site=make_site(organisation))
    make_run(organisation, energy_kwh=100.0, energy_measured=True, zone=make_reference()["DE"])
    with django_assert_num_queries(1):
        found = uncertainty(organisation=organisation, period=None)

    for one in (found.location_based_kg, found.energy_facility_kwh, found.market_based_kg):
        assert 0 < one.low < one.total < one.high
    assert found.embodied_kg.low == pytest.approx(found.embodied_kg.total / 2, rel=0.05)
    assert found.energy_facility_kwh.high / found.energy_facility_kwh.total < (
        found.location_based_kg.high / found.location_based_kg.total
    ), "energy has no error of a grid factor"


def test_what_is_behind_most_of_it_comes_first():
    organisation = make_organisation()
    run = make_run(organisation, zone=make_reference()["DE"])
    found = uncertainty_of_run(run=run)

    assert sum(one.share for one in found.sources) == pytest.approx(1)
    names = [one.name for one in found.sources]
    assert names[0] == "Default power and host share"
    assert {"PUE: the survey's average", "Emission factor of Germany"} < set(names)


def test_many_runs_of_one_zone_and_model_are_no_better_known_than_a_few():
    few, many = make_organisation(), make_organisation()
    make_run(few, zone=make_reference()["DE"])
    for _ in range(9):
        make_run(many, zone=make_reference()["DE"], project=None)
    one, nine = (uncertainty(organisation=o, period=None).location_based_kg for o in (few, many))

    assert nine.high / nine.total > 1 + 0.6 * (one.high / one.total - 1)
    assert nine.high / nine.total < one.high / one.total, "but the runs' own errors cancel out"


def test_nothing_recorded_has_no_interval():
    found = uncertainty(organisation=make_project().organisation, period=None)
    assert found.location_based_kg.low == found.location_based_kg.high == 0
    assert not found.sources
