import numpy as np
import pytest

from emissions.calculation.water import water


def test_site_and_grid_each_where_known() -> None:
    litres = water(
        energy_it_kwh=np.full(4, 100.0),
        pue=np.full(4, 1.2),
        wue_litres_per_kwh=np.array([1.8, 1.8, np.nan, np.nan]),
        grid_water_litres_per_kwh=np.array([2.0, np.nan, 2.0, np.nan]),
    )

    assert litres == pytest.approx([100 * (1.8 + 2.4), 180, 240, 0])
