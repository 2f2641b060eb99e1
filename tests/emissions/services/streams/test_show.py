"""What a run's page says of its tracker."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.models import Run
from emissions.services.estimate import estimate_runs
from emissions.services.streams.fold import fold_streams
from emissions.services.streams.show import show_stream
from tests.factories import (
    NOW,
    calculate_all,
    make_member,
    make_post,
    make_project,
    make_run,
    make_site,
    make_stream,
)

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def shown(run: Run, visible=None):
    (estimate,) = estimate_runs(runs=[run], organisation=run.organisation)
    return show_stream(
        run=run, estimate=estimate, visible=Run.objects.all() if visible is None else visible
    )


def test_a_run_without_a_tracker_has_none():
    assert shown(make_run()) is None


def test_what_waits_is_what_the_fold_will_post():
    project = make_project()
    make_site(project.organisation)
    stream = make_stream(project=project)
    make_post(stream)
    fold_streams(now=NOW)
    stream.refresh_from_db()
    assert not shown(stream.run).waits
    make_post(stream, ends=NOW + 10 * MINUTE)
    found = shown(stream.run)
    assert found.waits
    assert found.unposted_kwh == pytest.approx(0.04)
    assert found.last_received_at == NOW + 10 * MINUTE
    (before,) = estimate_runs(runs=[stream.run], organisation=project.organisation)
    fold_streams(now=NOW + 60 * MINUTE)
    stream.run.refresh_from_db()
    (after,) = estimate_runs(runs=[stream.run], organisation=project.organisation)
    change = after.location_based_kg - before.location_based_kg
    assert found.unposted_kg == pytest.approx(change, abs=1e-8)
    assert not shown(stream.run).waits


def test_other_trackers_of_the_machine_are_named_as_far_as_one_may_see_them():
    project = make_project()
    streams = [make_stream(project=project, address="10.0.0.7") for _ in range(2)]
    for stream in streams:
        make_post(stream)
    fold_streams(now=NOW)
    for stream in streams:
        stream.refresh_from_db()
    assert shown(streams[1].run).others == [streams[0].run]
    assert shown(streams[1].run, Run.objects.none()).others == []


def test_the_page_says_it():
    member = make_member(Role.OFFICER)
    project = make_project(organisation=member.organisation)
    streams = [make_stream(project=project, address="10.0.0.7") for _ in range(2)]
    for stream in streams:
        make_post(stream)
    fold_streams(now=NOW)
    calculate_all()
    streams[1].refresh_from_db()
    make_post(streams[1], ends=NOW + 5 * MINUTE)
    client = Client()
    client.force_login(member.user)
    kwargs = {"organisation_slug": member.organisation.slug, "run_id": streams[1].run_id}
    page = client.get(reverse("run", kwargs=kwargs)).content.decode()
    assert re.search(r"Not yet posted: 40\.0\sWh", page)
    assert "counted by the one that began earlier" in page
