"""Bodies as CodeCarbon's clients send them, recorded from 3.3.2 and made from 2.8's schema."""

from typing import Any
from uuid import UUID

RUN_3: dict[str, Any] = {
    "timestamp": "2026-06-23T08:26:32.474474+00:00",
    "experiment_id": "5b0fa12a-3dd7-45bb-9766-cc326314d9f1",
    "os": "Linux-6.1.0-x86_64-with-glibc2.36",
    "python_version": "3.11.7",
    "codecarbon_version": "3.3.2",
    "cpu_count": 2,
    "cpu_model": "Intel(R) Xeon(R) Processor",
    "gpu_count": 8,
    "gpu_model": "8 x NVIDIA H100",
    "longitude": 2.4,
    "latitude": 48.9,
    "region": None,
    "provider": None,
    "ram_total_size": 23.54,
    "tracking_mode": "machine",
}

POST_3: dict[str, Any] = {
    "timestamp": "2026-06-23T08:28:32.474474+00:00",
    "duration": 2,
    "emissions_sum": 1.4513e-06,
    "emissions_rate": 7.206e-07,
    "cpu_power": 15.2,
    "gpu_power": 0.0,
    "ram_power": 24.0,
    "cpu_energy": 1.256e-05,
    "gpu_energy": 0.0,
    "ram_energy": 1.333e-05,
    "energy_consumed": 2.590e-05,
    "cpu_utilization_percent": 0.0,
    "gpu_utilization_percent": 0,
    "ram_utilization_percent": 2.5,
    "wue": 1.8,
}
#: Absent before 3.2.8.
SINCE_3_2_8 = (
    "cpu_utilization_percent", "gpu_utilization_percent", "ram_utilization_percent", "wue",
)  # fmt: skip

TOTAL_3: dict[str, Any] = {
    "timestamp": "2026-06-23T10:28:32",
    "project_name": "vision",
    "run_id": "0f8e9c1e-8c0a-4b1c-9d0e-0c6c2a1b7f10",
    "experiment_id": "5b0fa12a-3dd7-45bb-9766-cc326314d9f1",
    "duration": 10.5,
    "emissions": 0.001,
    "emissions_rate": 9.5e-05,
    "cpu_power": 42.5,
    "gpu_power": 0.0,
    "ram_power": 10.0,
    "cpu_energy": 0.002,
    "gpu_energy": 0.0,
    "ram_energy": 0.001,
    "energy_consumed": 0.003,
    "water_consumed": 0.0,
    "country_name": "France",
    "country_iso_code": "FRA",
    "region": "ile-de-france",
    "cloud_provider": "",
    "cloud_region": "",
    "os": "Linux-6.1.0-x86_64-with-glibc2.36",
    "python_version": "3.11.7",
    "codecarbon_version": "3.3.2",
    "cpu_count": 2,
    "cpu_model": "Intel(R) Xeon(R) Processor",
    "gpu_count": 0,
    "gpu_model": "",
    "longitude": 2.4,
    "latitude": 48.9,
    "ram_total_size": 23.54,
    "tracking_mode": "machine",
    "cpu_utilization_percent": 0.0,
    "gpu_utilization_percent": 0.0,
    "ram_utilization_percent": 2.5,
    "ram_used_gb": 1.0,
    "on_cloud": "N",
    "pue": 1,
    "wue": 0,
    "user": "somebody",
}


def post_3(run_id: str, **changes: Any) -> dict[str, Any]:
    """Return what 3.3.2 posts for a run."""
    return {**POST_3, "run_id": run_id, **changes}


def post_2(run_id: str, **changes: Any) -> dict[str, Any]:
    """Return what 2.8 posts for a run."""
    return {
        name: value for name, value in post_3(run_id, **changes).items() if name not in SINCE_3_2_8
    }


def run_2(experiment_id: UUID) -> dict[str, Any]:
    """Return how a tracker of 2.8 begins: without a place where geolocation failed."""
    unknown = {"longitude": None, "latitude": None, "gpu_count": None, "gpu_model": None}
    return {
        **RUN_3, **unknown, "codecarbon_version": "2.8.4", "experiment_id": str(experiment_id)
    }  # fmt: skip
