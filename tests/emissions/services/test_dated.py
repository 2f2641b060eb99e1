"""Dated facts: current rows cover the time as stated and never overlap; the past can be read."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Q
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from emissions.models import Project, ProjectAssignment, Team
from emissions.services.dated import EmptyPeriod, end_on, set_from
from tests.factories import NOW, make_organisation, make_project, make_team

FIRST = date(2024, 1, 1)
DAYS = 40


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


def assign(
    project: Project, team: Team, day: int, now: datetime, end: int | None = None
) -> ProjectAssignment:
    return set_from(
        model=ProjectAssignment,
        key="project",
        thing=project,
        starts_on=on(day),
        ends_before=None if end is None else on(end),
        values={"team": team, "cost_centre": ""},
        now=now,
    )


def timeline(project: Project, believed_at: datetime | None = None) -> list[int | None]:
    """Return the team of each day, as it is believed now or was at a moment."""
    facts = ProjectAssignment.objects.filter(project=project)
    if believed_at is None:
        facts = facts.current()
    else:
        later = Q(superseded_at=None) | Q(superseded_at__gt=believed_at)
        facts = facts.filter(later, recorded_at__lte=believed_at)
    teams: list[int | None] = [None] * DAYS
    for fact in facts:
        for day in range(DAYS):
            if fact.starts_on <= on(day) and (not fact.ends_before or on(day) < fact.ends_before):
                assert teams[day] is None, "two facts hold on one day"
                teams[day] = fact.team_id
    return teams


@pytest.fixture
def project() -> Project:
    project = make_project()
    ProjectAssignment.objects.filter(project=project).delete()
    return project


@pytest.fixture
def teams(project: Project) -> list[Team]:
    return [make_team(organisation=project.organisation) for _ in range(3)]


@pytest.mark.django_db
class TestSetFrom:
    def test_first_fact_is_open(self, project, teams):
        fact = assign(project, teams[0], 3, NOW)
        assert (fact.starts_on, fact.ends_before, fact.recorded_at) == (on(3), None, NOW)

    def test_change_closes_the_current_fact(self, project, teams):
        assign(project, teams[0], 0, NOW)
        assign(project, teams[1], 10, NOW + timedelta(days=1))
        current = list(ProjectAssignment.objects.current().filter(project=project))
        assert [(f.team, f.starts_on, f.ends_before) for f in current] == [
            (teams[0], on(0), on(10)),
            (teams[1], on(10), None),
        ]

    def test_superseded_row_is_kept_as_it_was(self, project, teams):
        first = assign(project, teams[0], 0, NOW)
        later = NOW + timedelta(days=1)
        assign(project, teams[1], 10, later)
        first.refresh_from_db()
        assert (first.starts_on, first.ends_before, first.superseded_at) == (on(0), None, later)

    def test_correction_of_the_past_leaves_later_facts(self, project, teams):
        assign(project, teams[0], 0, NOW)
        assign(project, teams[1], 20, NOW)
        assign(project, teams[2], 5, NOW)
        a, b, c = (team.pk for team in teams)
        assert timeline(project) == [a] * 5 + [c] * 15 + [b] * 20

    def test_given_end_leaves_what_follows(self, project, teams):
        assign(project, teams[0], 0, NOW)
        assign(project, teams[1], 5, NOW, end=8)
        a, b, _ = (team.pk for team in teams)
        assert timeline(project) == [a] * 5 + [b] * 3 + [a] * 32

    def test_fact_before_the_first_ends_where_that_starts(self, project, teams):
        assign(project, teams[0], 10, NOW)
        assert assign(project, teams[1], 2, NOW).ends_before == on(10)

    def test_saying_the_same_again_writes_nothing(self, project, teams):
        fact = assign(project, teams[0], 0, NOW)
        assert assign(project, teams[0], 7, NOW + timedelta(days=1)) == fact
        assert ProjectAssignment.objects.filter(project=project).count() == 1

    def test_clock_that_runs_behind_keeps_the_order_of_records(self, project, teams):
        assign(project, teams[0], 0, NOW)
        fact = assign(project, teams[1], 5, NOW - timedelta(hours=1))
        assert fact.recorded_at == NOW

    def test_empty_period_is_refused(self, project, teams):
        with pytest.raises(EmptyPeriod):
            assign(project, teams[0], 5, NOW, end=5)


@pytest.mark.django_db
class TestEndOn:
    def test_ends_the_current_fact_and_drops_later_ones(self, project, teams):
        assign(project, teams[0], 0, NOW)
        assign(project, teams[1], 20, NOW)
        assert end_on(
            model=ProjectAssignment, key="project", thing=project, ends_before=on(10), now=NOW
        )
        assert timeline(project) == [teams[0].pk] * 10 + [None] * 30

    def test_ending_what_has_ended_changes_nothing(self, project, teams):
        assign(project, teams[0], 0, NOW, end=5)
        assert not end_on(
            model=ProjectAssignment, key="project", thing=project, ends_before=on(10), now=NOW
        )


@pytest.mark.django_db
def test_database_refuses_an_overlap(project, teams):
    assign(project, teams[0], 0, NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        ProjectAssignment.objects.create(
            organisation=project.organisation, project=project, team=teams[1], starts_on=on(5)
        )


changes = st.lists(
    st.tuples(
        st.integers(0, DAYS - 1),
        st.one_of(st.none(), st.integers(1, 15)),
        st.integers(0, 2),
        st.booleans(),
    ),
    max_size=12,
)


class TestAnySequence(TestCase):
    """After any sequence of changes every day has the team that was stated last for it."""

    @classmethod
    def setUpTestData(cls) -> None:
        organisation = make_organisation()
        cls.teams = [make_team(organisation=organisation) for _ in range(3)]
        cls.project = make_project(organisation=organisation, team=cls.teams[0])
        ProjectAssignment.objects.filter(project=cls.project).delete()

    @given(changes)
    @settings(max_examples=40, deadline=None)
    def test_days_and_records_agree_with_a_plain_list(self, changes) -> None:
        plain: list[int | None] = [None] * DAYS
        starts: set[int] = set()
        seen: list[tuple[datetime, list[int | None]]] = []
        now = datetime(2026, 1, 1, tzinfo=UTC)
        for day, length, team, ends in changes:
            now += timedelta(minutes=1)
            end = None if length is None else day + length
            if ends:
                end_on(
                    model=ProjectAssignment,
                    key="project",
                    thing=self.project,
                    ends_before=on(day),
                    now=now,
                )
                plain[day:] = [None] * (DAYS - day)
            else:
                fact = assign(self.project, self.teams[team], day, now, end)
                last = DAYS if fact.ends_before is None else (fact.ends_before - FIRST).days
                if end is not None:
                    last = end
                for index in range(day, min(last, DAYS)):
                    plain[index] = self.teams[team].pk
                starts.add(day)
            assert timeline(self.project) == plain
            seen.append((now, list(plain)))
        for moment, days in seen:
            assert timeline(self.project, believed_at=moment) == days
