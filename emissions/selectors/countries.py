"""Three-letter codes of countries, which other tools send: FRA is the grid zone FR."""

import csv
from functools import cache
from pathlib import Path

CODES = Path(__file__).resolve().parents[1] / "data" / "country_codes.csv"


@cache
def zones_by_code() -> dict[str, str]:
    """Return the grid zone's code of each three-letter country code."""
    with CODES.open(encoding="utf-8", newline="") as file:
        return {row["code"]: row["zone"] for row in csv.DictReader(file, strict=True)}


def zone_code(code: str) -> str:
    """Return the grid zone's code of a country's three-letter code; any other code as it is."""
    bare = code.strip()
    return zones_by_code().get(bare.upper(), bare)
