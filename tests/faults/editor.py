"""People at work, as a process that can be killed: `python -m tests.faults.editor …`.

What it does goes through the services, with nudges on. Around each act the journal says
"try" before and "done" after the commit, so that a test can tell what an editor was told.
"""

import os
import random
import signal
import sys
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import django

if __name__ == "__main__":
    django.setup()

from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from emissions.models import (
    FactorSet,
    FactorSetAdoption,
    GridZone,
    Organisation,
    PendingCalculation,
    Run,
)
from emissions.services.factors.adopt import adopt_factor_set, withdraw_factor_set
from emissions.services.invalidate import organisation_changed
from emissions.services.manage_meters import Reading, record_reading
from emissions.services.manage_projects import assign_project
from emissions.services.record_runs import RunGone, delete_run, edit_run, record_runs
from emissions.services.tokens import create_token
from tests import factories

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
OTHER_SET = "other"
CREATED_AT_ONCE = 3
ENOUGH_TO_DO = 3000
HOT = 3


def prepare(organisations: str, runs: str) -> None:
    """Begin anew, with organisations of two teams, projects and sites, and so many runs each."""
    call_command("flush", interactive=False, verbosity=0)
    factories.make_reference()
    other = factories.make_factor_set(slug=OTHER_SET)
    for year in (2024, 2025, 2026):
        zone = GridZone.objects.get(code="FR")
        factories.make_factor(factor_set=other, zone=zone, year=year, g_co2e_per_kwh=77.7)
    for at in range(int(organisations)):
        organisation = factories.make_organisation(slug=f"org-{at}", time_zone="Europe/Paris")
        for _ in range(2):
            factories.make_project(organisation=organisation)
            factories.make_site(organisation)
        chance = random.Random(at)
        _share(organisation)
        new = [make_run(organisation, f"base {n}", chance) for n in range(int(runs))]
        record_runs(organisation=organisation, runs=new, by=None, now=factories.NOW)


def _share(organisation: Organisation) -> None:
    """Give runs something to share: a node, a meter and certificates."""
    site = organisation.sites.order_by("pk")[0]
    factories.make_node(site=site, node_count=40, starts_on=EPOCH.date())
    reading = Reading(
        starts_on=date(2024, 1, 1), ends_before=date(2026, 1, 1), energy_kwh=Decimal(9_000_000)
    )
    record_reading(site=site, reading=reading, by=None, now=factories.NOW)
    factories.make_instrument(
        organisation, starts_on=date(2024, 1, 1), energy_mwh=Decimal(5000), name="Certificates"
    )


def make_run(organisation: Organisation, name: str, chance: random.Random) -> Run:
    """Return an unsaved run somewhere in three years; some cross months."""
    hours = chance.uniform(1, 1500)
    return Run(
        organisation=organisation,
        name=name,
        project=chance.choice(list(_cached(organisation, "projects"))),
        site=chance.choice(list(_cached(organisation, "sites"))),
        node=chance.choice([None, None, None, *_cached(organisation, "nodes")]),
        started_at=EPOCH + timedelta(hours=chance.uniform(0, 20_000)),
        duration_hours=hours,
        device_count=8,
        device_hours=8 * hours,
        stated_power_watts=chance.uniform(100, 700),
    )


_known: dict[tuple[int, str], list[object]] = {}


def _cached(organisation: Organisation, name: str) -> list[object]:
    key = organisation.pk, name
    if key not in _known:
        _known[key] = list(getattr(organisation, name).order_by("pk"))
    return _known[key]


def record(slug: str) -> None:
    """Record one run and print how long that took. [s]"""
    organisation = Organisation.objects.get(slug=slug)
    run = make_run(organisation, "one", random.Random())
    started = time.perf_counter()
    record_runs(organisation=organisation, runs=[run], by=None, now=timezone.now())
    print(run.pk, time.perf_counter() - started)


def post(slug: str) -> None:
    """Post one run over HTTP, in this process; print status and how long that took. [s]"""
    organisation = Organisation.objects.get(slug=slug)
    project = organisation.projects.order_by("pk")[0]
    _, token = create_token(organisation=organisation, project=project, by=None, now=timezone.now())
    body = {
        "name": "posted",
        "started_at": "2026-05-04T08:00:00Z",
        "duration_hours": 10,
        "power_watts": 300,
        "device_count": 8,
        "zone": "FR",
        "external_id": f"posted {time.time_ns()}",
    }
    headers = {"Authorization": f"Bearer {token}"}
    client = Client(headers=headers, SERVER_NAME="localhost")
    assert client.get("/api/v1/runs/", secure=True).status_code == 200  # imports what is needed
    for address, data in (
        ("/api/v1/runs/", body),
        ("/api/v1/calculator/", {"runs": [{"power_watts": 300, "duration_hours": 1}]}),
    ):
        started = time.perf_counter()
        answer = client.post(address, data, content_type="application/json", secure=True)
        print(answer.status_code, time.perf_counter() - started, answer.content[:300])


class Editor:
    """Edits, moves, deletes and creates; of the runs that exist only its own share."""

    def __init__(self, journal: str, share: str, of: str) -> None:
        self.journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.share, self.of = int(share), int(of)
        self.chance = random.Random()
        self.acts = 0
        self.ended = False

    def work(self) -> None:
        """Go on until TERM; a database that is away is tried again."""
        signal.signal(signal.SIGTERM, self._end)
        while not self.ended:
            try:
                self._act()
            except DatabaseError:
                connection.close()
                time.sleep(0.1)

    def _end(self, *_: object) -> None:
        self.ended = True

    def _write(self, *words: object) -> None:
        os.write(self.journal, (" ".join(map(str, words)) + "\n").encode())

    def _act(self) -> None:
        """Do one thing; `token` is what the run is named then."""
        organisation = self.chance.choice(_organisations())
        self.acts += 1
        token = f"{self.share}.{os.getpid()}.{self.acts}"
        kind = self.chance.choices(
            ["create", "edit", "move", "delete", "fact", "recalculate"],
            weights=[6, 12, 6, 2, 0.5, 1],
        )[0]
        if kind == "fact":
            self._change_fact(organisation)
        elif kind == "recalculate":
            if PendingCalculation.objects.count() < ENOUGH_TO_DO:
                organisation_changed(organisation=organisation, by=None, reason="again")
        elif kind == "create":
            new = [make_run(organisation, token, self.chance) for _ in range(CREATED_AT_ONCE)]
            for at, run in enumerate(new):
                run.external_id = f"{token}/{at}"
            self._write("try", "create", token)
            record_runs(organisation=organisation, runs=new, by=None, now=timezone.now())
            self._write("done", "create", token)
        elif run := self._pick(organisation):
            self._change(run, kind, token)

    def _pick(self, organisation: Organisation) -> Run | None:
        mine = Run.objects.of(organisation).extra(
            where=["id %% %s = %s"], params=[self.of, self.share]
        )
        if self.chance.random() < 0.5:  # Some runs are edited again before they are calculated.
            return self.chance.choice(list(mine.order_by("pk")[:HOT]) or [None])
        last = mine.order_by("-pk").values_list("pk", flat=True).first()
        return (
            mine.filter(pk__gte=self.chance.randrange(last)).order_by("pk").first()
            if last
            else None
        )

    def _change(self, run: Run, kind: str, token: str) -> None:
        self._write("try", kind, token, run.pk)
        try:
            if kind == "delete":
                delete_run(run=run, by=None, now=timezone.now())
            else:
                run.name = token
                other = make_run(run.organisation, token, self.chance)
                if kind == "move":
                    run.project, run.site, run.node = other.project, other.site, other.node
                else:
                    run.duration_hours = other.duration_hours
                    run.device_hours = other.device_hours
                edit_run(run=run, by=None, now=timezone.now())
        except RunGone:  # An earlier life of this editor deleted it and was killed.
            return
        self._write("done", kind, token, run.pk)

    @transaction.atomic
    def _change_fact(self, organisation: Organisation) -> None:
        now = timezone.now()
        if self.chance.random() < 0.5:
            project = self.chance.choice(_cached(organisation, "projects"))
            team = self.chance.choice(list(organisation.teams.order_by("pk")))
            day = (EPOCH + timedelta(days=self.chance.randrange(700))).date()
            assign_project(project=project, team=team, starts_on=day, by=None, now=now)
            return
        other = FactorSet.objects.get(slug=OTHER_SET)
        adopted = FactorSetAdoption.objects.filter(
            organisation=organisation, factor_set=other, withdrawn_at=None
        )
        if adopted.exists():
            withdraw_factor_set(organisation=organisation, factor_set=other, by=None, now=now)
        else:
            adopt_factor_set(
                organisation=organisation, factor_set=other, precedence=0, by=None, now=now
            )


_all: list[Organisation] = []


def _organisations() -> list[Organisation]:
    if not _all:
        _all.extend(Organisation.objects.order_by("pk"))
    return _all


def edit(journal: str, share: str, of: str) -> None:
    """Edit until told to end."""
    Editor(journal, share, of).work()


if __name__ == "__main__":
    {
        "prepare": prepare,
        "record": record,
        "post": post,
        "edit": edit,
    }[sys.argv[1]](*sys.argv[2:])
