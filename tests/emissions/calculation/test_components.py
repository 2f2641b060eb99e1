import numpy as np
import pytest

from emissions.calculation.components import counted_throughout


@pytest.mark.parametrize(
    ("gpu", "cpu", "memory", "cpu_counted", "expected"),
    [
        (1.0, 0.0, 0.0, False, True),
        (0.95, 0.05, 0.0, False, True),
        (0.9, 0.1, 0.0, False, False),
        (0.9, 0.1, 0.0, True, True),
        (0.9, 0.0, 0.1, True, False),
        (0.92, 0.04, 0.04, False, True),
        (0.0, 0.0, 0.0, True, False),
    ],
)
def test_what_is_modelled_decides_only_where_it_matters(gpu, cpu, memory, cpu_counted, expected):
    found = counted_throughout(
        gpu_kwh=np.array([gpu]),
        cpu_kwh=np.array([cpu]),
        memory_kwh=np.array([memory]),
        cpu_counted=np.array([cpu_counted]),
    )
    assert found.tolist() == [expected]
