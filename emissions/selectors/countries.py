"""Three-letter codes of countries, which other tools send: FRA is the grid zone FR."""

import csv
from functools import cache
from pathlib import Path

#: What people call places that our names of zones call otherwise, without case and dots.
OTHER_NAMES = {
    **dict.fromkeys(
        ("uk", "great britain", "britain", "england", "scotland", "wales", "northern ireland"), "GB"
    ),
    **dict.fromkeys(("us", "united states of america", "america"), "US"),
    **dict.fromkeys(("korea", "republic of korea", "korea, republic of"), "KR"),
    **dict.fromkeys(("the netherlands", "holland"), "NL"),
    **dict.fromkeys(("global", "worldwide"), "WORLD"),
    "czech republic": "CZ",
    "deutschland": "DE",
    "ivory coast": "CI",
    "québec": "CA-QC",
    "russian federation": "RU",
    "turkey": "TR",
    "turkiye": "TR",
    "uae": "AE",
    "viet nam": "VN",
}
CODES = Path(__file__).resolve().parents[1] / "data" / "country_codes.csv"


@cache
def zones_by_code() -> dict[str, str]:
    """Return the grid zone's code of each three-letter country code."""
    with CODES.open(encoding="utf-8", newline="") as file:
        return {row["code"]: row["zone"] for row in csv.DictReader(file, strict=True)}


def zone_code(code: str) -> str:
    """Return the grid zone's code of a country's three-letter code or other name, else the text."""
    bare = code.strip()
    plain = bare.replace(".", "")
    return OTHER_NAMES.get(plain.casefold()) or zones_by_code().get(plain.upper(), bare)
