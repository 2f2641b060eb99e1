import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emissions.calculation.statement import Estimate, replaced

OWN = Estimate(location=1000, market=800, upstream=100, losses=50, embodied=30)
NANO = st.integers(-(10**15), 10**15)
KNOWN = st.none() | st.integers(0, 10**15)


def test_a_statement_with_scopes_splits_into_electricity_and_the_rest() -> None:
    found = replaced(own=OWN, location=1520, market=410, scope_3=395)
    assert found == Estimate(location=1125, market=15, upstream=0, losses=0, embodied=395)


def test_a_statement_without_scopes_is_electricity_as_a_whole() -> None:
    found = replaced(own=OWN, location=750, market=2, scope_3=None)
    assert found == Estimate(location=750, market=2, upstream=0, losses=0, embodied=0)


def test_what_is_not_stated_by_location_stays_the_own_estimate() -> None:
    found = replaced(own=OWN, location=None, market=700, scope_3=500)
    assert found == Estimate(location=1000, market=520, upstream=100, losses=50, embodied=30)


def test_what_is_not_stated_by_the_market_keeps_its_sum() -> None:
    found = replaced(own=OWN, location=500, market=None, scope_3=200)
    assert found.market + found.around == OWN.market + OWN.around


def test_a_scope_3_above_the_whole_leaves_no_negative_electricity() -> None:
    assert replaced(own=OWN, location=100, market=90, scope_3=500).location == 0


@pytest.mark.parametrize("method", ["location", "market"])
@settings(max_examples=25, deadline=None)
@given(own=st.builds(Estimate, *[NANO] * 5), location=KNOWN, market=KNOWN, scope_3=KNOWN)
def test_sums_are_the_statement_s_or_the_own(method, own, location, market, scope_3) -> None:
    found = replaced(own=own, location=location, market=market, scope_3=scope_3)
    stated = {"location": location, "market": market}[method]
    wanted = getattr(own, method) + own.around if stated is None else stated
    assert getattr(found, method) + found.around == wanted
