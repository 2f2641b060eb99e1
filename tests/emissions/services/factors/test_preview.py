"""A preview is what adopting then posts, to the last digit, and writes nothing."""

from collections import defaultdict
from decimal import Decimal

import pytest
from django.db.models import Sum

from emissions.calculation.vocabulary import FactorRole
from emissions.models import EmissionEntry, FactorSet, GridZone, Posting
from emissions.services.factors.adopt import adopt_factor_set, withdraw_factor_set
from emissions.services.factors.preview import (
    PreviewCancelled,
    count_affected,
    preview_factors,
    sets_with,
    sets_without,
)
from tests.factories import NOW, calculate_all, make_factor, make_factor_set

pytestmark = pytest.mark.django_db


@pytest.fixture
def newer() -> FactorSet:
    """A set with France's factor of 2026, a residual mix of California, and the world's."""
    factor_set = make_factor_set()
    zones = GridZone.objects.in_bulk(field_name="code")
    make_factor(factor_set=factor_set, zone=zones["FR"], year=2026, g_co2e_per_kwh=63.3)
    make_factor(
        factor_set=factor_set, zone=zones["US-CA"], year=2025, role=FactorRole.RESIDUAL,
        g_co2e_per_kwh=321.0,
    )  # fmt: skip
    make_factor(factor_set=factor_set, zone=zones["WORLD"], year=2026, g_co2e_per_kwh=444.0)
    return factor_set


def previewed(laboratory, after):
    found = preview_factors(organisation=laboratory.organisation, after=after)
    return {
        (one.year, one.quarter, one.team_id, one.zone_id): (
            one.new_location_kg - one.old_location_kg,
            one.new_market_kg - one.old_market_kg,
        )
        for one in found.differences
    }


def posted_since(posting: int):
    """Return the net differences by quarter, team and zone of all later postings."""
    rows = (
        EmissionEntry.objects.filter(posting__gt=posting)
        .order_by()
        .values_list("month", "cell__team", "cell__zone")
        .annotate(location=Sum("location_based_kg"), market=Sum("market_based_kg"))
    )
    sums = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for month, team, zone, location, market in rows:
        key = month.year, (month.month + 2) // 3, team, zone
        sums[key][0] += location
        sums[key][1] += market
    return {key: tuple(pair) for key, pair in sums.items() if any(pair)}


def last_posting() -> int:
    return Posting.objects.order_by("-pk").values_list("pk", flat=True)[0]


def test_adopting_posts_what_was_previewed(laboratory, newer):
    organisation = laboratory.organisation
    expected = previewed(
        laboratory, sets_with(organisation=organisation, factor_set=newer, precedence=0)
    )
    assert len(expected) >= 4
    before, entries = last_posting(), EmissionEntry.objects.count()
    calculate_all()
    assert EmissionEntry.objects.count() == entries
    adopt_factor_set(organisation=organisation, factor_set=newer, precedence=0, by=None, now=NOW)
    calculate_all()
    assert posted_since(before) == expected


def test_withdrawing_posts_what_was_previewed(laboratory):
    organisation = laboratory.organisation
    direct = FactorSet.objects.get(slug="test-direct")
    expected = previewed(laboratory, sets_without(organisation=organisation, factor_set=direct))
    before = last_posting()
    withdraw_factor_set(organisation=organisation, factor_set=direct, by=None, now=NOW)
    calculate_all()
    assert posted_since(before) == expected


def test_a_set_that_is_asked_last_changes_nothing_where_others_answer(laboratory):
    factor_set = make_factor_set()
    make_factor(factor_set=factor_set, zone=GridZone.objects.get(code="FR"), year=2026)
    after = sets_with(organisation=laboratory.organisation, factor_set=factor_set, precedence=99)
    assert count_affected(organisation=laboratory.organisation, after=after) == 0
    assert previewed(laboratory, after) == {}


def test_it_says_how_far_it_is_and_can_be_stopped(laboratory, newer):
    after = sets_with(organisation=laboratory.organisation, factor_set=newer, precedence=0)
    told = []

    def stop(done: int, of: int) -> bool:
        told.append((done, of))
        return False

    with pytest.raises(PreviewCancelled):
        preview_factors(organisation=laboratory.organisation, after=after, progress=stop)
    assert told == [(0, count_affected(organisation=laboratory.organisation, after=after))]
