"""A preview in the background: a row asks, a worker answers once, while it is true."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import PreviewState, Role
from emissions.models import AdoptionPreview, AuditEvent, ClosedQuarter, FactorSet, GridZone
from emissions.services.factors import preview_jobs
from emissions.services.factors.adopt import adopt_factor_set
from emissions.services.factors.preview import preview_factors, sets_with
from emissions.services.factors.preview_jobs import (
    cancel_preview,
    differences_of,
    find_preview,
    run_previews,
    start_preview,
)
from emissions.views import factor_sets
from tests.factories import NOW, make_factor, make_factor_set, make_member, make_organisation
from tests.scenarios import Laboratory

pytestmark = pytest.mark.django_db


@pytest.fixture
def newer() -> FactorSet:
    factor_set = make_factor_set(name="Newer")
    france = GridZone.objects.get(code="FR")
    make_factor(factor_set=factor_set, zone=france, year=2026, g_co2e_per_kwh=60.0)
    return factor_set


def ask(laboratory: Laboratory, newer: FactorSet) -> AdoptionPreview:
    organisation = laboratory.organisation
    return start_preview(
        organisation=organisation,
        factor_set=newer,
        precedence=1,
        after=sets_with(organisation=organisation, factor_set=newer, precedence=1),
        by=None,
        now=NOW,
    )


def test_a_worker_answers_what_the_page_would_have_calculated(laboratory, newer):
    organisation = laboratory.organisation
    preview = ask(laboratory, newer)
    assert preview.state == PreviewState.WAITING
    assert run_previews() == 1
    assert run_previews() == 0
    preview.refresh_from_db()
    assert (preview.state, preview.runs_done) == (PreviewState.DONE, preview.runs_total)
    assert preview.share == 1
    after = sets_with(organisation=organisation, factor_set=newer, precedence=1)
    expected = preview_factors(organisation=organisation, after=after)
    assert differences_of(preview=preview) == expected.differences
    assert all(isinstance(one.new_market_kg, Decimal) for one in expected.differences)
    assert AuditEvent.objects.filter(action="factor preview asked").count() == 1


def test_one_that_is_under_way_or_still_true_is_not_asked_again(laboratory, newer):
    preview = ask(laboratory, newer)
    assert ask(laboratory, newer) == preview
    run_previews()
    assert ask(laboratory, newer) == preview
    other = make_factor_set()
    adopt_factor_set(
        organisation=laboratory.organisation, factor_set=other, precedence=5, by=None, now=NOW
    )
    found = find_preview(organisation=laboratory.organisation, factor_set=newer, precedence=1)
    assert found is None, "Another set is in use now: the answer is no longer true."


def test_one_from_before_a_close_is_asked_again(laboratory, newer):
    organisation = laboratory.organisation
    asked: dict[str, Any] = {
        "organisation": organisation, "factor_set": newer, "precedence": 1,
    }  # fmt: skip
    after = sets_with(**asked)
    first = start_preview(**asked, after=after, by=None, now=NOW)
    run_previews()
    assert find_preview(**asked) == first
    ClosedQuarter.objects.create(
        organisation=organisation,
        starts_on=date(2025, 10, 1),
        closed_at=NOW + timedelta(hours=1),
        ledger_position=0,
        methodology_version="2",
        factor_sets=[],
    )
    assert find_preview(**asked) is None


def test_one_that_was_stopped_is_left_alone(laboratory, newer, monkeypatch):
    preview = ask(laboratory, newer)

    def stopped(*, progress: Any, **_: Any) -> None:
        cancel_preview(preview=preview, by=None)
        if not progress(0, 5):
            raise preview_jobs.PreviewCancelled

    monkeypatch.setattr(preview_jobs, "preview_factors", stopped)
    assert run_previews() == 1
    preview.refresh_from_db()
    assert (preview.state, preview.differences) == (PreviewState.CANCELLED, [])
    assert run_previews() == 0


def test_one_that_fails_says_why_and_one_whose_worker_died_is_taken_up(
    laboratory, newer, monkeypatch
):
    preview = ask(laboratory, newer)
    AdoptionPreview.objects.update(state=PreviewState.RUNNING)  # its worker was killed

    def fails(**_: Any) -> None:
        raise ValueError("no such zone")

    monkeypatch.setattr(preview_jobs, "preview_factors", fails)
    assert run_previews() == 1
    preview.refresh_from_db()
    assert (preview.state, preview.error) == (PreviewState.FAILED, "no such zone")


class TestThePage:
    @pytest.fixture
    def officer(self, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> Client:
        monkeypatch.setattr(factor_sets, "PREVIEW_UP_TO", 0)
        client = Client()
        client.force_login(make_member(Role.OFFICER, organisation=laboratory.organisation).user)
        return client

    def test_it_asks_shows_how_far_it_is_and_then_the_answer(self, officer, newer):
        page = reverse("factor_set_preview", args=["laboratory", newer.pk])
        asked = officer.get(page, {"precedence": "1"})
        assert "Calculate the preview" in asked.content.decode()
        start = reverse("factor_preview_start", args=["laboratory", newer.pk])
        assert officer.post(start, {"precedence": "1"})["Location"] == f"{page}?precedence=1"
        waiting = officer.get(page, {"precedence": "1"}).content.decode()
        assert "waits for a worker" in waiting
        assert "Adopt the set" in waiting
        preview = AdoptionPreview.objects.get()
        progress = reverse("factor_preview_progress", args=["laboratory", preview.pk])
        assert "hx-get" in officer.get(progress).content.decode()
        run_previews()
        done = officer.get(progress, headers={"HX-Request": "true"})
        assert done["HX-Refresh"] == "true"
        answer = officer.get(page, {"precedence": "1"})
        assert answer.context["rows"]
        assert "Calculate the preview" not in answer.content.decode()

    def test_it_can_be_stopped(self, officer, newer):
        start = reverse("factor_preview_start", args=["laboratory", newer.pk])
        officer.post(start, {"precedence": "1"})
        preview = AdoptionPreview.objects.get()
        officer.post(reverse("factor_preview_cancel", args=["laboratory", preview.pk]))
        preview.refresh_from_db()
        assert preview.state == PreviewState.CANCELLED

    def test_a_withdrawal_is_asked_in_the_same_way(self, officer):
        direct = FactorSet.objects.get(slug="test-direct")
        start = reverse("factor_preview_start", args=["laboratory", direct.pk])
        assert officer.post(start, {"withdraw": "1"})["Location"].endswith("?withdraw")
        assert AdoptionPreview.objects.get().precedence is None

    def test_another_organisation_s_preview_is_not_found(self, officer, newer):
        other = AdoptionPreview.objects.create(
            organisation=make_organisation(), factor_set=newer, before=[], after=[]
        )
        for name in ("factor_preview_progress", "factor_preview_cancel"):
            url = reverse(name, args=["laboratory", other.pk])
            assert {officer.get(url).status_code, officer.post(url).status_code} <= {404, 405}
