"""Look at a file before anything is written: each row's outcome, and what all would add.

Rows are staged as they were read, with the ids that their names mean. What follows from them
(`completed`) is worked out whenever they are looked at, so that a name that is mapped later
counts as if it had always been known.
"""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from django.db import connection, transaction

from emissions.calculation.arrays import NANO
from emissions.calculation.vocabulary import ImportStatus, RowOutcome
from emissions.importers.bulk import ImportRefused
from emissions.importers.columns import COLUMNS, TimeZoneNeeded
from emissions.importers.formats import Opened, open_file
from emissions.importers.template import FIELDS
from emissions.models import (
    ImportContent,
    Node,
    Organisation,
    Project,
    RunImport,
    User,
)
from emissions.services.audit import write_audit_event
from emissions.services.check_rows import completed, counted, refusals
from emissions.services.copying import read_frame, write_frame
from emissions.services.imports.experiments import Experiments
from emissions.services.imports.match import match
from emissions.services.imports.names import IDS, NAME_OF, UNKNOWN_OF, Names
from emissions.services.imports.reach import Within, reach_of
from emissions.services.resolving.columns import RUN_COLUMNS
from emissions.services.resolving.facts import Facts, load_facts
from emissions.services.resolving.resolve import resolve

BATCH = 100_000
ID_COLUMNS = [column for columns in IDS.values() for column in columns]
#: What a row states: an id of its own is made of these where the file gives none.
STATING = [name for name in COLUMNS if name not in ("row", "external_id")]
#: Column of Run → the template's name of it, for messages.
PUBLIC = {column: field for field, (column, _) in reversed(FIELDS.items()) if column}
PUBLIC |= {"hardware": "hardware", "node": "node", "site": "site", "cloud_region": "cloud_region"}

AGAIN = "Another row of this file is the same run: it counts once."
NO_RUNS = "There is no run in this file."
NOT_IN_REACH = "This project is not yours to log runs in."
ARCHIVED = "This project is archived: nothing more is recorded in it."


def open_import(
    *,
    organisation: Organisation,
    path: Path,
    file_name: str,
    project: Project | None,
    only_project: bool,
    format_name: str = "",
    time_zone: str = "",
    asks: bool = False,
    by: User | None,
    now: datetime,
) -> RunImport:
    """Read a file into staged rows; with `asks` keep it until somebody says its time zone.

    Raises
    ------
    ImportRefused
        The file cannot be read; nothing is kept of it.
    TimeZoneNeeded
        Its dates carry no zone, none is given, and nobody can be asked; nothing is kept of it.
    """
    opened = open_file(path, format_name=format_name)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    run_import = RunImport(
        organisation=organisation,
        project=project,
        only_project=only_project,
        file_name=file_name[-250:] or "upload",
        sha256=digest,
        size_bytes=path.stat().st_size,
        file_format=opened.format.name,
        source_kind=opened.format.source_kind,
        time_zone=time_zone,
        left_out=opened.left_out,
        created_by=by,
        created_at=now,
    )
    with transaction.atomic():
        run_import.save()
        write_audit_event(
            organisation=organisation,
            by=by,
            action="file uploaded",
            instance=run_import,
            after={"sha256": digest, "format": opened.format.name},
        )
        try:
            with transaction.atomic():
                stage(run_import=run_import, opened=opened, now=now)
        except TimeZoneNeeded:
            if not asks:
                raise
            run_import.status = ImportStatus.ASKING
            run_import.save(update_fields=["status"])
            ImportContent.objects.create(
                run_import=run_import, content=zlib.compress(path.read_bytes(), 3)
            )
    return run_import


@transaction.atomic
def tell_time_zone(*, run_import: RunImport, time_zone: str, now: datetime) -> RunImport:
    """Stage a file that was kept, now that its time zone is known.

    Raises
    ------
    ImportRefused
        It has no run after all.
    """
    content = ImportContent.objects.select_for_update().get(run_import=run_import)
    run_import.time_zone = time_zone
    with TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        path.write_bytes(zlib.decompress(bytes(content.content)))
        opened = open_file(path, format_name=run_import.file_format)
        stage(run_import=run_import, opened=opened, now=now)
    content.delete()
    return run_import


def stage(*, run_import: RunImport, opened: Opened, now: datetime) -> None:
    """Stage a file's rows within the caller's transaction.

    Raises
    ------
    ImportRefused, TimeZoneNeeded
        As the importers do.
    """
    zone = ZoneInfo(run_import.time_zone) if run_import.time_zone else None
    desk = Desk(run_import, now)
    for part in opened.read(zone=zone):
        desk.take(part.runs, part.errors)
    if not desk.rows:
        raise ImportRefused(NO_RUNS)
    desk.close()


@transaction.atomic
def stage_again(*, run_import: RunImport, now: datetime) -> None:
    """Look at staged rows anew, after names were mapped; what could not be read stays refused."""
    desk = Desk(run_import, now)
    for rows in staged(run_import=run_import):
        read = rows.filter(pl.col("started_at").is_not_null())
        unread = rows.filter(pl.col("started_at").is_null())
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM emissions_importrow"
                " WHERE run_import_id = %s AND row BETWEEN %s AND %s",
                [run_import.pk, rows["row"][0], rows["row"][-1]],
            )
        desk.take(
            read.select(*COLUMNS, "count_assumed"),
            unread.select("row", column="refused_column", reason="reason"),
        )
    desk.close()


STAGED: dict[str, pl.DataType | type[pl.DataType]] = {
    **{name: kind for name, kind in COLUMNS.items() if name != "started_at"},
    **dict.fromkeys(ID_COLUMNS, pl.Int64),
    "count_assumed": pl.Boolean,
    "refused_column": pl.String,
    "reason": pl.String,
    "outcome": pl.String,
    "started_at_us": pl.Int64,
}


def staged(
    *, run_import: RunImport, after: int = 0, only_due: bool = False, batch: int = BATCH
) -> Iterator[pl.DataFrame]:
    """Yield staged rows in the order of the file, typed as importers type them.

    With `only_due` those that are to be written.
    """
    epoch = "(extract(epoch FROM started_at) * 1000000)::bigint"
    columns = ", ".join(epoch if name == "started_at_us" else name for name in STAGED)
    due = " AND outcome IN ('new', 'changed')" if only_due else ""
    while True:
        rows = read_frame(
            f"SELECT {columns} FROM emissions_importrow WHERE run_import_id = %s AND row > %s{due}"
            " ORDER BY row LIMIT %s",
            [run_import.pk, after, batch],
            STAGED,  # type: ignore[arg-type]
        )
        if not rows.height:
            return
        after = int(rows["row"][-1])
        blank = pl.col([name for name, kind in COLUMNS.items() if kind is pl.String])
        yield rows.with_columns(
            pl.when(blank != "").then(blank),
            pl.from_epoch("started_at_us", time_unit="us")
            .dt.replace_time_zone("UTC")
            .alias("started_at"),
        )


@dataclass(slots=True)
class Sums:
    """What has been counted so far."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    energy_kwh: float = 0.0
    location_based_kg: float = 0.0


class Desk:
    """Where the rows of one import are looked at, part by part."""

    def __init__(self, run_import: RunImport, now: datetime) -> None:
        self.run_import, self.now = run_import, now
        self.organisation = run_import.organisation
        self.within: Within = reach_of(run_import)
        self.sums = Sums()
        self.rows = 0
        self._seen: list[np.ndarray[tuple[int], np.dtype[np.uint64]]] = []

    @cached_property
    def names(self) -> Names:
        """What names mean."""
        return Names(self.organisation)

    @cached_property
    def experiments(self) -> Experiments:
        """What trackers' experiments say of their runs."""
        return Experiments(self.organisation)

    @cached_property
    def nodes(self) -> dict[int, Node]:
        """The organisation's nodes by their ids."""
        return Node.objects.filter(organisation=self.organisation).in_bulk()

    @cached_property
    def facts(self) -> Facts:
        """What the core needs beside the runs."""
        return load_facts(organisation=self.organisation)

    @cached_property
    def all_projects(self) -> frozenset[int]:
        """Every project of the organisation that takes runs."""
        projects = Project.objects.filter(organisation=self.organisation, archived_at=None)
        return frozenset(projects.values_list("pk", flat=True))

    def take(self, runs: pl.DataFrame, errors: pl.DataFrame) -> None:
        """Stage a part of the file."""
        errors = errors.unique("row", keep="first", maintain_order=True)
        self.rows += runs.height + errors.height
        self._write_refused(errors)
        if not runs.height:
            return
        named = self.experiments.projects(self.names.resolve(runs))
        runs = self.experiments.placed(self.placed(_identified(named)))
        refused = self._refused(runs)
        sound = runs.join(refused, on="row", how="anti", maintain_order="left")
        matched = self.matched(sound)
        self._count(matched)
        self._write(
            runs,
            matched.select("row", "run_id", "outcome", "reason", refused_column=pl.lit("")),
            refused,
        )

    def placed(self, runs: pl.DataFrame) -> pl.DataFrame:
        """Send rows to the project that they belong to."""
        project = pl.col("project_id")
        if self.within.only_project_id is not None:
            project = pl.lit(self.within.only_project_id, dtype=pl.Int64)
        elif self.within.default_project_id is not None:
            project = project.fill_null(self.within.default_project_id)
        devices = {key: float(node.device_count) for key, node in self.nodes.items()}
        return counted(runs.with_columns(project_id=project), devices_in_node=devices)

    def matched(self, runs: pl.DataFrame) -> pl.DataFrame:
        """Return completed rows with what they would change."""
        return match(
            completed(with_unknown(runs)),
            organisation=self.organisation,
            source_kind=self.run_import.source_kind,
            within=self.within,
        )

    def out_of_reach(self, runs: pl.DataFrame) -> pl.Series:
        """Return which rows name a project that the import may not enter."""
        return runs["project_id"].is_not_null() & ~runs["project_id"].is_in(
            list(self.within.projects)
        )

    def _refused(self, runs: pl.DataFrame) -> pl.DataFrame:
        """Return the rows that are not written: row, refused_column, reason."""
        known = [
            (row, PUBLIC.get(column, column), reason)
            for row, column, reason in refusals(runs, nodes=self.nodes, now=self.now)
        ]
        schema = {"row": pl.Int64, "refused_column": pl.String, "reason": pl.String}
        found = pl.DataFrame(known, schema=schema, orient="row")
        far = runs.filter(self.out_of_reach(runs))
        archived = ~far["project_id"].is_in(list(self.all_projects))
        far = far.select(
            "row",
            refused_column=pl.lit("project"),
            reason=pl.Series(archived).replace_strict({True: ARCHIVED, False: NOT_IN_REACH}),
        )
        again = runs.filter(self._again(runs)).select(
            "row", refused_column=pl.lit("external_id"), reason=pl.lit(AGAIN)
        )
        return pl.concat([found, far, again]).unique("row", keep="first", maintain_order=True)

    def _again(self, runs: pl.DataFrame) -> pl.Series:
        """Return which rows are a run that another row of the file is: 64 bits tell them apart."""
        keys = runs.select(pl.struct("project_id", "external_id").hash()).to_series()
        again = ~keys.is_first_distinct()
        numbers = keys.to_numpy()
        for earlier in self._seen:
            again = again | pl.Series(np.isin(numbers, earlier))
        self._seen.append(np.unique(numbers))
        return again

    def _count(self, matched: pl.DataFrame) -> None:
        counts = dict(matched["outcome"].value_counts().iter_rows())
        self.sums.new += counts.get(RowOutcome.NEW, 0)
        self.sums.changed += counts.get(RowOutcome.CHANGED, 0)
        self.sums.unchanged += counts.get(RowOutcome.UNCHANGED, 0)
        self.sums.refused += counts.get(RowOutcome.REFUSED, 0)
        due = matched.filter(pl.col("outcome").is_in([RowOutcome.NEW, RowOutcome.CHANGED]))
        if due.height:
            figures = resolve(runs=_for_core(due, self.run_import), facts=self.facts).figures
            self.sums.energy_kwh += float(figures.energy_facility_kwh_nano.sum()) / NANO
            self.sums.location_based_kg += float(figures.location_based_kg_nano.sum()) / NANO

    def _write_refused(self, errors: pl.DataFrame) -> None:
        self.sums.refused += errors.height
        if errors.height:
            write_frame(
                errors.select(
                    "row",
                    run_import_id=pl.lit(self.run_import.pk),
                    outcome=pl.lit(RowOutcome.REFUSED.value),
                    refused_column=pl.col("column").str.slice(0, 100),
                    reason="reason",
                ),
                "emissions_importrow",
            )

    def _write(self, runs: pl.DataFrame, outcomes: pl.DataFrame, refused: pl.DataFrame) -> None:
        self.sums.refused += refused.height
        outcomes = pl.concat(
            [
                outcomes,
                refused.with_columns(
                    run_id=pl.lit(None, dtype=pl.Int64), outcome=pl.lit(RowOutcome.REFUSED.value)
                ).select(outcomes.columns),
            ]
        )
        texts = ("external_id", "name", "stated_factor_source", "ai_model", "sweep", "metric_name",
                 "notes")  # fmt: skip
        write_frame(
            runs.with_columns(pl.col(texts).fill_null(""))
            .join(outcomes, on="row", maintain_order="left")
            .with_columns(run_import_id=pl.lit(self.run_import.pk)),
            "emissions_importrow",
        )

    def close(self) -> None:
        """Keep what was counted."""
        sums, one = self.sums, self.run_import
        one.new_rows, one.changed_rows = sums.new, sums.changed
        one.unchanged_rows, one.refused_rows = sums.unchanged, sums.refused
        one.rows = sums.new + sums.changed + sums.unchanged + sums.refused
        one.energy_kwh, one.location_based_kg = sums.energy_kwh, sums.location_based_kg
        one.status = ImportStatus.READY
        one.save()


def with_unknown(runs: pl.DataFrame) -> pl.DataFrame:
    """Add what the source calls things that we do not know."""
    made = []
    for kind, columns in IDS.items():
        nothing = pl.all_horizontal([pl.col(column).is_null() for column in columns])
        name = pl.col(NAME_OF[kind]).fill_null("")
        made.append(pl.when(nothing).then(name).otherwise(pl.lit("")).alias(UNKNOWN_OF[kind]))
    return runs.with_columns(made)


def _identified(runs: pl.DataFrame) -> pl.DataFrame:
    """Give rows without an id of their own one that is made of all they state."""
    without = runs["external_id"].is_null()
    if not without.any():
        return runs
    stated = runs.filter(without).select(
        pl.concat_str(
            [pl.concat_str(pl.lit(f"{name}="), pl.col(name).cast(pl.String)) for name in STATING],
            separator="\x1f",
            ignore_nulls=True,
        )
    )
    made = pl.Series(
        [f"file-{hashlib.sha256(one.encode()).hexdigest()[:24]}" for one in stated.to_series()]
    )
    ids = runs["external_id"].scatter(np.flatnonzero(without.to_numpy()), made)
    return runs.with_columns(external_id=ids)


def _for_core(runs: pl.DataFrame, run_import: RunImport) -> pl.DataFrame:
    return runs.select(
        pl.lit(run_import.source_kind).alias(name)
        if name == "source_kind"
        else pl.int_range(pl.len()).alias(name)
        if name == "id"
        else pl.col("started_at").dt.timestamp("us").alias(name)
        if name == "started_at_us"
        else pl.col(name).cast(kind)
        for name, kind in RUN_COLUMNS.items()
    )
