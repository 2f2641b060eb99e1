"""The same run sent twice is one run, however close together."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection

from emissions.models import PendingCalculation, Project, Run
from emissions.services.receive_runs import Outcome, receive_runs
from tests.factories import NOW, make_project

CLIENTS = 6


def run(external_id: str, **values: Any) -> Run:
    defaults = {
        "name": external_id,
        "started_at": datetime(2026, 3, 1, tzinfo=UTC),
        "duration_hours": 1.0,
        "device_hours": 1.0,
        "energy_kwh": 5.0,
    }
    return Run(external_id=external_id, **{**defaults, **values})


def receive(project: Project, runs: list[Run]) -> list[Outcome]:
    received = receive_runs(
        organisation=project.organisation, project=project, runs=runs, by=None, now=NOW
    )
    return [one.outcome for one in received]


@pytest.mark.django_db
def test_recorded_present_and_conflict() -> None:
    project = make_project()

    assert receive(project, [run("a"), run("a"), run("a", energy_kwh=6.0), run("")]) == [
        Outcome.RECORDED,
        Outcome.PRESENT,
        Outcome.CONFLICT,
        Outcome.RECORDED,
    ]
    assert receive(project, [run("a"), run("b")]) == [Outcome.PRESENT, Outcome.RECORDED]


@pytest.mark.django_db
def test_other_integrity_errors_are_not_swallowed() -> None:
    with pytest.raises(IntegrityError):
        receive(make_project(), [run("a", energy_kwh=-1.0)])


@pytest.mark.django_db(transaction=True)
def test_clients_that_send_the_same_at_once() -> None:
    project = make_project()
    together = Barrier(CLIENTS)

    def client(number: int) -> list[Outcome]:
        ids = [f"job-{n}" for n in range(50)]
        rows = [run(one) for one in (ids if number % 2 else reversed(ids))]
        together.wait()
        try:
            return receive(project, rows)
        finally:
            connection.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        outcomes = list(pool.map(client, range(CLIENTS)))

    assert Run.objects.count() == PendingCalculation.objects.count() == 50
    assert sum(client.count(Outcome.RECORDED) for client in outcomes) == 50
    assert not any(Outcome.CONFLICT in client for client in outcomes)


@pytest.mark.django_db(transaction=True)
def test_clients_that_send_different_runs_under_one_id() -> None:
    project = make_project()
    together = Barrier(CLIENTS)

    def client(number: int) -> list[Outcome]:
        together.wait()
        try:
            return receive(project, [run("job", energy_kwh=float(number))])
        finally:
            connection.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        outcomes = sorted(one[0].value for one in pool.map(client, range(CLIENTS)))

    assert outcomes == ["conflict"] * (CLIENTS - 1) + ["recorded"]
    assert Run.objects.count() == 1
