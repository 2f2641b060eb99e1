"""Filters and tags of every page: quantities, changes, dates, navigation, forms."""

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms, template
from django.core.paginator import Page
from django.template.context import Context
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from emissions.calculation import vocabulary
from emissions.calculation.vocabulary import Basis, Fit, RunStatus
from emissions.charts import numbers

register = template.Library()

MISSING = format_html(
    '<span class="missing" title="{}"><span aria-hidden="true">—</span>'
    '<span class="visually-hidden">{}</span></span>',
    "Unknown",
    "unknown",
)
ADDRESS = re.compile(r"https?://(?:www\.)?([^/\s;,]+)[^\s;,]*")
ARROWS = {"up": "▲", "down": "▼", "same": ""}


def known(value: object) -> bool:
    """Whether there is a value at all: zero is one, an empty text is not."""
    return value is not None and value != ""


@register.filter
def or_unknown(value: object) -> object:
    """Return the value, or a dash that says "unknown"."""
    return value if known(value) else MISSING


@register.filter
def kg(value: numbers.Number | None, unit: str | None = None) -> str:
    """`{{ run.location_based_kg|kg }}` → 12.3 t; `|kg:"t"` keeps to a unit."""
    return numbers.mass_text(value, unit) if value is not None else MISSING


@register.filter
def kg_in(value: numbers.Number | None, unit: str) -> str:
    """The figure alone, for a table whose heading names the unit."""
    return kg(value, unit).rpartition(numbers.NO_BREAK_SPACE)[0] if value is not None else MISSING


@register.filter
def co2e(value: numbers.Number | None, unit: str | None = None) -> str:
    """`{{ value|co2e }}` → 12.3 t CO₂e."""
    if value is None:
        return MISSING
    return f"{numbers.mass_text(value, unit)}{numbers.NO_BREAK_SPACE}CO₂e"


@register.filter
def signed_co2e(value: numbers.Number | None) -> str:
    """`{{ since|signed_co2e }}` → +12 t CO₂e: a difference, with the fewest digits."""
    if value is None:
        return MISSING
    text = numbers.rounded_text(value, numbers.MASS, 2)
    return f"{'+' if value > 0 else ''}{text}{numbers.NO_BREAK_SPACE}CO₂e"


@register.filter
def kwh(value: numbers.Number | None, unit: str | None = None) -> str:
    """`{{ run.energy_kwh|kwh }}` → 12.3 MWh."""
    return numbers.energy_text(value, unit) if value is not None else MISSING


@register.filter
def g_per_kwh(value: numbers.Number | None) -> str:
    """`{{ factor.g_per_kwh|g_per_kwh }}` → 21.4 g/kWh."""
    if value is None:
        return MISSING
    return f"{numbers.number_text(value)}{numbers.NO_BREAK_SPACE}g/kWh"


@register.filter
def hours(value: numbers.Number | None) -> str:
    """`{{ run.duration_hours|hours }}` → 12.5 h."""
    return numbers.hours_text(value) if value is not None else MISSING


@register.filter
def number(value: numbers.Number | None, decimals: int | None = None) -> str:
    """`{{ 1234|number }}` → 1,234. Whole numbers keep all their digits."""
    if value is None:
        return MISSING
    shown = 0 if isinstance(value, int) and decimals is None else decimals
    return numbers.number_text(value, shown)


@register.filter
def percent(value: numbers.Number | None) -> str:
    """`{{ 0.123|percent }}` → 12.3%."""
    return numbers.percent_text(value) if value is not None else MISSING


@register.filter
def share(value: numbers.Number | None) -> str:
    """`{{ 0.3|share }}` → 30.0%: a row of a column."""
    return numbers.share_text(value) if value is not None else MISSING


@register.filter
def change(current: numbers.Number | None, previous: numbers.Number | None) -> str:
    """`{{ now|change:before }}` → ▲ +12%, where less is better; words for a screen reader."""
    return _change_html(current, previous, better="down")


@register.filter
def moved(found: numbers.Moved | str | None) -> str:
    """`{{ page.moved.location_based_kg|moved }}`: the same, with the interval of the difference.

    What may as well be none has no arrow and is neither better nor worse. Where nothing is
    compared, it is nothing.
    """
    if isinstance(found, str):
        return ""
    if found is None:
        return MISSING
    if not found.clear:
        return format_html(
            '<span class="change">{}</span> <span>(no clear change)</span>', found.change.text
        )
    tone = {"up": "change-worse", "down": "change-better"}.get(found.change.direction, "")
    arrow = _arrow_html(found.change, tone)
    return format_html("{} <span>({})</span>", arrow, found.range) if found.range else arrow


@register.filter
def change_up_good(current: numbers.Number | None, previous: numbers.Number | None) -> str:
    """Like `change`, for a figure of which more is better (metered energy explained)."""
    return _change_html(current, previous, better="up")


@register.filter
def change_neutral(current: numbers.Number | None, previous: numbers.Number | None) -> str:
    """Like `change`, for a figure that is neither better nor worse (number of runs)."""
    return _change_html(current, previous, better="")


def _change_html(
    current: numbers.Number | None, previous: numbers.Number | None, better: str
) -> SafeString:
    if current is None or previous is None:
        return MISSING
    found = numbers.change(current, previous)
    tone = ""
    if better and found.direction != "same":
        tone = "change-better" if found.direction == better else "change-worse"
    return _arrow_html(found, tone)


def _arrow_html(found: numbers.Change, tone: str) -> SafeString:
    return format_html(
        '<span class="change {}"><span aria-hidden="true">{} {}</span>'
        '<span class="visually-hidden">{}</span></span>',
        tone,
        ARROWS[found.direction],
        found.text,
        found.words,
    )


@register.filter
def quantity(text: str) -> SafeString:
    """Set a text's unit (what follows its first no-break space) smaller than its figure."""
    if isinstance(text, SafeString) and "<" in text:
        return text
    figure, _, unit = str(text).partition(numbers.NO_BREAK_SPACE)
    if not unit:
        return format_html("{}", figure)
    return format_html('{}<span class="unit">{}{}</span>', figure, numbers.NO_BREAK_SPACE, unit)


@register.filter
def day(value: date | datetime | None, zone: str | ZoneInfo | None = None) -> str:
    """`{{ run.started_at|day:organisation.time_zone }}` → 3 Oct 2025."""
    return date_format(_local(value, zone), "j M Y") if value else MISSING


@register.filter
def moment(value: datetime | None, zone: str | ZoneInfo | None = None) -> str:
    """`{{ run.started_at|moment:organisation.time_zone }}` → 3 Oct 2025, 14:05."""
    return date_format(_local(value, zone), "j M Y, H:i") if value else MISSING


@register.simple_tag
def from_until(start: datetime, end: datetime, zone: str | ZoneInfo) -> str:
    """`{% from_until run.started_at run.ended_at organisation.time_zone %}`: a day once."""
    same_day = day(start, zone) == day(end, zone)
    last = date_format(_local(end, zone), "H:i") if same_day else moment(end, zone)
    return f"{moment(start, zone)}{'–' if same_day else ' – '}{last}"


@register.simple_tag
def days(starts_on: date, ends_before: date) -> str:
    """`{% days reading.starts_on reading.ends_before %}`: Oct 2026, or 3 Oct 2026 – 9 Nov 2026."""
    last = ends_before - timedelta(days=1)
    if starts_on.day == 1 and ends_before == (starts_on + timedelta(days=31)).replace(day=1):
        return month(starts_on)
    return f"{day(starts_on)} – {day(last)}" if last > starts_on else day(starts_on)


@register.filter
def month(value: date | None) -> str:
    """`{{ total.month|month }}` → Oct 2025."""
    return date_format(value, "M Y") if value else MISSING


def _local(value: date | datetime, zone: str | ZoneInfo | None) -> date | datetime:
    if not isinstance(value, datetime) or timezone.is_naive(value):
        return value
    return timezone.localtime(value, ZoneInfo(str(zone)) if zone else None)


@register.filter
def sections(form: forms.BaseForm) -> list[dict[str, Any]]:
    """Split a form's visible fields as its `fieldsets` say.

    `fieldsets` is a list of (title, [field names]); what it does not name comes last,
    untitled. A title that starts with "Advanced" is folded away until it has an error.
    """
    placed: set[str] = set()
    found = []
    for title, names in getattr(form, "fieldsets", []):
        fields = [form[name] for name in names if name in form.fields]
        placed.update(names)
        if fields:
            found.append(_section(title, fields))
    rest = [field for field in form.visible_fields() if field.name not in placed]
    return [*found, _section("", rest)] if rest else found


def _section(title: str, fields: list[forms.BoundField]) -> dict[str, Any]:
    return {
        "title": title,
        "fields": fields,
        "advanced": title.startswith("Advanced"),
        "has_errors": any(field.errors for field in fields),
    }


@register.filter
def hosts(text: str) -> SafeString:
    """Name each address in a text by its host, and link it."""
    found, at = [], 0
    for address in ADDRESS.finditer(text):
        link = '{}<a href="{}" rel="noreferrer">{}</a>'
        found.append(format_html(link, text[at : address.start()], address[0], address[1]))
        at = address.end()
    return format_html_join("", "{}", ((part,) for part in [*found, text[at:]]))


@register.filter
def control(field: forms.BoundField) -> str:
    """Name the way a field is laid out: check, group (radios, checkboxes) or plain."""
    if isinstance(field.field.widget, forms.CheckboxInput):
        return "check"
    return "group" if field.use_fieldset else "plain"


TONES = {
    ("Basis", "DEVICE_COUNTER"): "good",
    ("Basis", "SITE_METER"): "good",
    ("Basis", "ESTIMATED"): "warn",
    ("Basis", "DEFAULT"): "bad",
    ("Fit", "STATED"): "good",
    ("Fit", "SITE"): "good",
    ("Fit", "ZONE_MONTH"): "good",
    ("Fit", "ZONE_YEAR"): "good",
    ("Fit", "PARENT_YEAR"): "warn",
    ("Fit", "ZONE_EARLIER_YEAR"): "warn",
    ("Fit", "PARENT_EARLIER_YEAR"): "warn",
    ("Fit", "WORLD"): "bad",
    ("Fit", "NONE"): "bad",
    ("RunStatus", "RUNNING"): "info",
    ("RunStatus", "COMPLETED"): "good",
    ("RunStatus", "FAILED"): "bad",
    ("RunStatus", "CANCELLED"): "",
}


@register.filter
def tone(value: object) -> str:
    """Name the tone of a badge: that of a Basis, Fit or RunStatus, or the text itself."""
    for kind in (Basis, Fit, RunStatus):
        if isinstance(value, kind):
            return TONES[type(value).__name__, value.name]
    return value if isinstance(value, str) else ""


@register.filter
def as_member(value: Any, enumeration: str) -> Any:
    """`{{ run.status|as_member:"RunStatus" }}`: a stored value as the field's own word."""
    return getattr(vocabulary, enumeration)(value)


@register.filter
def page_numbers(page: Page) -> list[int | None]:
    """The numbers a pagination shows; None stands for what it leaves out."""
    shown = page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    return [number if isinstance(number, int) else None for number in shown]


@register.inclusion_tag("components/nav_link.html", takes_context=True)
def nav_link(context: Context, url_name: str, label: str, icon: str) -> dict[str, Any]:
    """A link of the main navigation; nothing where its page does not exist (yet)."""
    organisation = context.get("organisation")
    request = context.get("request")
    arguments = {"organisation_slug": organisation.slug} if organisation else {}
    try:
        url = reverse(url_name, kwargs=arguments)
    except NoReverseMatch:
        try:
            url = reverse(url_name)
        except NoReverseMatch:
            return {"url": ""}
    path = request.path if request else ""
    current = path == url or (url_name != "organisation" and path.startswith(url))
    return {"url": url, "label": label, "icon": icon, "current": current}


@register.simple_tag(takes_context=True)
def hidden_query(context: Context, *without: str) -> SafeString:
    """Hidden inputs that carry the address's other parameters through a GET form."""
    request = getattr(context, "request", None) or context.get("request")
    pairs: Iterable[tuple[str, str]] = (
        (name, value)
        for name, values in (request.GET.lists() if request else ())
        for value in values
        if name not in (*without, "page")
    )
    return format_html_join("", '<input type="hidden" name="{}" value="{}">', pairs)
