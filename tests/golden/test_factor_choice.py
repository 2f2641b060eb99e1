"""Each step of the choice of a factor, with published values: shipped tables to ledger.

10,000 kWh at the meter; the values are those that EPA (eGRID2023 rev2, table 1, SRC2ERTA in
lb/MWh), DCCEEW (National Greenhouse Accounts Factors), DESNZ and Ember print.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from emissions.calculation.vocabulary import Assumption, FactorKind, Fit
from emissions.models import (
    Cell,
    EmissionEntry,
    GridLoss,
    GridZone,
    Organisation,
    PendingCalculation,
    Run,
)
from emissions.services.create_organisation import create_organisation
from emissions.services.factors.adopt import adopt_factor_set, withdraw_factor_set
from emissions.services.factors.load import FileRejected, Publication, load_factor_set
from emissions.services.load_reference import load_reference
from emissions.services.verify_ledger import verify_ledger
from tests.factories import NOW, calculate_all, make_run, make_site

pytestmark = pytest.mark.django_db
KWH = 10_000.0
GRAMS_PER_POUND = 453.59237
EIA_LOSSES = 0.05


@dataclass(frozen=True)
class Case:
    """A place and time, and what must be chosen for it."""

    zone: str
    year: int
    fit: Fit
    g_per_kwh: float
    kind: FactorKind = FactorKind.DIRECT


CASES = {
    "zone and year: eGRID's subregion SERC Virginia/Carolina": Case(
        "US-SRVC", 2023, Fit.ZONE_YEAR, 596.325 * GRAMS_PER_POUND / 1000
    ),
    "parent and year: Western Australia's north-west before it had a factor": Case(
        "AU-WA-NWIS", 2023, Fit.PARENT_YEAR, 650
    ),
    "zone, earlier year: Virginia in 2026": Case("US-VA", 2026, Fit.ZONE_EARLIER_YEAR, 244.758),
    "parent, earlier year: a grid without a factor in 2026": Case(
        "US-TEST", 2026, Fit.PARENT_EARLIER_YEAR, 349.667
    ),
    "lifecycle, where no direct factor exists: Argentina": Case(
        "AR", 2024, Fit.ZONE_YEAR, 344.83, FactorKind.LIFECYCLE
    ),
    "lifecycle of the time in another set before an older one: Ghana in 2025": Case(
        "GH", 2025, Fit.ZONE_YEAR, 339, FactorKind.LIFECYCLE
    ),
    "lifecycle of the time before a later direct one: Great Britain in 2020": Case(
        "GB", 2020, Fit.ZONE_YEAR, 242.54, FactorKind.LIFECYCLE
    ),
    "world: Monaco": Case("MC", 2024, Fit.WORLD, 469.3, FactorKind.LIFECYCLE),
}


@pytest.fixture
def organisation() -> Organisation:
    """An organisation that uses the shipped sets."""
    load_reference()
    GridZone.objects.create(
        code="US-TEST", name="Test", kind="subdivision", parent=GridZone.objects.get(code="US")
    )
    return create_organisation(name="Golden", slug="golden", time_zone="UTC", by=None, now=NOW)


def run_in(organisation: Organisation, year: int = 2026, month: int = 3, **place: Any) -> Run:
    return make_run(
        organisation,
        energy_kwh=KWH,
        energy_includes_pue=True,
        started_at=datetime(year, month, 5, tzinfo=UTC),
        calculated=False,
        **place,
    )


def posted(run: Run) -> tuple[Cell, dict[str, float]]:
    """Return the cell that holds a run's figures, and the figures."""
    rows = (
        EmissionEntry.objects.filter(run=run)
        .order_by()
        .values("cell")
        .annotate(
            kwh=Sum("energy_facility_kwh"),
            location=Sum("location_based_kg"),
            upstream=Sum("upstream_kg"),
            losses=Sum("losses_kg"),
        )
        .exclude(kwh=0)
    )
    (row,) = rows
    return Cell.objects.get(pk=row.pop("cell")), {name: float(row[name]) for name in row}


def test_each_step_takes_the_published_value(organisation):
    zones = GridZone.objects.in_bulk(field_name="code")
    runs = {
        name: run_in(organisation, case.year, zone=zones[case.zone]) for name, case in CASES.items()
    }
    calculate_all()
    for name, case in CASES.items():
        cell, figures = posted(runs[name])
        assert cell.location_factor is not None, name
        assert Fit(cell.fit) is case.fit, name
        assert cell.location_factor.kind == case.kind, name
        assert figures["location"] == pytest.approx(KWH * case.g_per_kwh / 1000, rel=1e-4), name
        lifecycle = case.kind is FactorKind.LIFECYCLE
        assert bool(cell.assumptions & Assumption.LIFECYCLE_FACTOR) is lifecycle, name
        if lifecycle:
            assert cell.upstream_factor is None, name
            assert figures["upstream"] == 0, name


def test_an_egrid_subregion_s_losses_follow_egrid_s_rule(organisation):
    run = run_in(organisation, 2023, zone=GridZone.objects.get(code="US-SRVC"))
    calculate_all()
    cell, figures = posted(run)
    kg = KWH * 270.489 / 1000
    assert figures["losses"] == pytest.approx(kg * EIA_LOSSES / (1 - EIA_LOSSES), rel=1e-6)
    assert cell.grid_loss is not None
    assert not cell.location_factor.includes_losses


def test_a_factor_that_includes_losses_gets_none_besides(organisation):
    quebec = GridZone.objects.get(code="CA-QC")
    # None is published for Canada: without one there would be no losses in any case.
    GridLoss.objects.create(
        zone=quebec, starts_on=date(2024, 1, 1), ends_before=date(2025, 1, 1), loss_share=0.07
    )
    run = run_in(organisation, 2024, zone=quebec)
    calculate_all()
    cell, figures = posted(run)
    assert cell.location_factor.includes_losses
    assert (cell.grid_loss, figures["losses"]) == (None, 0)


OWN = """zone,site,starts_on,ends_before,g_co2e_per_kwh
SE,Mine,2026-03-01,2027-01-01,3.5
SE,,2026-03-01,2026-04-01,11
"""


def load_own(organisation: Organisation | None) -> Any:
    return load_factor_set(
        organisation=organisation,
        format_name="licensed",
        content=OWN.encode(),
        publication=Publication(
            edition="2026", published_on=date(2026, 1, 1), name="Own", source="Contract 12"
        ),
        by=None,
        now=NOW,
    ).factor_set


def test_a_site_s_own_factor_then_the_month_then_the_year(organisation):
    sweden = GridZone.objects.get(code="SE")
    site, other = make_site(organisation, sweden, name="Mine"), make_site(organisation, sweden)
    runs = {
        "site": run_in(organisation, site=site),
        "site, before its factor": run_in(organisation, 2025, site=site),
        "month": run_in(organisation, site=other),
        "month over": run_in(organisation, month=4, site=other),
        "stated": run_in(
            organisation, site=site, stated_factor_g_per_kwh=2.0, stated_factor_source="meter"
        ),
    }
    calculate_all()
    before = {name: posted(run)[1] for name, run in runs.items()}
    own = load_own(organisation)
    change = {"organisation": organisation, "factor_set": own, "by": None, "now": NOW}
    adopt_factor_set(precedence=1, **change)
    queued = set(PendingCalculation.objects.values_list("run", flat=True))
    assert {runs["site"].pk, runs["month"].pk} <= queued
    assert runs["stated"].pk not in queued
    calculate_all()
    found = {
        name: (Fit(cell.fit), figures["location"])
        for name, (cell, figures) in ((name, posted(run)) for name, run in runs.items())
    }
    assert found["site"] == (Fit.SITE, pytest.approx(35.0))
    assert found["month"] == (Fit.ZONE_MONTH, pytest.approx(110.0))
    assert found["stated"] == (Fit.STATED, pytest.approx(20.0))
    assert found["site, before its factor"][0] is Fit.ZONE_EARLIER_YEAR
    assert found["month over"][0] is Fit.ZONE_EARLIER_YEAR
    assert verify_ledger(organisation=organisation).clean
    withdraw_factor_set(**change)
    calculate_all()
    assert {name: posted(run)[1] for name, run in runs.items()} == before
    assert verify_ledger(organisation=organisation).clean


def test_a_site_s_factor_needs_a_set_of_its_organisation(organisation):
    stranger = create_organisation(name="Else", slug="else", time_zone="UTC", by=None, now=NOW)
    foreign = make_site(stranger, GridZone.objects.get(code="SE"), name="Mine")
    for owner in (organisation, None):
        with pytest.raises(FileRejected) as rejected:
            load_own(owner)
        assert [(e.row, e.column) for e in rejected.value.errors] == [(2, "site")]
    site = make_site(organisation, GridZone.objects.get(code="SE"), name="Mine")
    own = load_own(organisation)
    factor = own.factors.get(site=site)
    factor.pk, factor.site = None, foreign
    with pytest.raises(IntegrityError, match="organisation"), transaction.atomic():
        factor.save()
