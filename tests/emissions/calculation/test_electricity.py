import numpy as np
import pytest

from emissions.calculation import electricity
from emissions.calculation.vocabulary import Preset

NAN = np.nan
ONE = np.ones(1)


def test_pue_is_the_stated_one_or_the_presets() -> None:
    preset = np.array([Preset.TONNE, Preset.TONNE, Preset.MLCO2, Preset.MLCO2], dtype=np.int8)

    pue = electricity.pue_or_default(pue=np.array([1.1, NAN, 1.1, NAN]), preset=preset)

    assert pue.tolist() == [1.1, 1.54, 1.1, 1.0]


def test_facility_energy_and_back() -> None:
    facility = electricity.facility_energy(energy_it_kwh=ONE * 100, pue=ONE * 1.2)

    assert facility[0] == pytest.approx(120)
    assert electricity.it_energy(energy_facility_kwh=facility, pue=ONE * 1.2)[0] == 100


def test_location_based_in_kilograms() -> None:
    kg = electricity.location_based(
        energy_kwh=np.array([1000.0, 1000.0]), factor_g_per_kwh=np.array([57.0, NAN])
    )

    assert kg.tolist() == [57.0, 0.0]


def test_market_based_takes_the_residual_mix_else_the_grid() -> None:
    kg = electricity.market_based(
        energy_kwh=np.full(4, 1000.0),
        factor_g_per_kwh=np.array([600.0, NAN, 0.0, NAN]),
        location_g_per_kwh=np.array([400.0, 400.0, 400.0, NAN]),
    )

    assert kg.tolist() == [600.0, 400.0, 0.0, 0.0]


def test_losses_are_grossed_up_unless_included() -> None:
    kg = electricity.losses(
        energy_kwh=np.full(3, 1000.0),
        factor_g_per_kwh=np.full(3, 400.0),
        loss_share=np.array([0.05, 0.05, NAN]),
        included=np.array([False, True, False]),
    )

    assert kg == pytest.approx([400 * 0.05 / 0.95, 0, 0])


def test_a_loss_share_of_one_is_infinite_not_negative() -> None:
    kg = electricity.losses(
        energy_kwh=np.zeros(2),
        factor_g_per_kwh=np.full(2, 400.0),
        loss_share=np.array([1.0, 1.5]),
        included=np.zeros(2, dtype=np.bool_),
    )

    assert np.isinf(kg).all()
