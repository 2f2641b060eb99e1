"""What a page's figures can be narrowed to, and what its address narrows them to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emissions.calculation.vocabulary import RunStatus, Stage
from emissions.models import Cell, CloudRegion, HardwareModel, Organisation, Project, Site, Team
from emissions.selectors.totals import NONE, OUTSIDE_RUNS, UNALLOCATED, Filters, Structure

UNKNOWN = 0
"""No row has this id: what an address names and nobody knows matches nothing."""


@dataclass(frozen=True, slots=True)
class Option:
    """One value that a figure can be narrowed to; `id` is the column's value."""

    value: str
    label: str
    id: Any
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Dimension:
    """All values of one parameter of the address."""

    name: str
    label: str
    options: list[Option]

    def option(self, value: str) -> Option:
        """Return what a value of the address means."""
        for option in self.options:
            if option.value == value:
                return option
        return Option(value, f"{value} (unknown)", UNKNOWN)


@dataclass(frozen=True, slots=True)
class Chosen:
    """One value that the address narrows to."""

    dimension: Dimension
    option: Option

    @property
    def label(self) -> str:
        """The words of its chip: "Team: Vision"."""
        return f"{self.dimension.label}: {self.option.label}"


def dimensions(*, organisation: Organisation) -> list[Dimension]:
    """Return what an organisation's figures can be narrowed to: five queries."""
    cells = Cell.objects.filter(organisation=organisation).order_by()
    sites = [Option(one.slug, one.name, one.pk) for one in _own(Site, organisation)]
    regions = CloudRegion.objects.filter(
        pk__in=cells.filter(site=None).values("cloud_region").distinct()
    )
    sites += [Option(str(one), str(one), one.pk, "cloud_region") for one in regions]
    hardware = HardwareModel.objects.filter(pk__in=cells.values("hardware").distinct())
    return [
        Dimension("team", "Team", _named(_own(Team, organisation), UNALLOCATED)),
        Dimension("project", "Project", _named(_own(Project, organisation), "No project")),
        Dimension("site", "Site", [*sites, Option(NONE, "Place not stated", None)]),
        Dimension(
            "hardware",
            "Hardware",
            [
                *(Option(str(one.pk), one.name, one.pk) for one in hardware.only("name")),
                Option(NONE, "Hardware not stated", None),
            ],
        ),
        Dimension("stage", "Stage", _members(Stage)),
        Dimension("status", "Status", _members(RunStatus)),
    ]


def chosen(*, params: Mapping[str, Sequence[str]], among: Iterable[Dimension]) -> list[Chosen]:
    """Return what an address narrows to, once each."""
    return [
        Chosen(dimension, dimension.option(value))
        for dimension in among
        for value in dict.fromkeys(params.get(dimension.name, ()))
        if value
    ]


def filters_of(*, narrowed: Iterable[Chosen], structure: Structure) -> Filters:
    """Return the filters that the choices mean."""
    ids: dict[str, list[Any]] = {}
    for one in narrowed:
        ids.setdefault(one.option.kind or one.dimension.name, []).append(one.option.id)
    return Filters(
        teams=tuple(ids.get("team", ())),
        projects=tuple(ids.get("project", ())),
        sites=tuple(ids.get("site", ())),
        cloud_regions=tuple(ids.get("cloud_region", ())),
        hardware=tuple(ids.get("hardware", ())),
        stages=tuple(ids.get("stage", ())),
        statuses=tuple(ids.get("status", ())),
        structure=structure,
    )


def _members(vocabulary: type[Stage] | type[RunStatus]) -> list[Option]:
    known = [Option(one.value, one.label, one.value) for one in vocabulary]
    return [*known, Option(NONE, OUTSIDE_RUNS, None)]


def _own(model: Any, organisation: Organisation) -> Any:
    return model.objects.filter(organisation=organisation).only("slug", "name")


def _named(rows: Iterable[Any], without: str) -> list[Option]:
    return [*(Option(row.slug, row.name, row.pk) for row in rows), Option(NONE, without, None)]
