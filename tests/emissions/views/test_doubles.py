import pytest
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.models import DoublePair, DoubleSearch, Run
from emissions.services.doubles import searches
from emissions.services.doubles.review import find_doubles
from emissions.services.doubles.searches import run_searches
from tests.factories import NOW, calculate_all, make_double, make_member, make_project, make_run

pytestmark = pytest.mark.django_db


def client_of(member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def url(member, name: str, **kwargs) -> str:
    return reverse(name, kwargs={"organisation_slug": member.organisation.slug, **kwargs})


@pytest.fixture
def officer():
    return make_member(Role.OFFICER)


@pytest.fixture
def pair(officer) -> DoublePair:
    return make_double(project=make_project(organisation=officer.organisation), calculated=True)


def test_a_pair_is_merged_by_one_click_and_taken_apart_again(officer, pair) -> None:
    client = client_of(officer)
    html = client.get(url(officer, "double_list")).content.decode()
    assert "Same devices, at nearly the same time" in html
    assert "Better evidence" in html
    merge = url(officer, "double_merge", pair_id=pair.pk)
    answer = client.post(merge, {"keep": pair.second_id}, follow=True).content.decode()
    assert "No doubles" in answer
    assert "Merged: the record by Slurm sacct counts" in answer
    calculate_all()
    page = client.get(url(officer, "run", run_id=pair.first_id)).content.decode()
    assert "another record of the same job" in page
    assert "Undo the merge" in page
    assert "Merged</span>" in client.get(url(officer, "run_list")).content.decode()
    client.post(url(officer, "double_reopen", pair_id=pair.pk))
    assert Run.objects.counted().filter(organisation=officer.organisation).count() == 2


def test_a_merged_run_that_was_never_posted_does_not_wait_for_it(officer) -> None:
    double = make_double(project=make_project(organisation=officer.organisation))
    client = client_of(officer)
    client.post(url(officer, "double_merge", pair_id=double.pk), {"keep": double.second_id})
    calculate_all()
    page = client.get(url(officer, "run", run_id=double.first_id))
    assert page.context["posting"] is False


def test_kept_pairs_leave_the_list(officer, pair) -> None:
    client = client_of(officer)
    client.post(url(officer, "double_keep", pair_id=pair.pk))
    again = client.post(url(officer, "double_keep", pair_id=pair.pk), follow=True)
    assert "nothing left to decide" in again.content.decode()
    assert "Both kept" in again.content.decode()
    client.post(url(officer, "double_find"))
    run_searches(now=NOW)
    assert "nothing new" in client.get(url(officer, "double_list")).content.decode()


def test_a_search_that_fails_says_so_and_another_may_be_asked_for(officer, monkeypatch) -> None:
    def broken(**_: object) -> int:
        raise ValueError("a broken run")

    monkeypatch.setattr(searches, "find_doubles", broken)
    client = client_of(officer)
    client.post(url(officer, "double_find"))
    assert run_searches(now=NOW) == 1
    assert "a broken run" in client.get(url(officer, "double_list")).content.decode()
    monkeypatch.undo()
    client.post(url(officer, "double_find"))
    assert run_searches(now=NOW) == 1
    assert DoubleSearch.objects.filter(state="done").count() == 1


def test_looking_finds(officer) -> None:
    project = make_project(organisation=officer.organisation)
    for kind in ("form", "sacct"):
        make_run(project=project, source_kind=kind, calculated=False)
    client = client_of(officer)
    asked = client.post(url(officer, "double_find"), follow=True).content.decode()
    assert "The search waits for a worker" in asked
    client.post(url(officer, "double_find"))
    assert DoubleSearch.objects.count() == 1
    progress = client.get(url(officer, "double_progress"))
    assert "HX-Refresh" not in progress.headers
    assert run_searches(now=NOW) == 1
    ended = client.get(url(officer, "double_progress"))
    assert ended.headers["HX-Refresh"] == "true"
    assert "1 new pair" in client.get(url(officer, "double_list")).content.decode()
    assert run_searches(now=NOW) == 0
    assert client.get(url(officer, "run_list")).content.decode().count("runs/doubles/") == 1


def test_a_researcher_decides_on_own_runs_only(pair) -> None:
    researcher = make_member(Role.RESEARCHER, organisation=pair.organisation)
    own = make_double(project=make_project(researcher.team), created_by=researcher.user)
    client = client_of(researcher)
    page = client.get(url(researcher, "double_list"))
    assert [double.pair for double in page.context["doubles"]] == [own]
    for name in ("double_merge", "double_keep", "double_reopen"):
        assert client.post(url(researcher, name, pair_id=pair.pk)).status_code == 404
        assert client.post(url(researcher, name, pair_id=own.pk)).status_code == 302


def test_half_a_pair_is_nobody_s_to_decide(officer, pair) -> None:
    researcher = make_member(Role.RESEARCHER, organisation=pair.organisation)
    Run.objects.filter(pk=pair.first_id).update(created_by=researcher.user)
    client = client_of(researcher)
    assert client.post(url(researcher, "double_keep", pair_id=pair.pk)).status_code == 404
    assert not client.get(url(researcher, "double_list")).context["doubles"]


def test_what_a_rule_merged_says_so_and_is_undone_by_one_click(officer) -> None:
    project = make_project(organisation=officer.organisation)
    job = make_run(project=project, source_kind="sacct", external_id="4711", name="train")
    tracker = make_run(project=project, source_kind="codecarbon", name="tracker", energy_kwh=30.0)
    find_doubles(organisation=officer.organisation, now=NOW)
    pair = DoublePair.objects.get()
    assert (pair.rule, pair.superseded) == ("only_one", tracker)
    client = client_of(officer)
    html = client.get(url(officer, "double_list")).content.decode()
    assert "Rule: the only tracker within the only job" in html
    assert "Merged into the record by Slurm sacct, with what was measured" in html
    assert (
        "a rule merged them" in client.get(url(officer, "run", run_id=tracker.pk)).content.decode()
    )
    page = client.get(url(officer, "run", run_id=job.pk)).content.decode()
    assert "What they measured is evidence here." in page
    answer = client.post(url(officer, "double_reopen", pair_id=pair.pk), follow=True)
    assert "the rule leaves them apart" in answer.content.decode()
    assert Run.objects.counted().filter(project=project).count() == 2
