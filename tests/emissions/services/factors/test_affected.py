"""A change of factor sets queues every run that it moves, and none whose factors stay."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from emissions.calculation.vocabulary import FactorKind, FactorRole, SiteKind
from emissions.models import (
    EmissionEntry,
    FactorSet,
    FactorSetAdoption,
    GridZone,
    Organisation,
    PendingCalculation,
    Run,
    SiteConditions,
)
from emissions.services.factors.adopt import adopt_factor_set, withdraw_factor_set
from emissions.services.factors.affected import FIRST_MONTH, LAST_MONTH, Span, changed_spans
from emissions.services.factors.tables import adopted_sets
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    calculate_all,
    make_factor,
    make_factor_set,
    make_node,
    make_organisation,
    make_project,
    make_reference,
    make_run,
    make_site,
    number,
)

pytestmark = pytest.mark.django_db

ZONES = ("WORLD", "SE", "FR", "DE", "US", "US-CA")
FACTOR = st.fixed_dictionaries(
    {
        "zone": st.sampled_from(ZONES),
        "year": st.integers(2018, 2028),
        "month": st.sampled_from((None, None, None, 1, 6, 12)),
        "role": st.sampled_from(FactorRole),
        "kind": st.sampled_from(FactorKind),
    }
)


def factor_set_of(factors: list[dict[str, Any]]) -> FactorSet:
    """Make a set; of factors of the same time the first one counts."""
    factor_set = make_factor_set()
    seen = set()
    for at, one in enumerate(factors):
        month = one["month"] or 1
        key = one["zone"], one["year"], month, one["role"], one["kind"]
        if key in seen:
            continue
        seen.add(key)
        if one["month"]:
            starts = date(one["year"], month, 1)
            validity = {"starts_on": starts, "ends_before": next_month(starts)}
        else:
            validity = {}
        make_factor(
            factor_set=factor_set,
            zone=GridZone.objects.get(code=one["zone"]),
            year=one["year"],
            role=one["role"],
            kind=one["kind"],
            g_co2e_per_kwh=500.0 + at,
            **validity,
        )
    return factor_set


def next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def make_world() -> Organisation:
    """Make runs in every kind of place, in 2019 to 2027."""
    reference = make_reference()
    organisation = make_organisation(time_zone="Pacific/Auckland")
    project = make_project(organisation=organisation)
    bare = make_site(organisation, name=f"Bare {number()}")
    SiteConditions.objects.filter(site=bare).update(
        superseded_at=NOW
    )  # as if nothing were known of it
    cloud = make_site(
        organisation, reference["DE"], kind=SiteKind.CLOUD, cloud_region=reference["region"]
    )
    SiteConditions.objects.filter(site=cloud).update(superseded_at=NOW)
    moved = make_site(organisation, reference["SE"])
    places: list[dict[str, Any]] = [
        {"site": make_site(organisation)},
        {"site": bare},
        {"site": cloud},
        {"site": moved, "node": make_node(site=make_site(organisation, reference["DE"]))},
        {"node": make_node(site=moved)},
        {"cloud_region": reference["region"]},
        {"zone": reference["US-CA"]},
        {"zone": reference["SE"], "duration_hours": 20_000.0},
        {},
        {"stated_factor_g_per_kwh": 4.0, "stated_factor_source": "supplier"},
    ]
    for at, place in enumerate(places):
        started_at = datetime(2019 + at % 9, 12, 31, 10, 30, tzinfo=UTC)
        make_run(project=project, started_at=started_at, calculated=False, **place)
    calculate_all()
    return organisation


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.shrink},
)
@given(
    one=st.lists(FACTOR, min_size=1, max_size=4),
    other=st.lists(FACTOR, min_size=1, max_size=4),
    precedence=st.sampled_from((0, 9)),
)
def test_whatever_is_adopted_and_withdrawn_the_ledger_equals_a_full_calculation(
    db, one, other, precedence
):
    organisation = make_world()
    first, second = factor_set_of(one), factor_set_of(other)
    change = {"organisation": organisation, "by": None, "now": NOW}
    for step in (
        lambda: adopt_factor_set(factor_set=first, precedence=0, **change),
        lambda: adopt_factor_set(factor_set=second, precedence=precedence, **change),
        lambda: adopt_factor_set(factor_set=first, precedence=5, **change),
        lambda: withdraw_factor_set(factor_set=second, **change),
        lambda: withdraw_factor_set(factor_set=first, **change),
    ):
        step()
        calculate_all()
        found = verify_ledger(organisation=organisation)
        assert found.clean
        assert (found.runs, found.pending) == (10, 0)


def queued() -> set[str]:
    return set(PendingCalculation.objects.values_list("run__name", flat=True))


@pytest.fixture
def world() -> dict[str, Any]:
    """Runs of 2025 in Sweden, France and California, and one of 2022 in France."""
    reference = make_reference()
    organisation = make_organisation()
    for name, zone, year in (
        ("Sweden", "SE", 2025),
        ("France", "FR", 2025),
        ("France then", "FR", 2022),
        ("California", "US-CA", 2025),
    ):
        make_run(
            organisation,
            name=name,
            zone=reference[zone],
            started_at=datetime(year, 5, 4, tzinfo=UTC),
        )
    make_run(organisation, name="Nowhere")
    return {**reference, "organisation": organisation}


def adopt(world: dict[str, Any], precedence: int = 0, **factor: Any) -> None:
    factor_set = make_factor_set()
    make_factor(factor_set=factor_set, **factor)
    adopt_factor_set(
        organisation=world["organisation"],
        factor_set=factor_set,
        precedence=precedence,
        by=None,
        now=NOW,
    )


def test_a_factor_of_one_zone_and_year_queues_the_runs_there_and_then(world):
    adopt(world, zone=world["FR"], year=2025)
    assert queued() == {"France"}


def test_a_factor_that_is_asked_after_the_others_queues_nothing(world):
    adopt(world, precedence=9, zone=world["FR"], year=2025)
    assert queued() == set()


def test_a_factor_of_a_larger_zone_queues_the_runs_that_fall_back_to_it(world):
    FactorSetAdoption.objects.all().delete()
    adopt(world, zone=world["US"], year=2024)
    assert queued() == {"California"}
    calculate_all()
    assert not verify_ledger(organisation=world["organisation"]).wrong_totals


def test_the_world_s_factor_queues_the_runs_that_nothing_is_known_of(world):
    adopt(world, zone=world["world"], year=2026)
    assert queued() == {"Nowhere"}


def test_a_residual_mix_queues_too_and_moves_the_market_based_figure_only(world):
    adopt(world, zone=world["FR"], year=2025, role=FactorRole.RESIDUAL)
    assert queued() == {"France", "France then"}
    before = EmissionEntry.objects.count()
    calculate_all()
    assert verify_ledger(organisation=world["organisation"]).clean
    assert EmissionEntry.objects.count() > before


def test_a_run_with_a_factor_of_its_own_is_left_alone(world):
    Run.objects.update(stated_factor_g_per_kwh=3.0, stated_factor_source="supplier")
    adopt(world, zone=world["FR"], year=2025)
    assert queued() == set()


def test_where_sets_differ_is_told_in_months(world):
    before = adopted_sets(organisation=world["organisation"])
    factor_set = make_factor_set()
    make_factor(factor_set=factor_set, zone=world["FR"], year=2023)
    make_factor(factor_set=factor_set, zone=world["DE"], year=2027)
    after = ((factor_set.pk, 0), *before)
    zones = [world["FR"].pk, world["DE"].pk, world["SE"].pk]
    assert changed_spans(before=before, after=after, zone_ids=zones) == [
        Span(world["FR"].pk, 2023 * 12, 2024 * 12),
        Span(world["DE"].pk, 2027 * 12, LAST_MONTH),
    ]
    everything = changed_spans(before=before, after=(), zone_ids=zones[:1])
    assert everything == [Span(world["FR"].pk, FIRST_MONTH, LAST_MONTH)]
