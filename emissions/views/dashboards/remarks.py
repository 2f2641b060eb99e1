"""What somebody should look at: lines beside a dashboard's figures."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse

from emissions.charts import numbers, sentences
from emissions.permissions import Action
from emissions.selectors.attention import Attention
from emissions.selectors.doubles import count_doubles, count_unassigned
from emissions.selectors.totals import NONE, NOT_COMPLETED, By
from emissions.views import spread

if TYPE_CHECKING:
    from emissions.views.dashboards.page import Dashboard


@dataclass(frozen=True)
class Remark:
    """One line of what needs attention."""

    text: str
    url: str = ""
    action: str = ""


def remarks(page: "Dashboard") -> list[Remark]:
    """Return what somebody should look at, what keeps runs out of the figures first."""
    return [
        *_on_runs(page),
        *_on_closed(page),
        *_on_structure(page),
        *_on_records(page),
        *_on_quality(page),
    ]


def _on_runs(page: "Dashboard") -> Iterator[Remark]:
    """Yield what is not, or not yet, in the figures, and what was reported otherwise."""
    found = page.attention
    if found.failed:
        text = f"{_runs(found.failed)} not calculated, and missing here."
        yield Remark(text, _runs_url(page, "calculation=failed"), "See which")
    if found.pending:
        text = f"{_runs(found.pending)} waiting to be calculated."
        yield Remark(text, _runs_url(page, "calculation=pending"), "See which")
    if found.differing:
        its = "its" if found.differing == 1 else "their"
        text = f"{_runs(found.differing)} reported emissions more than 5% off what {its} own"
        url = _runs_url(page, "calculation=differs")
        yield Remark(f"{text} inputs give.", url, "See which")


def _on_closed(page: "Dashboard") -> Iterator[Remark]:
    """Yield what was posted in closed quarters after they were: a restatement is due."""
    if page.narrowed:
        return
    moved = [row for row in page.closed_list.rows if row.since]
    if not moved:
        return
    last, slug = moved[-1], page.organisation.slug
    text = f"{last.period.label} closed at {last.figure}: {last.since} since, pending restatement."
    address = reverse("quarter_closing", args=[slug, last.period.value])
    if len(moved) > 1:
        text = f"{len(moved)} closed quarters have changes since, pending restatement."
        address = reverse("report_list", args=[slug])
    yield Remark(text, address if page.member.may(Action.EXPORT) else "", "Compare")


def _on_structure(page: "Dashboard") -> Iterator[Remark]:
    if By.PROJECT not in page.subject.rankings or page.subject.fixed:
        return
    for group in page.groups(By.PROJECT, page.address.period):
        if group.key != NONE:
            continue
        of_runs = getattr(group.totals, page.amount) - group.totals.outside_runs(page.amount)
        if of_runs:
            text = f"{spread.least_rounded(of_runs)} belongs to no project."
            yield Remark(text, _runs_url(page, f"project={NONE}"), "See the runs")


def _on_records(page: "Dashboard") -> Iterator[Remark]:
    """Yield what waits for this person to assign or decide, whatever the period."""
    if page.subject.fixed or not page.member.may(Action.EDIT_RUNS):
        return
    slug = page.organisation.slug
    unassigned = count_unassigned(runs=page.member.unassigned_runs())
    if unassigned:
        text = f"{_runs(unassigned)} without project, place or hardware."
        yield Remark(text, reverse("unassigned", args=[slug]), "Assign them")
    doubles = count_doubles(runs=page.member.runs(Action.EDIT_RUNS))
    if doubles:
        text = f"{Attention.words(doubles)} pair{_s(doubles)} of runs may be one job."
        yield Remark(text, reverse("double_list", args=[slug]), "Decide")


def _on_quality(page: "Dashboard") -> Iterator[Remark]:
    totals = page.totals
    outside = totals.outside_runs(page.amount)
    if outside:
        interval = page.spread.by(By.STAGE).of(page.amount, NONE)
        shown = spread.rounded(outside, interval, page.amount)
        text = f"{shown} lies outside runs: idle nodes, what meters show besides, instruments."
        yield Remark(text, page.behind_url, "Show what it consists of")
    share = totals.not_completed_share
    if share:
        text = sentences.not_completed(share=share, runs=totals.not_completed_runs)
        url = page.address.narrowed_to("status", *(one.value for one in NOT_COMPLETED))
        yield Remark(text, url, "Show them alone")
    unknown = totals.unknown_hardware_share
    if unknown:
        share_text = numbers.percent_text(unknown)
        yield Remark(f"The hardware's footprint is unknown for {share_text} of the device-hours.")


def _runs_url(page: "Dashboard", query: str) -> str:
    return f"{reverse('run_list', args=[page.organisation.slug])}?{query}"


def _runs(count: int) -> str:
    return f"{Attention.words(count)} run{_s(count)}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
