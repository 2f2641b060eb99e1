"""A file that a worker loads: whole or not at all, once, however often it is tried."""

import zlib
from datetime import date
from typing import Any

import pytest
from django.db import OperationalError

from emissions.calculation.vocabulary import PreviewState
from emissions.models import AuditEvent, EmissionFactor, FactorLoad, FactorSet, Organisation
from emissions.services.factors import load as service
from emissions.services.factors import load_jobs
from emissions.services.factors.load import LoadedAlready, Publication, SourceMissing
from emissions.services.factors.load_jobs import cancel_load, run_loads, start_load
from tests.emissions.importers.factors.test_formats import LICENSED
from tests.factories import NOW, make_organisation, make_reference

pytestmark = pytest.mark.django_db
PUBLICATION = Publication(edition="2026", published_on=date(2026, 5, 1), name="AIB", source="AIB")
GOOD = LICENSED + "SE,2024,36.9,residual,,\nFR,2024,41,residual,,\n"


@pytest.fixture
def organisation() -> Organisation:
    make_reference()
    return make_organisation()


def ask(
    organisation: Organisation, content: str = GOOD, publication: Publication = PUBLICATION
) -> FactorLoad:
    return start_load(
        organisation=organisation,
        format_name="licensed",
        file_name="aib.csv",
        content=content.encode(),
        publication=publication,
        by=None,
        now=NOW,
    )


def sets(organisation: Organisation) -> list[Any]:
    return list(FactorSet.objects.filter(organisation=organisation))


def test_a_worker_loads_what_waits_and_forgets_the_file(organisation):
    load = ask(organisation)
    assert (load.state, sets(organisation)) == (PreviewState.WAITING, [])
    assert run_loads(now=NOW) == 1
    assert run_loads(now=NOW) == 0
    load.refresh_from_db()
    assert (load.state, load.content, load.factors) == (PreviewState.DONE, None, 2)
    assert [load.factor_set] == sets(organisation)
    assert load.factor_set.factors.count() == 2
    actions = AuditEvent.objects.filter(organisation=organisation).values_list("action", flat=True)
    assert set(actions) >= {"factor load asked", "factor set loaded"}


def test_what_is_wrong_with_the_file_stays_to_be_read(organisation):
    rows = "".join(f"XX,{year},1,,,\n" for year in range(1960, 2080))
    load = ask(organisation, GOOD + rows)
    run_loads(now=NOW)
    load.refresh_from_db()
    assert (load.state, load.error_count, len(load.errors)) == (PreviewState.FAILED, 120, 100)
    assert load.errors[0] == [4, "", "There is no grid zone “XX”."]
    assert load.content is None
    assert not sets(organisation)


def test_a_source_and_a_new_edition_are_asked_for_before_the_file_is_kept(organisation):
    with pytest.raises(SourceMissing):
        ask(organisation, publication=Publication("2026", date(2026, 5, 1), name="AIB"))
    ask(organisation)
    run_loads(now=NOW)
    with pytest.raises(LoadedAlready):
        ask(organisation)
    assert FactorLoad.objects.count() == 1


def test_of_two_that_load_the_same_edition_the_second_is_told(organisation):
    first, second = ask(organisation), ask(organisation)
    assert run_loads(now=NOW) == 2
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == (PreviewState.DONE, PreviewState.FAILED)
    assert "loaded meanwhile" in second.errors[0][2]
    assert len(sets(organisation)) == 1


def test_a_race_for_one_edition_is_no_fault_of_the_page(organisation, monkeypatch):
    monkeypatch.setattr(service, "check_publication", lambda **_: None)
    arguments: dict[str, Any] = {
        "organisation": organisation,
        "format_name": "licensed",
        "content": GOOD.encode(),
        "publication": PUBLICATION,
        "by": None,
        "now": NOW,
    }
    service.load_factor_set(**arguments)
    with pytest.raises(LoadedAlready):
        service.load_factor_set(**arguments)
    assert len(sets(organisation)) == 1


def test_a_worker_that_is_killed_while_writing_leaves_nothing_and_the_next_begins_anew(
    organisation, monkeypatch
):
    load = ask(organisation)
    before = EmissionFactor.objects.count()

    def killed(*_: object, **__: object) -> None:
        raise OperationalError("terminating connection")

    with monkeypatch.context() as patch:
        patch.setattr(service, "write_audit_event", killed)
        with pytest.raises(OperationalError):
            run_loads(now=NOW)
    load.refresh_from_db()
    assert (load.state, load.attempts) == (PreviewState.RUNNING, 1)
    assert (EmissionFactor.objects.count(), sets(organisation)) == (before, [])
    assert run_loads(now=NOW) == 1
    load.refresh_from_db()
    assert (load.state, EmissionFactor.objects.count()) == (PreviewState.DONE, before + 2)


def test_a_file_that_ends_its_worker_again_and_again_is_given_up(organisation):
    load = ask(organisation)
    FactorLoad.objects.filter(pk=load.pk).update(
        state=PreviewState.RUNNING, attempts=load_jobs.ATTEMPTS
    )
    run_loads(now=NOW)
    load.refresh_from_db()
    assert load.state == PreviewState.FAILED
    assert load.errors == [[0, "", load_jobs.GIVEN_UP]]
    assert not sets(organisation)


def test_a_load_is_stopped_even_after_the_file_was_read(organisation, monkeypatch):
    load = ask(organisation)
    write = load_jobs._write

    def stopped(*arguments: Any) -> None:
        cancel_load(load=load, by=None)
        write(*arguments)

    monkeypatch.setattr(load_jobs, "_write", stopped)
    run_loads(now=NOW)
    load.refresh_from_db()
    assert (load.state, sets(organisation)) == (PreviewState.CANCELLED, [])


def test_a_stopped_load_is_not_taken_up(organisation):
    load = ask(organisation)
    cancel_load(load=load, by=None)
    assert run_loads(now=NOW) == 0
    load.refresh_from_db()
    assert (load.state, load.content, sets(organisation)) == (PreviewState.CANCELLED, None, [])


def test_the_file_is_kept_compressed(organisation):
    load = ask(organisation, GOOD + "\n" * 10_000)
    assert len(bytes(load.content)) < 1000
    assert zlib.decompress(load.content).startswith(b"zone,")
