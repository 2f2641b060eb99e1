"""Scope and category of what runs post, by the dated control of sites and tenure of nodes."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum

from emissions.calculation.vocabulary import Control, SiteKind, Tenure
from emissions.models import EmissionEntry, Run
from emissions.services.manage_nodes import place_node
from emissions.services.manage_sites import Conditions, set_conditions
from emissions.services.record_runs import edit_run
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    calculate_all,
    make_node,
    make_organisation,
    make_project,
    make_reference,
    make_run,
    make_site,
)

pytestmark = pytest.mark.django_db
SCOPE_2, CLOUD, LEASED = (2, None), (3, 1), (3, 8)
AMOUNTS = (
    "energy_it_kwh", "energy_facility_kwh", "location_based_kg", "market_based_kg", "losses_kg",
    "embodied_kg", "device_hours", "runs_started", "independent_variance_kg2",
)  # fmt: skip


def posted(run: Run) -> dict[tuple[int, int | None], dict[str, Any]]:
    """Return a run's net amounts by scope and category."""
    rows = (
        EmissionEntry.objects.filter(run=run)
        .order_by()
        .values("cell__scope", "cell__category")
        .annotate(**{f"sum_{name}": Sum(name) for name in AMOUNTS})
    )
    found = {
        (row["cell__scope"], row["cell__category"]): {n: row[f"sum_{n}"] for n in AMOUNTS}
        for row in rows
    }
    return {key: sums for key, sums in found.items() if any(sums.values())}


def run_at(tenure: Tenure = Tenure.OWNED, **site: Any) -> Run:
    organisation = make_organisation()
    site = make_site(organisation, **site)
    node = make_node(site=site)
    place_node(node=node, site=site, tenure=tenure, starts_on=date(2021, 1, 1), by=None, now=NOW)
    return make_run(project=make_project(organisation=organisation), node=node)


def test_own_equipment_in_an_own_building_is_one_line_of_scope_2():
    assert set(posted(run_at())) == {SCOPE_2}


@pytest.mark.parametrize(
    ("kind", "category"), [(SiteKind.COLOCATION, CLOUD), (SiteKind.OFFICE, LEASED)]
)
def test_overhead_that_another_controls_is_a_line_of_its_own(kind: SiteKind, category: Any):
    alone = posted(run_at(kind=kind))[SCOPE_2]
    lines = posted(run_at(kind=kind, overhead_control=Control.OTHER))

    assert set(lines) == {SCOPE_2, category}
    it, overhead = lines[SCOPE_2], lines[category]
    assert {name: it[name] + overhead[name] for name in AMOUNTS} == alone
    assert it["energy_facility_kwh"] == it["energy_it_kwh"] == alone["energy_it_kwh"]
    assert overhead["energy_it_kwh"] == overhead["embodied_kg"] == overhead["runs_started"] == 0
    assert overhead["location_based_kg"] == pytest.approx(it["location_based_kg"] * Decimal("0.2"))
    assert overhead["losses_kg"] > 0


def test_a_pue_of_one_leaves_no_overhead():
    assert set(posted(run_at(pue=1.0, overhead_control=Control.OTHER))) == {SCOPE_2}


def test_equipment_that_another_controls_is_leased_with_all_that_belongs_to_it():
    lines = posted(run_at(it_control=Control.OTHER, overhead_control=Control.OTHER))

    assert set(lines) == {LEASED}
    assert lines[LEASED]["embodied_kg"] > 0


def test_the_hardware_of_an_operating_lease_is_the_lessor_s():
    lines = posted(run_at(Tenure.OPERATING_LEASE))

    assert set(lines) == {SCOPE_2, LEASED}
    assert lines[SCOPE_2]["embodied_kg"] == 0
    assert lines[LEASED]["embodied_kg"] > 0
    assert not any(lines[LEASED][name] for name in AMOUNTS if name != "embodied_kg")


def test_hardware_that_was_owned_and_is_leased_from_a_day_on_divides_by_the_day():
    run = run_at()
    whole = posted(run)[SCOPE_2]["embodied_kg"]
    run.started_at = datetime(2026, 5, 31, 12, tzinfo=UTC)
    run.duration_hours = 24.0
    run.device_hours = 24.0 * run.device_count
    edit_run(run=run, by=None, now=NOW)
    site = run.node.placements.first().site
    place_node(node=run.node, site=site, tenure=Tenure.OPERATING_LEASE,
               starts_on=date(2026, 6, 1), by=None, now=NOW)  # fmt: skip
    calculate_all()

    lines = posted(run)
    assert set(lines) == {SCOPE_2, LEASED}
    # Half of the run was in May; the organisation's days end at its own midnight.
    owned, leased = lines[SCOPE_2]["embodied_kg"], lines[LEASED]["embodied_kg"]
    assert owned + leased == pytest.approx(whole * Decimal("2.4"), rel=Decimal("1e-6"))
    rows = EmissionEntry.objects.filter(run=run, cell__category=LEASED[1], cell__scope=3)
    assert {row.month for row in rows if row.embodied_kg} == {date(2026, 6, 1)}
    assert verify_ledger(organisation=run.organisation).clean


def test_a_finance_lease_counts_as_bought():
    lines = posted(run_at(Tenure.FINANCE_LEASE))

    assert set(lines) == {SCOPE_2}
    assert lines[SCOPE_2]["embodied_kg"] > 0


@pytest.mark.parametrize("as_site", [False, True])
def test_a_cloud_is_bought_whole(as_site: bool):
    region = make_reference()["region"]
    organisation = make_organisation()
    if as_site:
        place = {"site": make_site(organisation, kind=SiteKind.CLOUD, cloud_region=region,
                                   overhead_control=Control.OTHER)}  # fmt: skip
    else:
        place = {"cloud_region": region}
    lines = posted(make_run(organisation, **place))

    assert set(lines) == {CLOUD}
    assert lines[CLOUD]["embodied_kg"] > 0


def test_a_day_on_which_control_changes_divides_a_run_and_the_ledger_agrees():
    run = run_at(kind=SiteKind.COLOCATION)
    site = run.node.placements.first().site
    before = posted(run)[SCOPE_2]
    zone = site.conditions.first().zone
    conditions = Conditions(
        zone=zone, pue=1.2, pue_source="Metered", overhead_control=Control.OTHER
    )
    set_conditions(site=site, conditions=conditions, starts_on=date(2026, 1, 1), by=None, now=NOW)
    calculate_all()

    lines = posted(run)
    assert set(lines) == {SCOPE_2, CLOUD}
    assert {n: lines[SCOPE_2][n] + lines[CLOUD][n] for n in AMOUNTS} == before
    assert verify_ledger(organisation=run.organisation).clean
