"""One dashboard: what it is about, its figures, its files. The three pages differ in `Subject`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from emissions.calculation.uncertainty import Interval
from emissions.charts import numbers, sentences
from emissions.charts.cards import Table
from emissions.permissions import Member
from emissions.selectors.attention import Attention, attention, has_figures
from emissions.selectors.periods import Period
from emissions.selectors.spread import AMOUNTS, Uncertainty
from emissions.selectors.totals import (
    NONE,
    By,
    Filters,
    Group,
    Totals,
    total_of,
    totals_by,
    totals_by_month_and,
)
from emissions.selectors.uncertainty import PeriodSpread
from emissions.views import spread
from emissions.views.closed import ClosedList, ClosedQuarters
from emissions.views.dashboards import cards
from emissions.views.dashboards.address import Address
from emissions.views.dashboards.cards import Figure
from emissions.views.dashboards.quantities import ENERGY, Quantity, Shown
from emissions.views.dashboards.remarks import Remark, remarks
from emissions.views.dashboards.summary import KNOWN, summary
from emissions.views.downloads import Files, file_of

NOUNS = {
    By.TEAM: "Team",
    By.PROJECT: "Project",
    By.HARDWARE: "Hardware",
    By.SITE: "Site",
    By.STAGE: "Life-cycle stage",
    By.STATUS: "Status",
    By.BASIS: "How the energy is known",
}
#: Name of the file of what the interval comes from.
UNCERTAINTY = "uncertainty"
#: Dimensions whose values the address can be narrowed to.
NARROWED_BY = {By.HARDWARE, By.SITE, By.STAGE, By.STATUS, By.TEAM, By.PROJECT}


@dataclass(frozen=True)
class Subject:
    """Whose dashboard it is: its name, its own filter, and what it is broken down by."""

    who: str
    file_name: str
    stack: By
    rankings: tuple[By, ...]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    #: The same as parameters of an address: {"team": its slug}.
    stands_for: Mapping[str, str] = field(default_factory=dict)
    #: The dimension that the page itself stands for: no chip and no menu offers it.
    own: tuple[str, ...] = ()


class Dashboard:
    """A subject's figures for one address; each question is one query."""

    def __init__(self, request: HttpRequest, member: Member, subject: Subject) -> None:
        self.request = request
        self.member = member
        self.organisation = member.organisation
        self.subject = subject
        self.address = Address(request, member.organisation, own=subject.own)
        self.filters: Filters = replace(self.address.filters, **subject.fixed)
        self.comparison = self.address.comparison
        self._asked: dict[tuple[By, date, date], list[Group]] = {}

    # --- the numbers ---

    @cached_property
    def by_month(self) -> list[Group]:
        """The period's totals by month and the subject's first dimension."""
        return totals_by_month_and(
            organisation=self.organisation,
            period=self.address.period,
            by=self.subject.stack,
            filters=self.filters,
        )

    @cached_property
    def months_before(self) -> list[Group]:
        """The compared period's totals by month."""
        return self.groups(By.MONTH, self.comparison.period) if self.comparison.period else []

    @cached_property
    def totals(self) -> Totals:
        """The period's totals."""
        return total_of(self.by_month)

    @cached_property
    def before(self) -> Totals | None:
        """The compared period's totals; None without a comparison."""
        return total_of(self.months_before) if self.comparison.period else None

    @cached_property
    def spread(self) -> PeriodSpread:
        """How far the period's totals may be off, whole and by group."""
        return PeriodSpread(
            organisation=self.organisation,
            period=self.address.period,
            before=self.comparison.period,
            filters=self.filters,
        )

    @cached_property
    def closed(self) -> ClosedQuarters:
        """The closed quarters of the period."""
        return ClosedQuarters(self.organisation, self.address.period, self.amount)

    @property
    def narrowed(self) -> bool:
        """Whether the page shows a part of the organisation."""
        return self.filters != Filters(structure=self.filters.structure)

    @property
    def closed_list(self) -> ClosedList:
        """What was closed at what, and what has been posted since."""
        return self.closed.within(None if self.narrowed else self.uncertainty)

    @property
    def uncertainty(self) -> Uncertainty:
        """How far the period's totals may be off."""
        return self.spread.whole

    @cached_property
    def rounded(self) -> dict[str, str | None]:
        """The totals, with as many digits as their intervals support; None is unknown."""
        return {name: self._within(name) for name in AMOUNTS}

    def _within(self, name: str) -> str | None:
        total: Decimal | None = getattr(self.totals, KNOWN.get(name, name))
        return None if total is None else spread.rounded(total, self.uncertainty.of(name), name)

    @cached_property
    def ranges(self) -> dict[str, str]:
        """The 95 % intervals of the totals, in words; empty where there is none."""
        return {name: spread.words(self.uncertainty.of(name), name) for name in AMOUNTS}

    @cached_property
    def moved(self) -> dict[str, numbers.Moved | None]:
        """How the totals changed, with the intervals of the differences; nothing without a
        comparison.
        """
        if self.before is None:
            return {}
        found = {name: self._moved(name) for name in AMOUNTS}
        intensity = spread.moved(self.intensity_now, self.intensity_before, None, "")
        return {**found, "intensity": intensity}

    def _moved(self, name: str) -> numbers.Moved | None:
        column = KNOWN.get(name, name)
        before = getattr(self.before, column) if self.before else None
        found = self.spread.change.of(name) if self.spread.change else None
        return spread.moved(getattr(self.totals, column), before, found, name)

    @property
    def location_beside(self) -> str:
        """The location-based figure that the organisation does not show first, if it differs."""
        found = self.totals
        return spread.beside(
            self.organisation,
            found.location_based_kg,
            found.location_other_kg,
            self.uncertainty.location_based_kg,
        )

    @cached_property
    def uncertainty_table(self) -> Table:
        """What the location-based interval comes from."""
        return spread.table(self.uncertainty)

    @property
    def uncertainty_url(self) -> str:
        """The address of that table as a file."""
        return self.address.changed(format="csv", figure=UNCERTAINTY)

    @cached_property
    def attention(self) -> Attention:
        """What stands apart from the figures."""
        return attention(organisation=self.organisation, filters=self.filters)

    @property
    def amount(self) -> str:
        """The quantity of the chosen method."""
        return self.address.method.column

    @cached_property
    def shown(self) -> Shown:
        """What the figures have in common."""
        return Shown(
            quantity=Quantity(self.amount, self.address.method.words.capitalize()),
            period=self._months_shown,
            comparison=self.comparison,
        )

    @property
    def _months_shown(self) -> Period:
        """Months that lie ahead are left out unless something is recorded in them."""
        until = self.address.period.until(self.address.today)
        ahead = any(group.month and group.month >= until.ends_before for group in self.by_month)
        return self.address.period if ahead else until

    # --- the figures ---

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """All figures of the page, by the name that their file goes by."""
        ranked = {f"by-{by}": self._ranked(by) for by in self.subject.rankings}
        return {"by-month": self._trend(), **ranked}

    def _trend(self) -> Figure:
        stack = self.subject.stack
        urls = {group.label: self._url(stack, group) for group in self.by_month}
        note = f"{self.address.today:%B %Y} is not over." if self.address.unfinished else ""
        return cards.by_month(
            id="by-month",
            title=f"Emissions by month and {NOUNS[stack].lower()}",
            shown=self.shown,
            groups=self.by_month,
            before=self.months_before,
            urls=urls,
            ranges=self.spread.by(By.MONTH),
            cells=self.spread.by_month_and(stack),
            compared=self.spread.compared(By.MONTH),
            closed=self.closed.months,
            note=note,
        )

    def _ranked(self, by: By) -> Figure:
        before = self.comparison.period
        shown = self.shown
        if by is By.BASIS:
            shown = replace(shown, quantity=ENERGY)
        return cards.ranked(
            id=f"by-{by}",
            title=NOUNS[by] if by is By.BASIS else f"By {NOUNS[by].lower()}",
            noun=NOUNS[by],
            shown=shown,
            groups=self.groups(by, self.address.period),
            before=self.groups(by, before) if before else [],
            url_of=lambda group: self._url(by, group),
            ranges=self.spread.by(by),
            compared=self.spread.compared(by),
        )

    def groups(self, by: By, period: Period) -> list[Group]:
        """Return the totals of a period by a dimension; each question is asked once."""
        key = by, period.starts_on, period.ends_before
        if key not in self._asked:
            self._asked[key] = totals_by(
                organisation=self.organisation, period=period, by=by, filters=self.filters
            )
        return self._asked[key]

    def _url(self, by: By, group: Group) -> str:
        """Return where a label leads: one level down, or this page narrowed to it."""
        if by not in NARROWED_BY or by.value in self.subject.own:
            return ""
        if by is By.TEAM and group.key != NONE:
            return self.address.carried_to("team", team_slug=group.key)
        if by is By.PROJECT and group.key != NONE:
            return self.address.carried_to("project", project_slug=group.key)
        return self.address.narrowed_to(by.value, group.key)

    # --- words ---

    @property
    def headline(self) -> str:
        """The sentence above everything."""
        moved = self.moved.get(self.amount)
        return sentences.headline(
            who=self.subject.who,
            kilograms=getattr(self.totals, self.amount),
            emitted=self.rounded[self.amount] or "an unknown amount",
            method=self.address.method.words,
            runs=self.totals.runs,
            period=self.address.period.label,
            unfinished=self.address.unfinished,
            before=getattr(self.before, self.amount) if self.before else None,
            compared_with=self.comparison.label,
            clear=moved is None or moved.clear,
        )

    @property
    def remarks(self) -> list[Remark]:
        """What somebody should look at."""
        return remarks(self)

    # --- answers ---

    def response(self, template: str, **context: Any) -> HttpResponse:
        """Return the page, or one of its files."""
        if "format" in self.request.GET:
            file = file_of(self.request, self._files(), self._stem)
            if file is not None:
                return file
        empty = self.totals.empty
        return render(
            self.request,
            template,
            {
                "page": self,
                "address": self.address,
                "totals": self.totals,
                "before": self.before,
                "amount": self.amount,
                "cards": cards.cards_of(self.figures, self.address) if not empty else [],
                "nothing_yet": empty and not has_figures(organisation=self.organisation),
                "menus": self.address.dimensions,
                "structure_choices": (
                    self.address.structure_choices if By.PROJECT in self.subject.rankings else []
                ),
                **context,
            },
        )

    @property
    def behind_url(self) -> str:
        """The address of the runs and pools that the figure consists of."""
        return self.address.behind(**dict(self.subject.stands_for))

    @property
    def zip_url(self) -> str:
        """The address of all of the page's files."""
        return self.address.changed(format="zip")

    @property
    def intensity(self) -> str | None:
        """Emissions per kWh at the meter, in words."""
        value = self.intensity_now
        if value is None:
            return None
        figure = numbers.significant(value * 1000, spread.digits(self._intensity_within))
        return f"{figure}{numbers.NO_BREAK_SPACE}g CO₂e/kWh"

    @property
    def intensity_range(self) -> str:
        """Its 95 % interval: what emissions and energy both rest on cancels out."""
        found = self._intensity_within
        if found is None or not found.low < found.high:
            return ""
        ends = numbers.bounds_text(found.low * 1000, found.high * 1000)
        return f"{ends}{numbers.NO_BREAK_SPACE}g"

    @cached_property
    def _intensity_within(self) -> Interval | None:
        return self.spread.lines.of_ratio(self.amount, "energy_facility_kwh")

    @property
    def intensity_now(self) -> Decimal | None:
        """Emissions per kWh at the meter."""
        return self.totals.per_kwh(self.amount)

    @property
    def intensity_before(self) -> Decimal | None:
        """The same in the compared period."""
        return self.before.per_kwh(self.amount) if self.before else None

    @property
    def measured_note(self) -> str:
        """How much of the energy was measured."""
        share = self.totals.measured_share
        return "" if share is None else f"{numbers.percent_text(share)} of it measured or metered"

    @property
    def hardware_note(self) -> str:
        """How much of the hardware's footprint is known."""
        share = self.totals.known_hardware_share
        return "" if share is None else f"known for {numbers.percent_text(share)} of device-hours"

    def _files(self) -> Files:
        """Return the page's tables, exact: header and rows by the name of the file."""
        stats = summary(
            self.totals,
            self.before,
            self.spread,
            period=self.address.period.label,
            compared_with=self.comparison.label,
        )
        exact = cards.exact(self.figures)
        return {"summary": stats, **exact, UNCERTAINTY: spread.exact(self.uncertainty)}

    @property
    def _stem(self) -> str:
        return f"{self.subject.file_name}_{self.address.period.slug}"
