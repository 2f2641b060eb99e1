"""Every model is append-only or mutable, and somebody has decided which."""

from datetime import date
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from emissions.calculation.vocabulary import Basis, Fit, RunStatus, Scope, SourceKind, Stage
from emissions.management.commands.grant_ledger_role import append_only_tables
from emissions.models import (
    AdoptionPreview,
    ApiToken,
    AuditEvent,
    Cell,
    ClosedQuarter,
    CloudAccount,
    CloudRegion,
    CounterSample,
    DefaultPue,
    DoublePair,
    DoubleSearch,
    EmissionEntry,
    EmissionFactor,
    EnergyInstrument,
    EnergyPost,
    EnergyStream,
    Experiment,
    FactorLoad,
    FactorSet,
    FactorSetAdoption,
    FuelUse,
    GridLoss,
    GridMix,
    GridZone,
    HardwareAlias,
    HardwareLife,
    HardwareModel,
    HourlyIntensity,
    ImportContent,
    ImportMapping,
    ImportRow,
    InstrumentUse,
    Membership,
    MeterReading,
    MonthlyTotal,
    Node,
    NodeLife,
    NodePlacement,
    NodeTotal,
    Observation,
    Organisation,
    PendingCalculation,
    Pool,
    Posting,
    Project,
    ProjectAssignment,
    ProviderStatement,
    Run,
    RunImport,
    RunState,
    Site,
    SiteConditions,
    StalePool,
    Team,
    UnfoldedPost,
    User,
)
from tests.factories import (
    make_factor_set,
    make_hours,
    make_mix,
    make_post,
    make_project,
    make_run,
    make_stream,
)

#: The database refuses to change or delete their rows.
APPEND_ONLY = {
    AuditEvent,
    Cell,
    ClosedQuarter,
    EmissionEntry,
    EmissionFactor,
    EnergyPost,
    FactorSet,
    GridLoss,
    GridMix,
    HourlyIntensity,
    Posting,
}

MUTABLE = {
    AdoptionPreview: "a question, and then its answer",
    DoubleSearch: "a question, and then its answer",
    ApiToken: "revoked",
    CloudAccount: "edited; its statements are kept",
    CloudRegion: "reference data, corrected by load_reference",
    CounterSample: "kept for some days, then forgotten",
    DefaultPue: "reference data",
    DoublePair: "a decision, which can be taken back",
    EnergyStream: "inserted by a request; a worker notes how far it is folded",
    Experiment: "renamed, placed",
    EnergyInstrument: "edited, retired; the audit log keeps what it said",
    FactorLoad: "a file that waits, and then what became of it",
    FactorSetAdoption: "withdrawn",
    FuelUse: "taken back, never overwritten",
    GridZone: "reference data",
    HardwareAlias: "reference data; an organisation's own are added and removed",
    HardwareModel: "an organisation's own entries are edited",
    ImportContent: "kept until the time zone is known",
    ImportMapping: "what a name means can be changed",
    ImportRow: "rows of a file until they are imported",
    InstrumentUse: "allocated anew; the lines that it caused stay",
    Membership: "roles change, people leave",
    MeterReading: "edited and deleted; the audit log keeps what it said",
    MonthlyTotal: "moves with the entries",
    HardwareLife: "only superseded",
    Node: "edited; where it stood and how long it is to serve are dated",
    NodeLife: "only superseded",
    NodePlacement: "only superseded",
    NodeTotal: "moves with the entries",
    Observation: "evidence: superseded",
    Organisation: "its settings",
    PendingCalculation: "the queue: inserted and deleted",
    Pool: "a lock for workers: its key never changes, and it stays with its lines",
    Project: "renamed, archived",
    ProjectAssignment: "only superseded",
    ProviderStatement: "superseded by a restatement",
    Run: "activity data as somebody stated it: edited, left as a tombstone",
    RunImport: "its progress",
    RunState: "the workers' lock and error",
    Site: "renamed, archived",
    SiteConditions: "only superseded",
    StalePool: "the queue: inserted and deleted",
    Team: "renamed, archived",
    UnfoldedPost: "a queue: inserted and deleted",
    User: "people",
}

OURS = [
    model for label in ("emissions", "reports") for model in apps.get_app_config(label).get_models()
]


def test_every_model_is_in_exactly_one_list():
    assert not APPEND_ONLY & set(MUTABLE)
    undecided = set(OURS) - APPEND_ONLY - set(MUTABLE)
    assert not undecided, "decide whether these are append-only or mutable"
    assert APPEND_ONLY | set(MUTABLE) == set(OURS)


@pytest.mark.django_db
def test_the_database_s_triggers_are_the_list():
    with connection.cursor() as cursor:
        assert set(append_only_tables(cursor)) == {model._meta.db_table for model in APPEND_ONLY}


@pytest.fixture
def ledger(db: None) -> Run:
    """A run with lines in the ledger, and everything that they refer to."""
    run = make_run(project=make_project(), zone=GridZone.objects.filter(code="FR").first())
    organisation = run.organisation
    make_post(make_stream(project=run.project))
    make_hours(
        factor_set=make_factor_set(), zone=GridZone.objects.get(code="FR"), year=2025,
        grams=lambda _: 50.0,
    )  # fmt: skip
    make_mix(
        factor_set=make_factor_set(), zone=GridZone.objects.get(code="FR"), year=2025,
        shares=(0.3, 0.6, 0.1),
    )  # fmt: skip
    ClosedQuarter.objects.create(
        organisation=organisation,
        starts_on=date(2025, 1, 1),
        ledger_position=0,
        methodology_version="2",
        factor_sets=[],
    )
    if not Cell.objects.exists():
        Cell.objects.create(
            organisation=organisation,
            stage=Stage.DATA,
            status=RunStatus.COMPLETED,
            source_kind=SourceKind.FORM,
            scope=Scope.SCOPE_2,
            basis=Basis.ESTIMATED,
            fit=Fit.NONE,
        )
    return run


@pytest.mark.parametrize("model", sorted(APPEND_ONLY, key=lambda model: model.__name__))
class TestAppendOnly:
    def test_a_row_is_not_updated(self, ledger, model):
        refuses(f"UPDATE {table(model)} SET id = id WHERE id = %s", an_id(model))

    def test_a_row_is_not_deleted(self, ledger, model):
        refuses(f"DELETE FROM {table(model)} WHERE id = %s", an_id(model))

    def test_nor_through_the_orm(self, ledger, model):
        row = model.objects.order_by("pk")[0]
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            row.save(force_update=True)


@pytest.mark.parametrize("model", sorted(MUTABLE, key=lambda model: model.__name__))
def test_a_mutable_model_has_no_trigger_that_refuses(db, model):
    with connection.cursor() as cursor:
        assert table(model) not in append_only_tables(cursor)


def table(model: type[models.Model]) -> str:
    return model._meta.db_table


def an_id(model: Any) -> int:
    found = model.objects.order_by("pk").values_list("pk", flat=True).first()
    assert found is not None, f"the test needs a row of {model.__name__}"
    return int(found)


def refuses(statement: str, *parameters: Any) -> None:
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, parameters)
