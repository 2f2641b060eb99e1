"""Rows that name an experiment of the organisation's: its project, place and counters are theirs.

A tracker writes into its emissions.csv the experiment that it was given. What the organisation
says of an experiment counts for its file as for its posts.
"""

from functools import cached_property
from uuid import UUID

import polars as pl

from emissions.calculation.components import counted_throughout
from emissions.calculation.vocabulary import Basis
from emissions.models import Experiment, Organisation

DEFAULT = "default"
PLACE = ("site_id", "cloud_region_id", "zone_id")
KNOWN: dict[str, type[pl.DataType]] = {
    "experiment": pl.String,
    "its_project_id": pl.Int64,
    **{f"its_{name}": pl.Int64 for name in PLACE},
    "cpu_measured": pl.Boolean,
}


class Experiments:
    """The experiments of one organisation, read when a row first names one."""

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation

    def projects(self, runs: pl.DataFrame) -> pl.DataFrame:
        """Return rows with the projects of the experiments that they name by id."""
        if _unnamed(runs):
            return runs
        known = _named(runs).join(self._known, on="experiment", how="left", maintain_order="left")
        project = pl.coalesce("its_project_id", "project_id")
        return known.with_columns(project_id=project).select(runs.columns)

    def placed(self, runs: pl.DataFrame) -> pl.DataFrame:
        """Return rows at the places of their experiments, now that their projects are known.

        At a known place its PUE counts; what a person stated to the client does not.
        """
        if _unnamed(runs):
            return runs
        named = _named(runs)
        default = pl.format("default of {}", "project_id")
        key = pl.when(pl.col("experiment") == DEFAULT).then(default).otherwise("experiment")
        known = named.with_columns(experiment=key).join(
            self._known, on="experiment", how="left", maintain_order="left"
        )
        ids = [pl.col(f"its_{name}") for name in PLACE]
        there = pl.any_horizontal([one.is_not_null() for one in ids])
        counted = pl.col("cpu_measured").fill_null(value=False)
        found = known.with_columns(
            *(pl.when(there).then(f"its_{name}").otherwise(name).alias(name) for name in PLACE),
            stated_pue=pl.when(~there).then("stated_pue"),
            cpu_basis=pl.when(counted & pl.col("cpu_basis").is_not_null())
            .then(pl.lit(int(Basis.DEVICE_COUNTER)))
            .otherwise("cpu_basis"),
        )
        return with_measured(found).select(runs.columns)

    @cached_property
    def _known(self) -> pl.DataFrame:
        rows = Experiment.objects.filter(organisation=self.organisation).values_list(
            "uuid", "project_id", *PLACE, "cpu_measured", "is_default"
        )
        found = [(str(uuid), *rest) for uuid, *rest, _ in rows]
        found += [
            (f"default of {project}", project, *rest)
            for _, project, *rest, is_default in rows
            if is_default
        ]
        return pl.DataFrame(found, schema=KNOWN, orient="row")


def with_measured(runs: pl.DataFrame) -> pl.DataFrame:
    """Return rows that know their components with `energy_measured` as these have it."""
    parts = {
        f"{name}_kwh": runs[f"{name}_energy_kwh"].fill_null(0.0).to_numpy()
        for name in ("gpu", "cpu", "memory")
    }
    counted = (runs["cpu_basis"] <= int(Basis.SITE_METER)).fill_null(value=False).to_numpy()
    measured = counted_throughout(**parts, cpu_counted=counted)
    known = pl.any_horizontal(
        [pl.col(f"{name}_basis").is_not_null() for name in ("gpu", "cpu", "memory")]
    )
    return runs.with_columns(
        energy_measured=pl.when(known)
        .then(pl.Series("measured", measured))
        .otherwise("energy_measured")
    )


def _unnamed(runs: pl.DataFrame) -> bool:
    return runs["experiment"].null_count() == runs.height


def _named(runs: pl.DataFrame) -> pl.DataFrame:
    """Return rows with what they name as we write it; a job's number stands behind a slash."""
    spelt = runs["experiment"].unique().to_list()
    read = {text: _read(text) for text in spelt if text is not None}
    return runs.with_columns(
        pl.col("experiment").replace_strict(read, default=None, return_dtype=pl.String)
    )


def _read(text: str) -> str | None:
    name = text.partition("/")[0].strip().lower()
    if name == DEFAULT:
        return name
    try:
        return str(UUID(name))
    except ValueError:
        return None
