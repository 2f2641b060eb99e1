"""The day in an organisation: the clock is read in views, never in services."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.utils import timezone

from emissions.models import Organisation


def local_today(organisation: Organisation) -> date:
    """Return today's date where the organisation is."""
    return timezone.now().astimezone(ZoneInfo(organisation.time_zone)).date()


def local_midnight(day: date, organisation: Organisation) -> datetime:
    """Return when a day begins where the organisation is."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(organisation.time_zone))


def start_of_year(day: date) -> date:
    """Return the first day of the year: since when new facts hold unless somebody says."""
    return day.replace(month=1, day=1)
