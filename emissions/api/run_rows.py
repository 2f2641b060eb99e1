"""Rows of the API → unsaved runs, or what is wrong with them by field."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from emissions.api.access import Access
from emissions.api.calculator import unknown_hardware, unknown_region, unknown_zone
from emissions.api.fields import RUN
from emissions.api.values import ROW, Errors, read_row
from emissions.calculation.vocabulary import RunStatus, SourceKind
from emissions.models import Project, Run
from emissions.permissions import Action
from emissions.selectors.named import Named
from emissions.services.check_run import check_run, complete_run

#: The API's name → the column of Run that it states, where they differ.
COLUMNS = {
    "power_watts": "stated_power_watts",
    "pue_included": "energy_includes_pue",
    "pue": "stated_pue",
    "grid_g_per_kwh": "stated_factor_g_per_kwh",
    "grid_source": "stated_factor_source",
}
PUBLIC = {column: name for name, column in COLUMNS.items()}
NO_WAY = "Give one of hardware, node, power_watts and energy_kwh (or cpu_cores)."
ROUNDING_HOURS = 1 / 3600
#: What says how long a run has taken.
HOURS = ("ended_at", "duration_hours", "device_hours")
#: Columns whose absence may only follow from another field's error.
FOLLOWING = ("hardware", "duration_hours", "device_hours", "stated_factor_source")


class Rows:
    """Reads the rows of one request: into projects that it may write, with names read once."""

    def __init__(self, access: Access, *, now: datetime, alone: bool = False) -> None:
        self.now = now
        self.names = Named(access.organisation, alone=alone)
        self.only = access.project
        self.access = access

    @cached_property
    def projects(self) -> dict[str, Project]:
        """The projects that runs may be written to, by slug."""
        if self.only is not None:
            return {self.only.slug: self.only}
        return {one.slug: one for one in self.access.projects(Action.LOG_RUNS)}

    def read_all(self, rows: Sequence[Any]) -> list[Run | Errors]:
        """Return an unsaved run for each row, or what is wrong with it."""
        return [self.read(row) for row in rows]

    def read(self, row: Any, *, going: bool = False) -> Run | Errors:
        """Return an unsaved run, or what is wrong with the row.

        A run that is `going`, or says so itself, has lasted until now unless it says how long.
        """
        values, errors = read_row(row, RUN)
        if ROW in errors:
            return errors
        values = {COLUMNS.get(name, name): value for name, value in values.items() if value != ""}
        errors |= self._place_in_project(values, errors)
        so_far = (going or values.get("status") == RunStatus.RUNNING) and not any(
            name in values for name in HOURS
        )
        if so_far:
            values["ended_at"] = max(self.now, values.get("started_at", self.now))
        for step in (_name_things, _place_in_time, _count_devices):
            for field, messages in step(values, self.names).items():
                errors.setdefault(field, messages)
        known = {**values, "hardware": values.get("hardware_id")}
        for column, messages in check_run(known, now=self.now).items():
            field = PUBLIC.get(column, column)
            # What could not be read is not missing, too.
            if field not in errors and not (errors and column in FOLLOWING):
                errors[field] = (
                    [NO_WAY] if messages[0].startswith("Choose hardware or") else messages
                )
        if errors:
            return errors
        full = complete_run(values)
        full.setdefault("name", values.get("external_id") or "Run")
        run = Run(source_kind=SourceKind.API, **full)
        run.hours_so_far = so_far
        if run.hardware_id in self.names.found:
            run.hardware = self.names.found[run.hardware_id]
        return run

    def _place_in_project(self, values: dict[str, Any], errors: Errors) -> Errors:
        if "project" in errors:
            return {}
        slug = values.pop("project", self.only and self.only.slug)
        if slug is None:
            return {"project": ["Give the slug of the project that the run belongs to."]}
        project = self.projects.get(slug)
        if project is None:
            return {"project": [f"There is no project “{slug}” that this token may write to."]}
        if project.archived_at is not None:
            return {"project": [f"{project} is archived: nothing more is recorded in it."]}
        values["project"] = project
        return {}


def _name_things(values: dict[str, Any], names: Named) -> Errors:
    """Replace names by what they name; return those that are not known."""
    errors: Errors = {}
    if "hardware" in values:
        hardware = values.pop("hardware")
        values["hardware_id"] = names.hardware(hardware)
        if values["hardware_id"] is None:
            errors["hardware"] = [unknown_hardware(hardware, names)]
    if "cloud_region" in values:
        name = values["cloud_region"]
        values["cloud_region"] = names.region(name)
        if values["cloud_region"] is None:
            errors["cloud_region"] = [unknown_region(name, names)]
    if "zone" in values:
        code = values.pop("zone")
        values["zone_id"] = names.zone(code)
        if values["zone_id"] is None:
            errors["zone"] = [unknown_zone(code)]
    for noun, find in (("site", names.site), ("node", names.node)):
        if noun in values:
            name = values[noun]
            values[noun] = find(name)
            if values[noun] is None:
                errors[noun] = [f"The organisation has no {noun} “{name}”."]
    return errors | _one_place(values)


def _one_place(values: Mapping[str, Any]) -> Errors:
    zone, region = values.get("zone_id"), values.get("cloud_region")
    if zone is None:
        return {}
    if values.get("site") is not None:
        return {"zone": ["The site says in which zone the run was: leave zone out."]}
    if region is not None and region.zone_id != zone:
        return {"zone": [f"{region} is in {region.zone.code}: leave zone or cloud_region out."]}
    return {}


def _place_in_time(values: dict[str, Any], names: Named) -> Errors:
    """Turn an end into wall-clock hours."""
    start, end = values.get("started_at"), values.pop("ended_at", None)
    if start is None:
        return {"started_at": ["Give when the run started, such as 2026-03-01T09:00:00Z."]}
    if end is None:
        return {}
    hours = (end - start).total_seconds() / 3600
    if hours < 0:
        return {"ended_at": ["The run ends before it starts."]}
    stated = values.setdefault("duration_hours", hours)
    if abs(stated - hours) > max(ROUNDING_HOURS, 0.01 * hours):
        return {"ended_at": [f"From start to end are {hours:,.6g} hours, not {stated:,.6g}."]}
    return {}


def _count_devices(values: dict[str, Any], names: Named) -> Errors:
    """Fill in how many devices a node has; any other number follows from the hours."""
    if "device_count" not in values and values.get("node") is not None:
        values["device_count"] = float(values["node"].device_count)
    return {}
