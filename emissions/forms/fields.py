"""Fields that several forms share."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from emissions.selectors.catalogue import Option

#: Thousands in groups: 1,082,990 or 1 082 990.5. No number of people is written 0,385 so.
GROUPED = re.compile(
    r"[+-]?[1-9]\d{0,2}(?P<mark>[, '\u00a0\u202f\u2019])\d{3}(?:(?P=mark)\d{3})*(?:\.\d+)?",
    re.ASCII,
)


NOT_PLAIN = "Give a plain number with a decimal point, such as 12.5."


def plain_number(typed: Any, *, unit: str) -> Any:
    """Return what was typed, without groups of thousands and without the control's own unit."""
    if not isinstance(typed, str):
        return typed
    text = typed.strip()
    if unit and text.lower().endswith(unit.lower()):
        text = text[: -len(unit)].rstrip()
    grouped = GROUPED.fullmatch(text)
    return text.replace(grouped["mark"], "") if grouped else text


def _control(placeholder: str = "") -> forms.TextInput:
    """Return a text control: one of numbers drops what it does not like without a word.

    In Chromium a typed 10,5 becomes 105, in Firefox nothing.
    """
    return forms.TextInput(attrs={"inputmode": "decimal", "placeholder": placeholder})


class NumberField(forms.FloatField):
    """A number with its unit inside the control; the range is the services' business."""

    def __init__(self, *, unit: str = "", placeholder: str = "", **options: Any) -> None:
        options.setdefault("required", False)
        super().__init__(widget=_control(placeholder), **options)
        self.unit = unit
        self.error_messages["invalid"] = NOT_PLAIN

    def to_python(self, value: Any) -> Any:
        """Return the number that was typed."""
        return super().to_python(plain_number(value, unit=self.unit))

    def prepare_value(self, value: Any) -> Any:
        """Show whole numbers without ".0"."""
        whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
        return int(value) if whole else value


class AmountField(forms.DecimalField):
    """An exact amount, with its unit inside the control."""

    def __init__(self, *, unit: str, **options: Any) -> None:
        super().__init__(widget=_control(), **options)
        self.unit = unit
        self.error_messages["invalid"] = NOT_PLAIN

    def to_python(self, value: Any) -> Any:
        """Return the number that was typed."""
        return super().to_python(plain_number(value, unit=self.unit))


class PercentField(NumberField):
    """A share of one, shown and typed as a percentage."""

    def __init__(self, **options: Any) -> None:
        super().__init__(unit="%", **options)

    def clean(self, value: Any) -> float | None:
        """Return the share."""
        percentage = super().clean(value)
        if percentage is not None and not 0 <= percentage <= 100:
            raise ValidationError("Give a percentage between 0 and 100.")
        return None if percentage is None else percentage / 100

    def prepare_value(self, value: Any) -> Any:
        """Show a stored share as a percentage; leave what was typed."""
        share = isinstance(value, float)
        return super().prepare_value(float(f"{value * 100:.12g}") if share else value)


SKIPPED = "The clocks went forward over this time, so it never was: give the hour after it."


class LocalDateTimeField(forms.DateTimeField):
    """A date and time as the clock on the organisation's wall shows it."""

    zone: ZoneInfo = ZoneInfo("UTC")

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, **options)
        self.error_messages["invalid"] = "Give a date and time, such as 2026-03-31 18:30."

    def to_python(self, value: Any) -> datetime | None:
        """Return an aware time; an hour that the clocks repeat means its first."""
        try:
            aware = _with_offset(value)
            if aware is not None:
                return aware
            with timezone.override(UTC):
                naive = super().to_python(value)
            if naive is None:
                return None
            meant = naive.replace(tzinfo=self.zone).astimezone(UTC)
            if meant.astimezone(self.zone).replace(tzinfo=naive.tzinfo) != naive:
                raise ValidationError(SKIPPED, code="invalid")
            return meant
        except OverflowError as error:  # Within hours of the years 1 and 9999.
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error

    def prepare_value(self, value: Any) -> Any:
        """Show a time in the organisation's zone."""
        return value.astimezone(self.zone) if isinstance(value, datetime) else value


def _with_offset(value: Any) -> datetime | None:
    try:
        parsed = parse_datetime(str(value).strip())
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed is not None and parsed.tzinfo else None


class OptionsInput(forms.TextInput):
    """A text input with suggestions to search in: a native datalist."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"autocomplete": "off", "data-options": "", **(attrs or {})})
        self.options: Sequence[Option] = ()

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """Return the input and its datalist."""
        list_id = f"{(attrs or {}).get('id', name)}_options"
        field = super().render(name, value, {**(attrs or {}), "list": list_id}, renderer)
        options = format_html_join(
            "",
            '<option value="{}">{}</option>',
            ((option.value, option.note) for option in self.options),
        )
        return format_html('{}<datalist id="{}">{}</datalist>', field, list_id, options)


class NamedField(forms.CharField):
    """What somebody names by typing: found by `find`, suggested by `similar`."""

    def __init__(self, *, noun: str, placeholder: str = "", **options: Any) -> None:
        super().__init__(
            widget=OptionsInput({"placeholder": placeholder}), max_length=200, **options
        )
        self.noun = noun
        self.find: Callable[[str], Any] = lambda text: None
        self.similar: Callable[[str], list[str]] = lambda text: []
        self.advise: Callable[[str], str] = lambda text: ""

    def clean(self, value: Any) -> Any:
        """Return what was named, or None where the field is empty."""
        text = super().clean(value)
        if not text:
            return None
        found = self.find(text)
        if found is None:
            near = ", ".join(self.similar(text))
            meant = f" Did you mean {near}?" if near else " Choose one from the list."
            advice = self.advise(text) or meant
            raise ValidationError(f"There is no {self.noun} “{text}”.{advice}")
        return found


def number(
    label: str, *, unit: str = "", least: float = 0, most: float | None = None, **options: Any
) -> NumberField:
    """Return a field for an amount between two bounds."""
    return NumberField(label=label, unit=unit, min_value=least, max_value=most, **options)


def suggest(
    field: forms.Field,
    *,
    find: Callable[[str], Any],
    options: list[Option],
    similar: Callable[[str], list[str]] | None = None,
) -> None:
    """Tell a `NamedField` what can be named."""
    assert isinstance(field, NamedField)
    field.find = find
    if similar is not None:
        field.similar = similar
    field.widget.options = options


def of_kind(found: object, kind: type[Any]) -> Any:
    """Return what was found if it is of the kind asked for."""
    return found if isinstance(found, kind) else None
