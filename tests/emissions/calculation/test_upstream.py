import numpy as np

from emissions.calculation.upstream import upstream


def test_upstream_unless_included_or_unknown() -> None:
    kg = upstream(
        energy_kwh=np.full(3, 1000.0),
        factor_g_per_kwh=np.array([46.25, 46.25, np.nan]),
        included=np.array([False, True, False]),
    )

    assert kg.tolist() == [46.25, 0.0, 0.0]
