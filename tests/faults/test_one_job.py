"""A tracker's posts are folded while a file of jobs is imported: whoever commits last merges."""

import threading
from datetime import timedelta

import pytest

from emissions.models import DoublePair, Run
from emissions.services.imports.run import start_import
from emissions.services.streams.fold import fold_streams
from emissions.services.verify_ledger import verify_ledger
from tests.emissions.importers.test_sacct import file_of
from tests.emissions.services.imports.files import finish, upload
from tests.factories import (
    NOW,
    calculate_all,
    make_post,
    make_project,
    make_reference,
    make_site,
    make_stream,
)
from tests.faults.elsewhere import start_elsewhere

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


def test_a_fold_and_an_import_at_the_same_moment_count_a_job_once() -> None:
    make_reference()
    project = make_project(name="nlp")
    make_site(project.organisation, name="partition gpu")
    for at in range(4):
        begins = NOW - timedelta(days=2 * at + 3)
        job = file_of(
            {
                "JobID": str(at),
                "Start": f"{begins:%Y-%m-%dT%H:%M:%S}",
                "End": f"{begins + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}",
                "Elapsed": "02:00:00",
                "AllocTRES": "gres/gpu:a100=1",
            }
        )
        staged = upload(project.organisation, job, time_zone="UTC")
        start_import(run_import=staged, by=None, now=NOW)
        stream = make_stream(project=project)
        make_post(stream, ends=begins + timedelta(hours=2), duration_seconds=7000.0)
        start = threading.Barrier(2)

        def fold(start: threading.Barrier = start) -> None:
            start.wait(30)
            fold_streams(now=NOW, at_once=True)

        def bring(start: threading.Barrier = start, staged: object = staged) -> None:
            start.wait(30)
            finish(staged)

        for future in [start_elsewhere(fold), start_elsewhere(bring)]:
            future.result(60)
        counted = Run.objects.counted().filter(project=project)
        assert counted.count() == at + 1, list(counted.values_list("source_kind", "name"))
    assert set(counted.values_list("source_kind", flat=True)) == {"sacct"}
    assert DoublePair.objects.exclude(rule="").count() == 4
    calculate_all()
    assert verify_ledger().clean
