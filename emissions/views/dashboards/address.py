"""What a dashboard's address says: period, comparison, method, structure and filters."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone

from emissions.models import Organisation
from emissions.selectors import narrowing, periods
from emissions.selectors.narrowing import Chosen, Dimension
from emissions.selectors.periods import Choice, Comparison, InvalidPeriod, Period
from emissions.selectors.totals import Filters, Structure

#: What goes along when a link leads to another dashboard.
CARRIED = ("period", "from", "to", "compare", "method", "structure")


class Method(StrEnum):
    """Which of the two results of the Scope 2 Guidance figures show."""

    LOCATION = "location"
    MARKET = "market"

    @property
    def words(self) -> str:
        """The method's name in a sentence."""
        return f"{self.value}-based"

    @property
    def column(self) -> str:
        """The quantity of `Totals` that it names."""
        return f"{self.value}_based_kg"


@dataclass(frozen=True)
class Link:
    """A choice with the address that makes it."""

    label: str
    url: str
    current: bool = False


@dataclass(frozen=True)
class PeriodMenu:
    """What components/period.html shows."""

    label: str
    value: str
    starts_on: date
    last_day: date
    choices: list[Choice]


def period_menu(*, period: Period, today: date) -> PeriodMenu:
    """Return a period with the choices that its menu offers."""
    return PeriodMenu(
        label=period.label,
        value=period.value,
        starts_on=period.starts_on,
        last_day=period.last_day,
        choices=periods.period_choices(today=today),
    )


class Address:
    """One request's address, understood."""

    def __init__(
        self, request: HttpRequest, organisation: Organisation, own: tuple[str, ...] = ()
    ) -> None:
        self.own = own
        self.organisation = organisation
        self.params: QueryDict = request.GET
        self.path = request.path
        self.today = timezone.localdate(timezone=ZoneInfo(organisation.time_zone))
        self.problem = ""
        single = self.params.dict()
        try:
            self.period: Period = periods.parse_period(single, today=self.today)
        except InvalidPeriod:
            self.period = periods.parse_period({}, today=self.today)
            self.problem = (
                "The address names no period that Tonne knows; these are the last 12 months."
            )
        self.comparison: Comparison = periods.parse_comparison(
            single, period=self.period, today=self.today
        )
        self.method = Method.MARKET if single.get("method") == Method.MARKET else Method.LOCATION
        today = single.get("structure") == Structure.TODAY
        self.structure = Structure.TODAY if today else Structure.AS_IT_WAS

    @property
    def unfinished(self) -> bool:
        """Whether the period goes on."""
        return self.period.open_on(self.today)

    @property
    def period_menu(self) -> PeriodMenu:
        """The period with its choices."""
        return period_menu(period=self.period, today=self.today)

    @cached_property
    def dimensions(self) -> list[Dimension]:
        """All that figures can be narrowed to; not by what the page itself stands for."""
        found = narrowing.dimensions(organisation=self.organisation)
        return [one for one in found if one.name not in self.own]

    @cached_property
    def narrowed(self) -> list[Chosen]:
        """What the address narrows them to."""
        params = {name: self.params.getlist(name) for name in self.params}
        return narrowing.chosen(params=params, among=self.dimensions)

    @cached_property
    def filters(self) -> Filters:
        """The same, as selectors take it."""
        return narrowing.filters_of(narrowed=self.narrowed, structure=self.structure)

    @property
    def chips(self) -> list[Link]:
        """A chip for each, with the address without it."""
        return [
            Link(one.label, self.without(one.dimension.name, one.option.value))
            for one in self.narrowed
        ]

    @property
    def method_choices(self) -> list[Link]:
        """The switch between the two methods."""
        return [
            Link(f"{one.value.title()}-based", self.changed(method=one.value), one is self.method)
            for one in Method
        ]

    @property
    def structure_choices(self) -> list[Link]:
        """The switch between the teams of the time and today's."""
        labels = {Structure.AS_IT_WAS: "As it was", Structure.TODAY: "Today's structure"}
        return [
            Link(label, self.changed(structure=one.value), one is self.structure)
            for one, label in labels.items()
        ]

    def changed(self, **values: str) -> str:
        """Return this address with some parameters changed."""
        params = self._copy()
        for name, value in values.items():
            params[name] = value
        return f"?{params.urlencode()}"

    def narrowed_to(self, name: str, *values: str) -> str:
        """Return this address with further values of a filter."""
        params = self._copy()
        for value in values:
            if value not in params.getlist(name):
                params.appendlist(name, value)
        return f"?{params.urlencode()}"

    def without(self, name: str, value: str) -> str:
        """Return this address without one of its filters."""
        params = self._copy()
        params.setlist(name, [one for one in params.getlist(name) if one != value])
        return f"{self.path}?{params.urlencode()}"

    @property
    def cleared(self) -> str:
        """The address without any filter."""
        params = self._copy()
        for dimension in self.dimensions:
            params.pop(dimension.name, None)
        return f"{self.path}?{params.urlencode()}"

    def carried_to(self, view: str, **kwargs: str) -> str:
        """Return another dashboard's address for the same period, comparison and method."""
        kwargs["organisation_slug"] = self.organisation.slug
        params = QueryDict(mutable=True)
        for name in CARRIED:
            if name in self.params:
                params[name] = self.params.get(name, "")
        url = reverse(view, kwargs=kwargs)
        return f"{url}?{params.urlencode()}" if params else url

    def behind(self, **values: str) -> str:
        """Return the address of what this page's figure consists of."""
        params = self._copy()
        for name, value in values.items():
            params[name] = value
        url = reverse("behind", kwargs={"organisation_slug": self.organisation.slug})
        return f"{url}?{params.urlencode()}" if params else url

    def _copy(self) -> QueryDict:
        params = self.params.copy()
        for name in ("page", "format", "figure"):
            params.pop(name, None)
        return params
