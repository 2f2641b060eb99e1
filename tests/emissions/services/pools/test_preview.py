"""A preview is what adopting then posts, pools included; what is closed stays; back is inverse."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from emissions.calculation.vocabulary import (
    CloudProvider,
    Headline,
    IdleRule,
    InstrumentKind,
    InventoryFigure,
    SiteKind,
)
from emissions.models import CloudRegion, EmissionEntry, FactorSet, GridZone, Organisation, Posting
from emissions.models.entry import QUANTITIES
from emissions.selectors.periods import quarter
from emissions.services.close_quarter import close_quarter
from emissions.services.factors.adopt import adopt_factor_set, withdraw_factor_set
from emissions.services.factors.preview import (
    closed_quarters_kept,
    preview_factors,
    sets_with,
    sets_without,
)
from emissions.services.load_statements import Origin, Stated, load_statements
from emissions.services.manage_cloud_accounts import choose_figure
from emissions.services.pools.stale import idle_due
from emissions.services.verify_ledger import verify_ledger
from tests.emissions.services.factors.test_affected import FACTOR, factor_set_of
from tests.factories import (
    NOW,
    make_cloud_account,
    make_factor_set,
    make_hours,
    make_instrument,
    make_node,
    make_organisation,
    make_project,
    make_reading,
    make_reference,
    make_run,
    make_site,
    make_team,
    settle_all,
)

pytestmark = pytest.mark.django_db
Q1 = quarter(year=2026, number=1)
LATER = datetime(2026, 10, 2, tzinfo=UTC)


def make_world(idle_rule: IdleRule = IdleRule.OWNER, *, closed: bool = False) -> Organisation:
    """Make runs of two teams on a node and in clouds, a meter, instruments and a statement."""
    reference = make_reference()
    organisation = make_organisation(idle_rule=idle_rule)
    teams = [make_team(organisation) for _ in range(2)]
    projects = [make_project(team=team) for team in teams]
    site = make_site(organisation, reference["FR"])
    node = make_node(site=site, owner=teams[0], starts_on=date(2026, 2, 1))
    cloud = make_site(
        organisation, reference["US-CA"], kind=SiteKind.CLOUD, it_control="other",
        cloud_region=CloudRegion.objects.get(region="us-west-1"),
    )  # fmt: skip
    for at, place in enumerate(
        ({"node": node}, {"node": node}, {"site": site}, {"site": cloud}, {"site": cloud}, {})
    ):
        make_run(
            project=projects[at % 2],
            calculated=False,
            started_at=datetime(2026, 3, 29 + at % 3, 7, tzinfo=UTC),
            duration_hours=50.0 + 20 * at,
            **place,
        )
    make_reading(site, starts_on=date(2026, 2, 1), ends_before=date(2026, 6, 1), energy_kwh="12000")
    make_instrument(organisation, energy_mwh=Decimal("3.3"), site=site)
    make_instrument(
        organisation,
        kind=InstrumentKind.TARIFF,
        energy_mwh=Decimal(9),
        rate_g_per_kwh=12.3,
        starts_on=date(2026, 4, 1),
        site=site,
    )
    account = make_cloud_account(organisation, provider=CloudProvider.AWS)
    load_statements(
        organisation=organisation,
        provider=CloudProvider.AWS,
        stated=[
            Stated(
                account.pk,
                date(2026, 4, 1),
                "v1",
                {"location_based_kg": Decimal(77), "market_based_kg": None},
            )
        ],
        origin=Origin("carbon.csv", "a" * 64),
        by=None,
        now=NOW,
    )
    choose_figure(account=account, figure=InventoryFigure.STATEMENT, by=None)
    idle_due(organisation=organisation)
    settle_all()
    if closed:
        close_quarter(organisation=organisation, quarter=Q1, by=None, now=LATER)
    return organisation


def posted_since(posting: int, organisation: Organisation) -> dict[Any, tuple[Decimal, Decimal]]:
    """Return the net differences by year, quarter, team and zone of all later postings."""
    hourly = organisation.headline == Headline.HOURLY
    rows = (
        EmissionEntry.objects.filter(posting__gt=posting)
        .order_by()
        .values_list("month", "cell__team", "cell__zone")
        .annotate(
            location=Sum("location_based_kg" if hourly else "location_based_annual_kg"),
            market=Sum("market_based_kg"),
        )
    )
    sums: dict[Any, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for month, team, zone, location, market in rows:
        key = month.year, (month.month + 2) // 3, team, zone
        sums[key][0] += location
        sums[key][1] += market
    return {key: (one[0], one[1]) for key, one in sums.items() if any(one)}


def previewed(organisation: Organisation, after: Any) -> dict[Any, tuple[Decimal, Decimal]]:
    found = preview_factors(organisation=organisation, after=after)
    return {
        (one.year, one.quarter, one.team_id, one.zone_id): (
            one.new_location_kg - one.old_location_kg,
            one.new_market_kg - one.old_market_kg,
        )
        for one in found.differences
    }


def last_posting() -> int:
    return Posting.objects.order_by("-pk").values_list("pk", flat=True)[0]


def by_quarter(found: dict[Any, tuple[Decimal, Decimal]]) -> dict[Any, tuple[Decimal, Decimal]]:
    sums: dict[Any, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for (year, number, _, _), amounts in found.items():
        for at in (0, 1):
            sums[year, number][at] += amounts[at]
    return {key: (one[0], one[1]) for key, one in sums.items() if any(one)}


def agree(expected: dict[Any, Any], posted: dict[Any, Any]) -> None:
    """Quarters to the last digit; who of equals takes a nano-kilogram of rounding may differ."""
    assert by_quarter(expected) == by_quarter(posted)
    for key in {*expected, *posted}:
        for at in (0, 1):
            one = expected.get(key, (0, 0))[at] - posted.get(key, (0, 0))[at]
            assert abs(one) < Decimal("2e-8"), key


def adopt(organisation: Organisation, factor_set: FactorSet, precedence: int = 0) -> None:
    adopt_factor_set(
        organisation=organisation, factor_set=factor_set, precedence=precedence, by=None, now=NOW
    )
    settle_all()


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.shrink},
)
@given(
    factors=st.lists(FACTOR, min_size=1, max_size=4),
    precedence=st.sampled_from((0, 9)),
    idle_rule=st.sampled_from(IdleRule),
    headline=st.sampled_from(Headline),
    hours=st.booleans(),
    closed=st.booleans(),
)
@example(
    factors=[
        {"zone": zone, "year": 2026, "month": None, "role": role, "kind": "direct"}
        for zone in ("FR", "US-CA", "WORLD")
        for role in ("location", "residual")
    ],
    precedence=0,
    idle_rule=IdleRule.SHARED,
    headline=Headline.HOURLY,
    hours=True,
    closed=True,
)
def test_adopting_posts_what_was_previewed_and_going_back_its_inverse(
    db, factors, precedence, idle_rule, headline, hours, closed
):
    organisation = make_world(idle_rule, closed=closed)
    Organisation.objects.filter(pk=organisation.pk).update(headline=headline)
    organisation.refresh_from_db()
    assert verify_ledger(organisation=organisation).clean
    factor_set = factor_set_of(factors)
    if hours:
        make_hours(
            factor_set=factor_set,
            zone=GridZone.objects.get(code="FR"),
            year=2026,
            grams=lambda hour: None if hour % 7 == 0 else 40.0 + hour % 24,
        )
    stood, first = net(), last_posting()
    expected = previewed(
        organisation,
        sets_with(organisation=organisation, factor_set=factor_set, precedence=precedence),
    )
    adopt(organisation, factor_set, precedence)
    agree(expected, posted_since(first, organisation))
    if closed:
        assert not any(key[:2] == (2026, 1) for key in expected)
    assert verify_ledger(organisation=organisation).clean
    second = last_posting()
    back = previewed(organisation, sets_without(organisation=organisation, factor_set=factor_set))
    withdraw_factor_set(organisation=organisation, factor_set=factor_set, by=None, now=NOW)
    settle_all()
    agree(back, posted_since(second, organisation))
    assert net() == stood
    assert verify_ledger(organisation=organisation).clean


def test_it_counts_what_each_kind_of_pool_posts(newer):
    organisation = make_world()
    first = last_posting()
    expected = previewed(
        organisation, sets_with(organisation=organisation, factor_set=newer, precedence=0)
    )
    adopt(organisation, newer)
    moved = EmissionEntry.objects.filter(posting__gt=first)
    kinds = set(moved.exclude(pool=None).values_list("pool__kind", flat=True))
    assert kinds == {"node_idle", "meter_remainder", "coverage", "statement"}
    agree(expected, posted_since(first, organisation))
    assert closed_quarters_kept(organisation=organisation, after=()) == []


def test_the_closed_quarters_that_it_would_move_are_told(newer):
    organisation = make_world(closed=True)
    after = sets_with(organisation=organisation, factor_set=newer, precedence=0)
    assert closed_quarters_kept(organisation=organisation, after=after) == [Q1]
    quarters = {key[:2] for key in previewed(organisation, after)}
    assert (2026, 2) in quarters
    assert (2026, 1) not in quarters
    empty = make_factor_set()
    same = sets_with(organisation=organisation, factor_set=empty, precedence=9)
    assert closed_quarters_kept(organisation=organisation, after=same) == []


@pytest.fixture
def newer() -> FactorSet:
    make_reference()
    return factor_set_of(
        [
            {"zone": zone, "year": 2026, "month": None, "role": role, "kind": "direct"}
            for zone in ("FR", "US-CA")
            for role in ("location", "residual")
        ]
    )


def net() -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return what stands of each run or pool, month and cell."""
    keys = ("run", "pool", "month", "cell")
    rows: Iterable[tuple[Any, ...]] = (
        EmissionEntry.objects.values_list(*keys)
        .annotate(*(Sum(name) for name in QUANTITIES))
        .order_by(*keys)
    )
    return {row[:4]: row[4:] for row in rows if any(row[4:])}
