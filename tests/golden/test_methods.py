"""Published figures of single parts of the methodology, through the core."""

import numpy as np
import pytest

from emissions.calculation.arrays import NANO
from emissions.calculation.footprint import Activity, Pieces, Place, footprint
from emissions.calculation.vocabulary import Basis


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
