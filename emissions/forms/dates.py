"""The day from which something holds, as forms ask for it."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)


class DayField(forms.DateField):
    """A calendar day of this century."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateInput(
            attrs={"type": "date", "min": EARLIEST.isoformat(), "max": LATEST.isoformat()},
            format="%Y-%m-%d",
        )
        super().__init__(widget=widget, **options)
        self.error_messages["invalid"] = "Give a day, such as 2026-03-31."

    def validate(self, value: date | None) -> None:
        """Refuse days that are slips of the keyboard."""
        super().validate(value)
        if value is not None and not EARLIEST <= value <= LATEST:
            raise ValidationError(f"Give a day between {EARLIEST.year} and {LATEST.year}.")
