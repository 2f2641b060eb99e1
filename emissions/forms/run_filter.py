"""What the address of a list of runs says: filters in, chips and hidden fields out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import QueryDict

from emissions.calculation.vocabulary import RunStatus, SourceKind, Stage
from emissions.models import CloudRegion, Organisation, Team
from emissions.selectors.periods import CUSTOM, InvalidPeriod, parse_value
from emissions.selectors.runs import DIFFERS, FAILED, PENDING, Choices, RunFilters


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that holds; `url` is the address without it."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Menu:
    """One filter: its name in the address, its words, what it offers and what is chosen."""

    name: str
    label: str
    every: str
    options: Sequence[tuple[str, str]]
    chosen: Sequence[str]


NONE = "none"
CALCULATION = [
    (PENDING, "Waiting to be calculated"),
    (FAILED, "Could not be calculated"),
    (DIFFERS, "Differs from reported"),
]


class RunFilterForm:
    """The filters of an address. What it does not understand narrows nothing."""

    def __init__(
        self, query: QueryDict, *, organisation: Organisation, choices: Choices, today: date
    ) -> None:
        self.query = query
        self.organisation = organisation
        self.search = query.get("q", "").replace("\x00", "").strip()[:200]
        self.menus = [
            self._menu("project", "Project", "All projects", choices.projects, "No project"),
            self._menu("team", "Team", "All teams", choices.teams),
            self._menu("stage", "Stage", "All stages", _words(Stage)),
            self._menu("status", "Status", "Any status", _words(RunStatus)),
            self._menu("site", "Site", "All sites", choices.sites, "Place not stated"),
            self._menu("hardware", "Hardware", "All hardware", choices.hardware, "Not stated"),
            self._menu("source", "Source", "All sources", _words(SourceKind)),
            self._menu("calculation", "Calculation", "Calculated or not", CALCULATION),
        ]
        self.starts_on, self.last_day = _period(query, today)

    def _menu(
        self, name: str, label: str, every: str, options: list[tuple[str, str]], none: str = ""
    ) -> Menu:
        options = [*options, (NONE, none)] if none else options
        offered = {value for value, _ in options}
        chosen = [value for value in self.query.getlist(name) if value in offered]
        return Menu(name, label, every, options, chosen)

    def _chosen(self, name: str) -> Sequence[str]:
        return next(menu.chosen for menu in self.menus if menu.name == name)

    @property
    def filters(self) -> RunFilters:
        """What the list is narrowed to."""
        own = self.organisation
        team, calculation = self._chosen("team"), self._chosen("calculation")
        sites = self._chosen("site")
        regions = [name.partition(":") for name in sites if ":" in name]
        return RunFilters(
            search=self.search,
            projects=self._ids("project", own.projects.filter(slug__in=self._chosen("project"))),
            team=Team.objects.filter(organisation=own, slug=team[0]).first() if team else None,
            stages=self._chosen("stage"),
            statuses=self._chosen("status"),
            sites=self._ids("site", own.sites.filter(slug__in=sites)),
            regions=[
                region.pk
                for provider, _, name in regions
                for region in CloudRegion.objects.filter(provider=provider, region=name)
            ],
            hardware=[None if pk == NONE else int(pk) for pk in self._chosen("hardware")],
            sources=self._chosen("source"),
            calculation=calculation[0] if calculation else "",
            starts_on=self.starts_on,
            last_day=self.last_day,
        )

    def _ids(self, name: str, rows: Any) -> list[int | None]:
        found: list[int | None] = list(rows.order_by("pk").values_list("pk", flat=True))
        chosen = self._chosen(name)
        if name == "project":  # Without a project there is no team.
            chosen = [*chosen, *self._chosen("team")]
        return [*found, None] if NONE in chosen else found

    @property
    def chips(self) -> list[Chip]:
        """The filters that hold, each with the address without it."""
        chips = [Chip(f"“{self.search}”", self._without("q"))] if self.search else []
        for menu in self.menus:
            words = dict(menu.options)
            chips += [
                Chip(f"{menu.label}: {words[value]}", self._without(menu.name, value))
                for value in menu.chosen
            ]
        if self.starts_on or self.last_day:
            first = f"{self.starts_on:%-d %b %Y}" if self.starts_on else "the beginning"
            last = f"{self.last_day:%-d %b %Y}" if self.last_day else "today"
            chips.append(Chip(f"Started: {first} to {last}", self._without("period", "from", "to")))
        return chips

    def _without(self, name: str, *more: str) -> str:
        """Return the address without a value of a filter, or without whole filters."""
        query = self.query.copy()
        query.pop("page", None)
        if name == "period":
            for one in (name, *more):
                query.pop(one, None)
        elif more:
            query.setlist(name, [value for value in query.getlist(name) if value not in more])
        else:
            query.pop(name, None)
        return f"?{query.urlencode()}"


def _words(vocabulary: Any) -> list[tuple[str, str]]:
    return [(member.value, member.label) for member in vocabulary]


def _period(query: Mapping[str, str], today: date) -> tuple[date | None, date | None]:
    value = query.get("period") or CUSTOM
    if value != CUSTOM:
        try:
            period = parse_value(value, today=today)
        except InvalidPeriod:
            return None, None
        return period.starts_on, period.last_day
    return _day(query.get("from", "")), _day(query.get("to", ""))


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 <= found.year < 2200 else None
