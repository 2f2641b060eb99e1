"""BLOOM's 50.5 t out of an inventory: nodes with a run and idle hours, and the centre's meter.

Luccioni et al. 2022 (arXiv:2211.02001), sections 4.1–4.3 and table 3: 24.69 t for the GPUs'
433,196 kWh, 14.6 t for 256,646 kWh that the nodes drew besides, both at 57 g/kWh, and 11.2 t
of hardware at an expected utilisation of 85 %. Here the run draws 400 W per GPU, the nodes
stand for 1 ÷ 0.85 of its hours, so that idle hours carry the rest of the hardware, and the
meter shows what runs and idle hours do not explain.
"""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db.models import Q

from emissions.calculation.vocabulary import PoolKind
from emissions.models import GridZone, MonthlyTotal
from emissions.services.factors.adopt import adopt_factor_set
from emissions.services.manage_meters import Reading, record_reading
from emissions.services.pools.stale import idle_due
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    make_factor,
    make_factor_set,
    make_node,
    make_organisation,
    make_run,
    make_site,
    settle_all,
)
from tests.golden.worked_examples import BY_ID

pytestmark = pytest.mark.django_db

OF_POOLS = Q(cell__source_kind__in=[kind.value for kind in PoolKind])
GPU_HOURS, GPUS, NODES = 1_082_990.0, 384, 48
GPU_KG, SERVER_KG, LIFE_YEARS = 150.0, 2500.0, 6.0
DYNAMIC_KWH, BESIDES_KWH = Decimal("433196"), Decimal("256646")
STANDS, LEAVES = date(2022, 3, 1), date(2022, 7, 17)  # 138 days: 85 % of them at work


def test_runs_idle_hours_and_the_meter_are_bloom_s_total() -> None:
    organisation = make_organisation()
    site = make_site(organisation, pue=1.0)
    own = make_factor_set(organisation=organisation)
    make_factor(
        factor_set=own, zone=GridZone.objects.get(code="FR"), year=2022, g_co2e_per_kwh=57.0
    )
    adopt_factor_set(organisation=organisation, factor_set=own, precedence=0, by=None, now=NOW)
    node = make_node(
        site=site,
        name="Apollo",
        device_count=GPUS // NODES,
        node_count=NODES,
        embodied_kg=SERVER_KG + GPUS // NODES * GPU_KG,
        life_years=LIFE_YEARS,
        idle_watts=1000.0,
        max_watts=4500.0,
        starts_on=STANDS,
        disposed_on=LEAVES,
    )
    make_run(
        organisation,
        node=node,
        name="BLOOM",
        started_at=datetime(2022, 3, 4, tzinfo=UTC),
        device_count=float(GPUS),
        duration_hours=GPU_HOURS / GPUS,
        device_hours=GPU_HOURS,
        stated_power_watts=400.0,
    )
    reading = Reading(
        starts_on=date(2022, 3, 1),
        ends_before=date(2022, 8, 1),
        energy_kwh=DYNAMIC_KWH + BESIDES_KWH,
    )
    record_reading(site=site, reading=reading, by=None, now=NOW)
    idle_due(node=node)
    settle_all()
    assert verify_ledger().clean

    of_runs = kilograms(~OF_POOLS)
    besides = kilograms(OF_POOLS)
    assert of_runs[0] == pytest.approx(BY_ID["bloom-dynamic"].published_kg, rel=0.005)
    assert besides[0] == pytest.approx(BY_ID["bloom-idle"].published_kg, rel=0.005)
    parts = ("bloom-embodied-gpu", "bloom-embodied-server")
    hardware = sum(BY_ID[part].published_kg for part in parts)
    assert of_runs[1] + besides[1] == pytest.approx(hardware, rel=0.005)
    assert of_runs[1] == pytest.approx(0.85 * hardware, rel=0.01)
    total = sum(of_runs) + sum(besides)
    assert total == pytest.approx(BY_ID["bloom-total"].published_kg, rel=0.005)
    energy = sum(line.energy_facility_kwh for line in MonthlyTotal.objects.all())
    assert energy == DYNAMIC_KWH + BESIDES_KWH


def kilograms(which: Q) -> tuple[float, float]:
    """Return location-based emissions and hardware's share of some lines. [kg]"""
    lines = MonthlyTotal.objects.filter(which)
    return (
        float(sum(line.location_based_kg for line in lines)),
        float(sum(line.embodied_kg for line in lines)),
    )
