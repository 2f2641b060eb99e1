"""The published results in worked_examples.csv, as rows that every entrance can be tested with."""

import csv
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("worked_examples.csv")
SCOPES = {
    "full chain (hours x W x PUE x CI)": "full_chain",
    "kWh x CI only (hours/watts not usable)": "energy",
    "embodied amortisation": "embodied",
    "sum of components": "sum",
}

HALF_A_DIGIT = 0.005
"""The file gives differences to 0.01 %. [%]"""


def _number(text: str) -> float | None:
    return float(text) if text else None


@dataclass(frozen=True)
class WorkedExample:
    """One published result; a machine's total power makes the machine the device."""

    id: str
    check: str
    hardware: str
    device_count: float | None
    duration_hours: float | None
    device_hours: float | None
    power_watts: float | None
    pue: float | None
    grid_g_per_kwh: float | None
    energy_kwh: float | None
    published_kg: float
    tolerance: float

    @classmethod
    def of(cls, row: dict[str, str]) -> "WorkedExample":
        machine = row["watts_basis"] == "machine total"
        check = SCOPES[row["check_scope"]]
        return cls(
            id=row["id"],
            check=check,
            hardware=row["hardware"],
            device_count=1.0 if machine else _number(row["count"]),
            duration_hours=_number(row["hours"]),
            device_hours=None if machine else _number(row["device_hours"]),
            power_watts=_number(row["watts"]),
            pue=_number(row["pue"]),
            grid_g_per_kwh=_number(row["gco2e_per_kwh"]),
            energy_kwh=_number(row["published_kwh"]) if check == "energy" else None,
            published_kg=float(row["published_kgco2e"]),
            tolerance=max(0.005, (abs(float(row["diff_kg_pct"])) + HALF_A_DIGIT) / 100),
        )


with FILE.open(encoding="utf-8", newline="") as file:
    WORKED_EXAMPLES = [WorkedExample.of(row) for row in csv.DictReader(file)]

FULL_CHAINS = [one for one in WORKED_EXAMPLES if one.check == "full_chain"]
BY_ID = {one.id: one for one in WORKED_EXAMPLES}

BLOOM_LIFE_YEARS = 6.0
BLOOM_EXPECTED_UTILISATION = 0.85
BLOOM_DEVICE_HOURS = 1_082_990.0
BLOOM_EMBODIED_KG_PER_DEVICE = {
    "bloom-embodied-gpu": 150.0,
    "bloom-embodied-server": 2500.0 / 8,
}
BLOOM_PARTS = ["bloom-dynamic", "bloom-idle", "bloom-embodied-gpu", "bloom-embodied-server"]
