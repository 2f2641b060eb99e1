"""Hours of a grid for the demo: invented, so that pages show the figure by the hour beside
that of the year. Sun at noon, wind in winter, less demand at the weekend; a day is missing.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from math import cos, pi

from emissions.models import Organisation, User
from emissions.services.factors.adopt import adopt_factor_set
from emissions.services.factors.load import Publication
from emissions.services.factors.load_jobs import run_loads, start_load

ZONE = "DE"
PRECEDENCE = 990
MEAN_G_PER_KWH = 330.0
MISSING_DAY = 77
HEADER = "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),Data source"


def seed_hours(*, organisation: Organisation, by: User, now: datetime) -> None:
    """Load and adopt the hours of this year so far, in a private set that says what it is."""
    start_load(
        organisation=organisation,
        format_name="electricity-maps-hourly",
        file_name=f"invented-hours-{now.year}.csv",
        content="\n".join([HEADER, *_rows(now)]).encode(),
        publication=Publication(
            edition=str(now.year),
            published_on=now.date(),
            name="Invented hours (demo)",
            source="Invented for the demo organisation; nothing of it was measured",
            source_url="https://example.org/invented-hours",
            licence="CC0",
        ),
        by=by,
        now=now,
    )
    run_loads(now=now)
    factor_set = organisation.factorset_set.get(name="Invented hours (demo)")
    adopt_factor_set(
        organisation=organisation, factor_set=factor_set, precedence=PRECEDENCE, by=by, now=now
    )


def _rows(now: datetime) -> Iterator[str]:
    """Yield a line for each hour of the year that is over."""
    hour = datetime.combine(date(now.year, 1, 1), datetime.min.time(), UTC)
    while hour + timedelta(hours=1) <= now:
        if hour.timetuple().tm_yday != MISSING_DAY:
            yield f"{hour:%Y-%m-%d %H:%M:%S},Nowhere,Invented,{ZONE},{_grams(hour):.1f},invented"
        hour += timedelta(hours=1)


def _grams(hour: datetime) -> float:
    day = hour.timetuple().tm_yday
    summer = -cos(2 * pi * (day - 10) / 365)
    noon = max(-cos(2 * pi * (hour.hour + 0.5) / 24), 0.0)
    wind = cos(2 * pi * day / 9.3) * cos(2 * pi * day / 31.7)
    weekend = 0.9 if hour.weekday() > 4 else 1.0
    share = 1.1 - 0.3 * noon * (1.2 + summer) / 2 - 0.05 * summer - 0.15 * wind
    return MEAN_G_PER_KWH * share * weekend
