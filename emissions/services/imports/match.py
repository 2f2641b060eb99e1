"""Compare rows of a file with the runs that are there: new, changed or unchanged."""

import polars as pl
from django.db import connection

from emissions.calculation.vocabulary import RowOutcome
from emissions.models import Organisation
from emissions.services.copying import read_frame
from emissions.services.imports.names import IDS
from emissions.services.imports.reach import Within
from emissions.services.receive_runs import STATED
from emissions.services.record_frames import UNKNOWN, WRITTEN

BOOLEANS = ("count_assumed", "energy_includes_pue", "energy_measured")
STRINGS = (
    "external_id", "name", "ai_model", "stage", "status", "stated_factor_source", "sweep",
    "metric_name", "notes", *UNKNOWN,
)  # fmt: skip
NOT_YOURS = "Somebody else recorded this run: you may change your own."
#: Ids and the name that stands where they are not known.
GROUPS = [(ids, f"unknown_{kind.value}") for kind, ids in IDS.items()]


def _kind(name: str) -> type[pl.DataType]:
    if name in STRINGS:
        return pl.String
    if name in BOOLEANS:
        return pl.Boolean
    return pl.Int64 if name.endswith(("_id", "_us")) else pl.Float64


def match(
    rows: pl.DataFrame, *, organisation: Organisation, source_kind: str, within: Within
) -> pl.DataFrame:
    """Return completed rows with `outcome`, `run_id` and `reason`.

    A row is a run that is there if both have one external id and one project. A run that has
    no project yet is the row's, and so is a run of the same kind of source that somebody has
    given a project which the file does not know. What people have assigned stays.
    """
    there = _present(rows["external_id"], organisation)
    rows = rows.drop("outcome", "reason", "refused_column", strict=False).with_columns(
        run_id=pl.lit(None, dtype=pl.Int64)
    )
    if not there.height:
        return rows.with_columns(outcome=pl.lit(RowOutcome.NEW.value), reason=pl.lit(""))
    pairs = rows.select("row", "external_id", "project_id").join(
        there.select("external_id", old="id", old_project="project_id", kind="source_kind"),
        on="external_id",
    )
    same = pl.col("project_id").eq_missing(pl.col("old_project"))
    adopted = pl.col("old_project").is_null()
    assigned = pl.col("project_id").is_null() & (pl.col("kind") == source_kind)
    pairs = (
        pairs.filter(same | adopted | assigned)
        .sort("row", ~same, "old")
        .unique("row", keep="first", maintain_order=True)
        .unique("old", keep="first", maintain_order=True)
    )
    found = rows.drop("run_id").join(
        pairs.select("row", run_id="old"), on="row", how="left", maintain_order="left"
    )
    before = there.rename({name: f"old_{name}" for name in there.columns if name != "id"})
    found = found.join(before, left_on="run_id", right_on="id", how="left", maintain_order="left")
    found = _kept(found)
    differs = pl.any_horizontal(
        [
            ~_value(name).eq_missing(pl.col(f"old_{_column(name)}"))
            for name in ("project_id", *STATED)
        ]
    )
    foreign = pl.lit(value=False)
    if within.editor_id is not None:
        foreign = pl.col("old_created_by_id").ne_missing(within.editor_id)
    outcome = (
        pl.when(pl.col("run_id").is_null())
        .then(pl.lit(RowOutcome.NEW.value))
        # Its tracker has posted it: what came as it ran is not overwritten by a file.
        .when(~differs | pl.col("old_streamed").fill_null(value=False))
        .then(pl.lit(RowOutcome.UNCHANGED.value))
        .when(foreign)
        .then(pl.lit(RowOutcome.REFUSED.value))
        .otherwise(pl.lit(RowOutcome.CHANGED.value))
    )
    return found.with_columns(outcome=outcome).select(
        *rows.columns,
        "outcome",
        reason=pl.when(pl.col("outcome") == RowOutcome.REFUSED.value)
        .then(pl.lit(NOT_YOURS))
        .otherwise(pl.lit("")),
    )


def _column(name: str) -> str:
    return "started_at_us" if name == "started_at" else name


def _value(name: str) -> pl.Expr:
    return pl.col(name).dt.timestamp("us") if name == "started_at" else pl.col(name)


def _kept(rows: pl.DataFrame) -> pl.DataFrame:
    """Let stand what people have assigned where the file names nothing that we know."""
    for ids, unknown in GROUPS:
        nothing = pl.all_horizontal([pl.col(name).is_null() for name in ids])
        assigned = pl.any_horizontal([pl.col(f"old_{name}").is_not_null() for name in ids])
        keeps = nothing & assigned
        rows = rows.with_columns(
            *(pl.when(keeps).then(f"old_{name}").otherwise(name).alias(name) for name in ids),
            pl.when(keeps).then(pl.lit("")).otherwise(unknown).alias(unknown),
        )
    return rows


def _present(external_ids: pl.Series, organisation: Organisation) -> pl.DataFrame:
    names = ["started_at_us" if name == "started_at" else name for name in WRITTEN]
    schema: dict[str, type[pl.DataType]] = {
        "id": pl.Int64,
        "created_by_id": pl.Int64,
        "source_kind": pl.String,
        "streamed": pl.Boolean,
        **{name: _kind(name) for name in names},
    }
    epoch = "(extract(epoch FROM started_at) * 1000000)::bigint"
    streamed = "EXISTS (SELECT FROM emissions_energystream stream WHERE stream.run_id = run.id)"
    said = {"started_at_us": epoch, "streamed": streamed}
    columns = ", ".join(said.get(name, name) for name in schema)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM emissions_run WHERE organisation_id = %s"
            " AND deleted_at IS NULL)",
            [organisation.pk],
        )
        if not cursor.fetchone()[0]:
            return pl.DataFrame(schema=schema)
    return read_frame(
        f"SELECT {columns} FROM emissions_run run WHERE organisation_id = %s AND deleted_at IS NULL"
        " AND external_id = ANY(%s)",
        [organisation.pk, external_ids.to_list()],
        schema,
    )
