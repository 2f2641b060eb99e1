from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError

from emissions.calculation.vocabulary import ImportStatus, Role
from emissions.importers.bulk import ImportRefused
from emissions.models import (
    AuditEvent,
    EmissionEntry,
    ImportRow,
    Observation,
    PendingCalculation,
    Project,
    Run,
    RunImport,
    RunState,
)
from emissions.services.imports import run as running
from emissions.services.imports.run import (
    NotNow,
    cancel_import,
    discard_import,
    start_import,
    undo_import,
    work,
)
from emissions.services.imports.stage import tell_time_zone
from emissions.services.record_runs import edit_run
from emissions.services.verify_ledger import verify_ledger
from tests.emissions.services.imports.files import (
    HEADER,
    alive,
    bring,
    carry_out,
    counts,
    finish,
    reasons,
    upload,
)
from tests.factories import (
    NOW,
    calculate_all,
    make_member,
    make_node,
    make_project,
    make_run,
    make_site,
    make_team,
)

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def project() -> Project:
    project = make_project(name="Vision")
    make_site(project.organisation, name="Luleå")
    return project


def row(external_id: str, **changes: str) -> str:
    values = {
        "external_id": external_id, "name": f"job {external_id}", "project": "Vision",
        "started_at": "2026-03-01T09:00Z", "duration_hours": "10", "hardware": "A100",
        "device_count": "8", "energy_kwh": "", "site": "Luleå", **changes,
    }  # fmt: skip
    return ",".join(values[name] for name in HEADER.strip().split(",")) + "\n"


def ledger_kg(organisation: Any) -> float:
    calculate_all()
    lines = EmissionEntry.objects.filter(run__organisation=organisation)
    return float(sum(line.location_based_kg for line in lines))


class TestPreview:
    def test_nothing_but_the_staged_rows_is_written(self, project: Project) -> None:
        one = upload(project.organisation, HEADER + row("a") + row("b", duration_hours="x"))
        assert one.status == ImportStatus.READY
        assert counts(one) == (1, 0, 0, 1)
        assert reasons(one)[0][:2] == (3, "duration_hours")
        assert not Run.objects.exists()
        assert not PendingCalculation.objects.exists()

    def test_the_totals_are_what_the_ledger_will_say(self, project: Project) -> None:
        one = upload(project.organisation, HEADER + row("a") + row("b", energy_kwh="12.5"))
        carry_out(one)
        assert ledger_kg(project.organisation) == pytest.approx(one.location_based_kg)
        assert one.energy_kwh > 0

    def test_new_changed_unchanged_and_refused(self, project: Project) -> None:
        bring(project.organisation, HEADER + row("a") + row("b"))
        text = HEADER + row("a") + row("b", duration_hours="11") + row("c") + row("c")
        one = upload(project.organisation, text)
        assert counts(one) == (1, 1, 1, 1)
        assert reasons(one)[0][:2] == (5, "external_id")

    def test_rows_that_the_form_would_refuse(self, project: Project) -> None:
        text = HEADER + "".join(
            [
                row("a", duration_hours="-1"),
                row("b", device_count="0"),
                row("c", started_at="1970-01-01T00:00Z"),
                row("d", started_at="2036-01-01T00:00Z"),
                row("e", hardware=""),
                row("f", energy_kwh="1e12"),
                row("g", duration_hours=""),
            ]
        )
        one = upload(project.organisation, text)
        assert [(number, column) for number, column, _ in reasons(one)] == [
            (2, "duration_hours"),
            (3, "device_count"),
            (4, "started_at"),
            (5, "started_at"),
            (6, "hardware"),
            (7, "energy_kwh"),
            (8, "duration_hours"),
        ]

    def test_a_file_without_a_run_is_refused_and_forgotten(self, project: Project) -> None:
        with pytest.raises(ImportRefused):
            upload(project.organisation, HEADER)
        assert not RunImport.objects.exists()

    def test_a_time_zone_is_asked_for_and_then_counts(self, project: Project) -> None:
        text = HEADER + row("a", started_at="2026-03-01T09:00")
        one = upload(project.organisation, text)
        assert (one.status, one.content.pk) == (ImportStatus.ASKING, one.pk)
        assert not ImportRow.objects.exists()
        tell_time_zone(run_import=one, time_zone="Asia/Tokyo", now=NOW)
        assert (one.status, counts(one)) == (ImportStatus.READY, (1, 0, 0, 0))
        carry_out(one)
        assert alive(project.organisation)[0].started_at == datetime(2026, 3, 1, tzinfo=UTC)

    def test_a_preview_is_forgotten(self, project: Project) -> None:
        one = upload(project.organisation, HEADER + row("a"))
        discard_import(run_import=one, by=None)
        assert not RunImport.objects.exists()
        assert not ImportRow.objects.exists()


class TestImport:
    def test_a_run_as_a_form_would_record_it(self, project: Project) -> None:
        bring(project.organisation, HEADER + row("a", energy_kwh="3.5"))
        (run,) = alive(project.organisation)
        assert (run.project, run.site and run.site.name) == (project, "Luleå")
        assert run.hardware is not None
        assert (run.device_count, run.device_hours, run.energy_kwh) == (8, 80, 3.5)
        assert (run.stage, run.status, run.source_kind) == ("pre_training", "completed", "file")
        assert RunState.objects.get(run=run).error == ""
        seen = Observation.objects.get(run=run)
        assert (seen.energy_kwh, seen.source_id) == (3.5, "a")
        assert seen.ended_at == run.ended_at
        assert PendingCalculation.objects.filter(run=run, cause="data").count() == 1

    def test_again_and_nothing_changes(self, project: Project) -> None:
        text = HEADER + row("a") + row("")
        bring(project.organisation, text)
        again = upload(project.organisation, text)
        assert counts(again) == (0, 0, 2, 0)
        with pytest.raises(NotNow):
            start_import(run_import=again, by=None, now=NOW)

    def test_batches_are_all_imported_once(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(running, "BATCH", 7)
        one = upload(project.organisation, HEADER + "".join(row(f"{n:03}") for n in range(30)))
        carry_out(one)
        assert [run.external_id for run in alive(project.organisation)] == [
            f"{n:03}" for n in range(30)
        ]
        assert (one.status, one.imported_rows) == (ImportStatus.DONE, 30)
        assert not ImportRow.objects.exists()
        assert work(now=NOW) == 0

    def test_a_change_moves_the_ledger(self, project: Project) -> None:
        bring(project.organisation, HEADER + row("a"))
        before = ledger_kg(project.organisation)
        bring(project.organisation, HEADER + row("a", duration_hours="20"), now=LATER)
        assert ledger_kg(project.organisation) == pytest.approx(2 * before)
        assert verify_ledger().clean

    def test_what_was_recorded_meanwhile_is_not_recorded_twice(self, project: Project) -> None:
        one = upload(project.organisation, HEADER + row("a") + row("b"))
        make_run(project=project, external_id="a", calculated=False)
        carry_out(one)
        assert [run.external_id for run in alive(project.organisation)] == ["a", "b"]

    def test_cancelled_and_gone_on_with(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(running, "BATCH", 2)
        one = upload(project.organisation, HEADER + "".join(row(str(n)) for n in range(6)))
        start_import(run_import=one, by=None, now=NOW)
        work(now=NOW)
        cancel_import(run_import=one, by=None, now=NOW)
        assert work(now=NOW) == 0
        assert len(alive(project.organisation)) == 2
        carry_out(one)
        assert len(alive(project.organisation)) == 6

    def test_each_step_is_in_the_audit_log(self, project: Project) -> None:
        bring(project.organisation, HEADER + row("a"))
        actions = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))
        assert actions[-4:] == [
            "file uploaded", "import started", "runs imported", "import completed",
        ]  # fmt: skip


class TestUndo:
    def test_created_runs_are_deleted_and_changed_ones_restored(self, project: Project) -> None:
        organisation = project.organisation
        bring(organisation, HEADER + row("a", energy_kwh="0.1"))
        before = ledger_kg(organisation)
        values = Run.objects.filter(organisation=organisation).values().get()
        one = bring(
            organisation,
            HEADER + row("a", duration_hours="20", site="", name="other") + row("b"),
            now=LATER,
        )
        assert ledger_kg(organisation) != before
        undo_import(run_import=one, by=None, now=LATER)
        finish(one, now=LATER)
        assert (one.status, one.kept_rows) == (ImportStatus.UNDONE, 0)
        assert ledger_kg(organisation) == before
        (run,) = Run.objects.of(organisation).values()
        assert {**run, "updated_at": None} == {**values, "updated_at": None}
        assert verify_ledger().clean

    def test_what_somebody_changed_since_stays(self, project: Project) -> None:
        one = bring(project.organisation, HEADER + row("a") + row("b"))
        run = alive(project.organisation)[0]
        run.name = "mine now"
        edit_run(run=run, by=None, now=LATER)
        undo_import(run_import=one, by=None, now=LATER)
        finish(one, now=LATER)
        assert [run.name for run in alive(project.organisation)] == ["mine now"]
        assert one.kept_rows == 1

    def test_the_file_can_be_imported_again(self, project: Project) -> None:
        text = HEADER + row("a")
        one = bring(project.organisation, text)
        undo_import(run_import=one, by=None, now=LATER)
        finish(one, now=LATER)
        assert counts(bring(project.organisation, text, now=LATER)) == (1, 0, 0, 0)

    def test_only_what_was_imported_is_undone(self, project: Project) -> None:
        one = upload(project.organisation, HEADER + row("a"))
        with pytest.raises(NotNow):
            undo_import(run_import=one, by=None, now=NOW)


class TestNames:
    def test_what_is_not_known_is_imported_nonetheless(self, project: Project) -> None:
        text = HEADER + row("a", project="Visoin", hardware="Z900", site="Mars")
        bring(project.organisation, text)
        (run,) = alive(project.organisation)
        assert (run.project, run.hardware, run.site) == (None, None, None)
        assert (run.unknown_project, run.unknown_equipment, run.unknown_place) == (
            "Visoin", "Z900", "Mars",
        )  # fmt: skip
        calculate_all()
        assert EmissionEntry.objects.filter(run=run).exists()
        assert verify_ledger().clean

    def test_a_project_for_rows_that_name_none(self, project: Project) -> None:
        one = bring(project.organisation, HEADER + row("a", project="") + row("b"), project=project)
        assert one.new_rows == 2
        assert {run.project for run in alive(project.organisation)} == {project}

    def test_nodes_regions_and_zones(self, project: Project) -> None:
        node = make_node(organisation=project.organisation, name="gpu-box")
        text = HEADER + "".join(
            [
                row("a", hardware="gpu-box", device_count="", site=""),
                row("b", site="gcp:europe-west3"),
                row("c", site="Germany"),
                row("d", site='"California, United States"'),
                row("e", site="us-ca"),
            ]
        )
        bring(project.organisation, text)
        a, b, c, d, e = alive(project.organisation)
        assert (a.node, a.hardware, a.device_count) == (node, None, 8)
        assert str(b.cloud_region) == "gcp:europe-west3"
        assert [run.zone and run.zone.code for run in (c, d, e)] == ["DE", "US-CA", "US-CA"]

    def test_what_people_have_assigned_stays(self, project: Project) -> None:
        text = HEADER + row("a", project="?", site="?")
        bring(project.organisation, text)
        (run,) = alive(project.organisation)
        run.project, run.unknown_project = project, ""
        edit_run(run=run, by=None, now=LATER)
        assert counts(upload(project.organisation, text)) == (0, 0, 1, 0)


class TestReach:
    def test_a_researcher_imports_into_the_team_s_projects(self) -> None:
        ours = make_member(Role.RESEARCHER)
        mine = make_project(ours.team, name="Mine")
        other = make_project(make_team(ours.organisation), name="Other")
        archived = make_project(ours.team, name="Old", archived_at=NOW)
        text = HEADER + "".join(
            row(name, project=name, site="") for name in ("Mine", "Other", "Old", "Unknown")
        )
        one = bring(ours.organisation, text, by=ours.user)
        assert [(number, column) for number, column, _ in reasons(one)] == [
            (3, "project"),
            (4, "project"),
        ]
        assert {run.project for run in alive(ours.organisation)} == {mine, None}
        assert {run.created_by for run in alive(ours.organisation)} == {ours.user}
        assert not Run.objects.filter(project__in=[other, archived]).exists()

    def test_a_researcher_changes_no_colleague_s_run(self) -> None:
        ours = make_member(Role.RESEARCHER)
        project = make_project(ours.team, name="Vision")
        colleague = make_member(Role.RESEARCHER, team=ours.team)
        make_run(project=project, external_id="a", created_by=colleague.user, calculated=False)
        one = upload(ours.organisation, HEADER + row("a", site=""), by=ours.user)
        assert counts(one) == (0, 0, 0, 1)
        manager = make_member(Role.MANAGER, team=ours.team)
        one = upload(ours.organisation, HEADER + row("a", site=""), by=manager.user)
        assert counts(one) == (0, 1, 0, 0)

    def test_who_has_left_imports_nothing_more(self) -> None:
        ours = make_member(Role.MANAGER)
        make_project(ours.team, name="Vision")
        one = upload(ours.organisation, HEADER + row("a", site=""), by=ours.user)
        ours.delete()
        carry_out(one)
        assert one.status == ImportStatus.FAILED
        assert "left the organisation" in one.error
        assert not alive(ours.organisation)

    def test_a_project_s_token_writes_its_project_only(self, project: Project) -> None:
        make_project(organisation=project.organisation, name="Other")
        text = HEADER + row("a", project="Other") + row("b", project="")
        bring(project.organisation, text, project=project, only_project=True)
        assert {run.project for run in alive(project.organisation)} == {project}

    def test_another_organisation_s_names_mean_nothing(self, project: Project) -> None:
        foreign = make_project(name="Foreign")
        make_site(foreign.organisation, name="Atlantis")
        make_node(organisation=foreign.organisation, name="their-node")
        text = HEADER + row("a", project="Foreign", site="Atlantis", hardware="their-node")
        bring(project.organisation, text)
        (run,) = alive(project.organisation)
        assert (run.project, run.site, run.node) == (None, None, None)


def test_a_database_that_is_away_fails_no_import(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = upload(project.organisation, HEADER + row("a"))
    start_import(run_import=one, by=None, now=NOW)

    def away(**_: Any) -> None:
        raise OperationalError("server closed the connection")

    with monkeypatch.context() as patched:
        patched.setattr(running, "record_frame", away)
        with pytest.raises(OperationalError):
            work(now=NOW)
    one.refresh_from_db()
    assert one.status == ImportStatus.IMPORTING
    assert finish(one).imported_rows == 1


@pytest.mark.django_db(transaction=True)
def test_a_reference_that_vanishes_fails_the_import_and_loses_nothing() -> None:
    project = make_project(name="Vision")
    site = make_site(project.organisation, name="Closing")
    one = upload(project.organisation, HEADER + row("a", site="Closing"))
    site.delete()
    start_import(run_import=one, by=None, now=NOW)
    assert work(now=NOW) == 1
    one.refresh_from_db()
    assert one.status == ImportStatus.FAILED
    assert "removed meanwhile" in one.error
    assert not alive(project.organisation)
    assert work(now=NOW) == 0
