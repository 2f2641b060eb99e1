"""Published figures of single parts of the methodology, through the core and in the ledger."""

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from emissions.calculation.arrays import NANO
from emissions.calculation.footprint import Activity, Pieces, Place, footprint
from emissions.calculation.vocabulary import Basis, InstrumentKind
from emissions.models import GridZone
from emissions.selectors.totals import totals
from emissions.services.change_life import set_life
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    make_instrument,
    make_node,
    make_organisation,
    make_run,
    make_site,
    settle_all,
)


@pytest.mark.parametrize(
    ("devices", "hours", "watts", "pue", "gross", "net", "gross_t", "net_t"),
    [
        pytest.param(1024, 74.4, 288, 1.09, 201, 177, 4.8, 4.3, id="GShard-600B"),
        pytest.param(1024, 648, 245, 1.10, 403, 330, 72.2, 59.1, id="Switch Transformer"),
    ],
)
def test_patterson_s_gross_is_location_based_and_its_net_market_based(
    devices: int,
    hours: float,
    watts: float,
    pue: float,
    gross: float,
    net: float,
    gross_t: float,
    net_t: float,
) -> None:
    """Patterson et al. 2021, arXiv:2104.10350, Table 4: gross, and net of 24/7 carbon-free energy.

    Two factors of one energy give two totals side by side. The paper prints two digits.
    """
    found = footprint(
        activity=Activity.of(1, device_count=devices, duration_hours=hours, power_watts=watts),
        pieces=Pieces.whole(1),
        place=Place.of(1, pue=pue, location_g_per_kwh=gross, market_g_per_kwh=net),
    )

    assert found.location_based_kg_nano[0] / NANO / 1000 == pytest.approx(gross_t, abs=0.15)
    assert found.market_based_kg_nano[0] / NANO / 1000 == pytest.approx(net_t, abs=0.15)
    assert found.basis[0] == Basis.ESTIMATED


def test_the_lifetime_share_is_sci_s_m() -> None:
    """ISO/IEC 21031:2024, Software Carbon Intensity: M = TE × (TiR ÷ EL) × (RR ÷ ToR).

    A server of eight devices: TE 3,700 kg, EL four years; a job reserves RR = 2 of its
    ToR = 8 devices for TiR = 10 hours.
    """
    total_embodied, time_reserved, expected_life = 3700.0, 10.0, 4 * 8760.0
    resources_reserved, total_resources = 2, 8
    m_kg = total_embodied * (time_reserved / expected_life) * (resources_reserved / total_resources)
    found = footprint(
        activity=Activity.of(
            1,
            device_count=resources_reserved,
            duration_hours=time_reserved,
            energy_kwh=1.0,
            embodied_kg_per_device=total_embodied / total_resources,
            life_years=4,
        ),
        pieces=Pieces.whole(1),
        place=Place.of(1, location_g_per_kwh=100),
    )

    assert found.embodied_kg_nano[0] / NANO == pytest.approx(m_kg, abs=1e-9)


@pytest.mark.django_db
def test_sci_s_m_follows_the_node_s_life_and_the_devices_it_has() -> None:
    """ISO/IEC 21031:2024: M = TE × (TiR ÷ EL) × (RR ÷ ToR), in the ledger, before and after
    somebody corrects EL: what stands is that of the life that is stated, posted as a difference.
    """
    organisation = make_organisation()
    node = make_node(
        site=make_site(organisation), device_count=8, embodied_kg=3700.0, life_years=4.0
    )
    run = make_run(organisation, node=node, device_count=2.0, duration_hours=10.0)
    te, tir, rr, tor = Decimal(3700), Decimal(10), 2, 8

    def m() -> Decimal:
        return sum((entry.embodied_kg for entry in run.entries.all()), Decimal(0))

    assert float(m()) == pytest.approx(float(te * tir / (4 * 8760) * rr / tor), abs=1e-9)
    set_life(node=node, life_years=5.0, starts_on=date(2020, 1, 1), by=None, now=NOW)
    settle_all()
    assert float(m()) == pytest.approx(float(te * tir / (5 * 8760) * rr / tor), abs=1e-9)
    assert run.entries.count() == 2
    assert verify_ledger(organisation=organisation).clean


@pytest.mark.django_db
def test_patterson_s_gross_and_net_stand_side_by_side_in_the_ledger() -> None:
    """Patterson et al. 2021, Table 4, Switch Transformer: 403 and 330 g/kWh, 72.2 t and 59.1 t.

    The grid's factor is location-based; the net one, which is of a contract, is market-based
    through an instrument that covers all of it.
    """
    organisation = make_organisation()
    site = make_site(organisation, GridZone.objects.get(code="DE"), pue=1.10)
    run = make_run(
        organisation, site=site, device_count=1024.0, duration_hours=648.0,
        stated_power_watts=245.0, started_at=datetime(2026, 4, 2, tzinfo=UTC),
        stated_factor_g_per_kwh=403.0, stated_factor_source="Patterson et al. 2021",
    )  # fmt: skip
    make_instrument(
        organisation, kind=InstrumentKind.PPA, energy_mwh=Decimal(200), rate_g_per_kwh=330.0,
        rate_source="Patterson et al. 2021",
    )  # fmt: skip
    settle_all()
    sums = totals(organisation=organisation, period=None)
    assert float(sums.energy_facility_kwh) == pytest.approx(179_000, rel=0.002)
    assert float(sums.location_based_kg) / 1000 == pytest.approx(72.2, abs=0.15)
    assert float(sums.market_based_kg) / 1000 == pytest.approx(59.1, abs=0.15)
    assert run.entries.filter(month=date(2026, 4, 1)).exists()


def test_all_hours_of_all_devices_over_a_life_are_the_whole_footprint() -> None:
    """SCI's shares of one server, over its life, add up to its TE and no more."""
    found = footprint(
        activity=Activity.of(
            1, device_count=8, duration_hours=4 * 8760, energy_kwh=1.0,
            embodied_kg_per_device=3700 / 8, life_years=4,
        ),
        pieces=Pieces(run_index=np.zeros(48, dtype=np.int64), weight=np.ones(48, dtype=np.int64)),
        place=Place.of(48, location_g_per_kwh=100),
    )  # fmt: skip

    assert found.embodied_kg_nano.sum() / NANO == pytest.approx(3700, rel=1e-9)
