import pytest

from emissions.models import Run
from emissions.selectors.attention import attention
from emissions.selectors.posted import posted
from emissions.selectors.reported import Discrepancy, differing, discrepancy
from emissions.selectors.totals import Filters
from emissions.services.record_runs import edit_run
from tests.factories import NOW, calculate_all, make_organisation, make_run, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Run:
    organisation = make_organisation()
    return make_run(organisation, site=make_site(organisation, pue=1.5), reported_kg=1.0)


def report(run: Run, kilograms: float) -> Discrepancy | None:
    run.reported_kg = kilograms
    edit_run(run=run, by=None, now=NOW)
    calculate_all()
    found = posted(run_ids=[run.pk])[run.pk]
    return discrepancy(
        run=run,
        location_based_kg=found.location_based_kg,
        energy_it_kwh=found.energy_it_kwh,
        energy_facility_kwh=found.energy_facility_kwh,
    )


def own(run: Run) -> float:
    return float(posted(run_ids=[run.pk])[run.pk].location_based_kg)


@pytest.mark.parametrize(
    ("times", "flagged"), [(1.0, False), (1.04, False), (0.96, False), (1.06, True), (0.94, True)]
)
def test_more_than_five_per_cent_is_flagged_either_way(run, times, flagged):
    found = report(run, own(run) * times)

    assert (found is not None) is flagged
    runs = Run.objects.of(run.organisation)
    assert differing(runs).exists() is flagged
    count = attention(organisation=run.organisation, filters=Filters()).differing
    assert count == int(flagged)


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        (1 / 1.5, "without the PUE"),
        (8, "device-hours were multiplied again"),
        (1 / 8, "of one device alone"),
        (1000, "in grams"),
        (1 / 1000, "in tonnes"),
        (2.5, "the report implies 125 g/kWh, where 50.0 g/kWh is used here"),
    ],
)
def test_the_reason_is_named(run, times, reason):
    found = report(run, own(run) * times)

    assert found is not None
    assert reason in found.words


def test_a_run_without_a_report_or_without_figures_is_not_flagged(run):
    waiting = make_run(run.organisation, reported_kg=1e6, calculated=False)
    silent = make_run(run.organisation, calculated=False)
    found = set(differing(Run.objects.of(run.organisation)))

    assert waiting not in found
    assert silent not in found
    assert run in found
