"""The components in all their states, routed in development only: where they are designed."""

from datetime import date
from types import SimpleNamespace
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from emissions.calculation.vocabulary import Basis, Fit, RunStatus, Stage
from emissions.charts.cards import Bar, Range, SeriesPoint
from emissions.charts.figures import by_month, ranked

MONTHS = [date(2024 + (9 + n) // 12, (9 + n) % 12 + 1, 1) for n in range(12)]
TEAMS = {
    "Language": (8.2, 0.5),
    "Vision": (5.1, -0.1),
    "Robotics": (3.9, 0.2),
    "Speech": (2.6, 0.1),
    "Weather": (1.9, 0.15),
    "Protein design": (1.2, 0.05),
    "Retrieval": (0.7, 0.02),
    "Safety": (0.4, 0.01),
}


class ExampleForm(forms.Form):
    """A form with every kind of control."""

    name = forms.CharField(label="What was trained", help_text="As you would tell a colleague.")
    stage = forms.ChoiceField(label="Life-cycle stage", choices=[(s, s.label) for s in Stage])
    device_count = forms.IntegerField(label="Devices", min_value=1, initial=8)
    hours = forms.FloatField(label="Duration", min_value=0, help_text="Wall-clock time.")
    starts = forms.DateTimeField(
        label="Started", widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    power = forms.FloatField(label="Average power", required=False)
    status = forms.ChoiceField(
        label="How it ended",
        choices=[(s, s.label) for s in RunStatus],
        widget=forms.RadioSelect,
        initial=RunStatus.COMPLETED,
    )
    measured = forms.BooleanField(
        label="The energy was measured", required=False, help_text="By the device's own counter."
    )
    notes = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    upload = forms.FileField(label="Log file", required=False)

    fieldsets = [
        ("The run", ["name", "stage", "starts", "hours", "device_count", "power", "status"]),
        ("Advanced", ["measured", "notes", "upload"]),
    ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["hours"].unit = "hours"  # type: ignore[attr-defined]
        self.fields["power"].unit = "W / device"  # type: ignore[attr-defined]
        self.fields["status"].wide = True  # type: ignore[attr-defined]


def components(request: HttpRequest) -> HttpResponse:
    """Show every component in each of its states."""
    messages.success(request, "The run “ViT-L, third sweep” was saved.")
    messages.warning(request, "Two runs have no project: they count for the organisation only.")
    messages.error(request, "The file could not be read: row 12 has no start time.")
    return render(request, "components/page.html", _context())


def _context() -> dict[str, Any]:
    organisation = SimpleNamespace(name="Northern AI Institute", slug="northern-ai")
    return {
        "organisation": organisation,
        "organisations": [organisation, SimpleNamespace(name="Harbour Labs", slug="harbour")],
        **_figures(),
        **_navigation(),
        "form": ExampleForm(),
        "bound_form": ExampleForm({"name": "", "hours": "-3", "device_count": "8"}),
        "bases": list(Basis),
        "fits": list(Fit),
        "statuses": list(RunStatus),
        "steps": _steps(),
        "page_of_runs": Paginator(range(20_431), 50).get_page(7),
    }


def _figures() -> dict[str, Any]:
    season = [1.0, 0.9, 1.05, 1.2, 0.95, 1.1, 1.25, 1.15, 0.85, 0.8, 1.3, 1.4]
    points = [
        SeriesPoint(month, team, round((base + step * n) * season[n], 2))
        for team, (base, step) in TEAMS.items()
        for n, month in enumerate(MONTHS)
    ]
    urls = {team: f"?team={team.lower().replace(' ', '-')}" for team in TEAMS}
    return {
        "month_card": by_month(
            points,
            id="by-team",
            title="Emissions by team",
            unit="t CO₂e",
            urls=urls,
            comparison=[21 * s for s in season],
            comparison_label="Year before",
            ranges=[
                _around(sum(one.value or 0 for one in points if one.month == m)) for m in MONTHS
            ],
            whole=_around(sum(one.value or 0 for one in points)),
            closed=MONTHS[:3],
            note="Location-based, losses and upstream included. Data as of 3 Oct 2025.",
        ),
        "ranked_card": ranked(
            [
                Bar(
                    team,
                    round(base * 12 + step * 66, 1),
                    urls[team],
                    _around(base * 12 + step * 66),
                )
                for team, (base, step) in TEAMS.items()
            ],
            id="ranked",
            title="Where it comes from",
            unit="t CO₂e",
            noun="Team",
        ),
        "empty_card": ranked([], id="nothing", title="By hardware", unit="t CO₂e"),
    }


def _around(value: float) -> Range:
    return Range(value * 0.82, value * 1.15)


def _navigation() -> dict[str, Any]:
    return {
        "period": {
            "label": "Jul–Sep 2025",
            "value": "2025-Q3",
            "starts_on": date(2025, 7, 1),
            "last_day": date(2025, 9, 30),
            "choices": [
                {"label": "This quarter", "value": "2025-Q4"},
                {"label": "Jul–Sep 2025", "value": "2025-Q3"},
                {"label": "Last 12 months", "value": "last-12-months"},
                {"label": "2025", "value": "2025"},
                {"label": "2024", "value": "2024"},
            ],
        },
        "comparison": {
            "label": "Apr–Jun 2025",
            "value": "previous",
            "choices": [
                {"label": "The period before", "value": "previous"},
                {"label": "The same period last year", "value": "last-year"},
                {"label": "No comparison", "value": ""},
            ],
        },
        "methods": [
            {"label": "Location-based", "url": "?method=location", "current": True},
            {"label": "Market-based", "url": "?method=market", "current": False},
        ],
        "chips": [
            {"label": "Team: Vision", "url": "?"},
            {"label": "Hardware: NVIDIA H100 SXM", "url": "?"},
        ],
        "tabs": [
            {"label": "Overview", "url": "#", "current": True, "count": None},
            {"label": "Runs", "url": "#", "current": False, "count": 20431},
            {"label": "Projects", "url": "#", "current": False, "count": 5},
            {"label": "Hardware", "url": "#", "current": False, "count": None},
        ],
        "crumbs": [
            {"label": "Northern AI Institute", "url": "#"},
            {"label": "Vision", "url": "#"},
            {"label": "ViT-L, third sweep", "url": ""},
        ],
    }


def _steps() -> list[dict[str, Any]]:
    return [
        {
            "label": "Energy of the devices",
            "result": "41.2\u00a0kWh",
            "formula": "devices × hours × average power",
            "values": "8 × 12.5 h × 412 W",
            "badges": [{"label": "Device counter", "tone": "good", "title": ""}],
        },
        {
            "label": "Energy at the meter",
            "result": "49.4\u00a0kWh",
            "formula": "energy of the devices × PUE of the site",
            "values": "41.2 kWh × 1.20",
            "badges": [{"label": "Default", "tone": "bad", "title": "The site states no PUE"}],
            "note": "The site has not stated its PUE for 2025, so the default of 1.20 was taken.",
        },
        {
            "label": "Location-based emissions",
            "result": "1.04\u00a0kg",
            "formula": "energy at the meter × emission factor of the grid zone",
            "values": "49.4 kWh × 21 g/kWh",
            "badges": [{"label": "Zone and year", "tone": "good", "title": ""}],
            "source": "Sweden 2024, direct emissions: Ember, Yearly electricity data",
            "source_url": "https://ember-energy.org/",
            "total": True,
        },
    ]
