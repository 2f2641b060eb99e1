"""What the names in a file mean here: as somebody once said, else by the catalogues."""

from collections.abc import Callable

import polars as pl

from emissions.calculation.vocabulary import NameKind
from emissions.models import GridZone, ImportMapping, Organisation, Project
from emissions.selectors.catalogue import folded
from emissions.selectors.named import Named

#: The ids that a kind of name stands for.
IDS = {
    NameKind.PROJECT: ("project_id",),
    NameKind.EQUIPMENT: ("hardware_id", "node_id"),
    NameKind.PLACE: ("site_id", "cloud_region_id", "zone_id"),
}
NAME_OF = {kind: f"{kind.value}_name" for kind in NameKind}
UNKNOWN_OF = {kind: f"unknown_{kind.value}" for kind in NameKind}
Found = tuple[int | None, ...]


class Names:
    """Look-ups for one organisation; each name is looked up once, however many rows have it."""

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation
        self.named = Named(organisation)
        mappings = ImportMapping.objects.filter(organisation=organisation)
        self.mapped: dict[tuple[str, str], Found] = {
            (one.kind, one.folded): tuple(
                getattr(one, column) for column in IDS[NameKind(one.kind)]
            )
            for one in mappings
        }
        projects = Project.objects.filter(organisation=organisation).values_list(
            "name", "slug", "pk"
        )
        rows = list(projects)
        self.projects = {name.casefold(): pk for name, _, pk in rows}
        self.projects |= {slug: pk for _, slug, pk in rows}
        self.zones: dict[tuple[str, int | None], int] = {}
        for name, pk, parent in GridZone.objects.order_by("-pk").values_list(
            "name", "pk", "parent_id"
        ):
            self.zones[name.casefold(), None] = pk
            self.zones[name.casefold(), parent] = pk

    def find(self, kind: NameKind, name: str) -> Found:
        """Return the ids of a name, in the order of `IDS`; all None where it is not known."""
        mapped = self.mapped.get((kind.value, folded(name)))
        return mapped if mapped is not None else LOOK_UP[kind](self, name)

    def project(self, name: str) -> Found:
        """Return the project of a name or slug."""
        return (self.projects.get(name.strip().casefold()),)

    def equipment(self, name: str) -> Found:
        """Return the hardware, or the node: an organisation's own node comes first."""
        node = self.named.node(name)
        if node is not None:
            return None, node.pk
        return self.named.hardware(name), None

    def place(self, name: str) -> Found:
        """Return the site, cloud region or grid zone of a place; bare names as in the form."""
        site = self.named.site(name)
        if site is not None:
            return site.pk, None, None
        region = self.named.region(name) if ":" in name else None
        if region is not None:
            return None, region.pk, None
        zone_id = self.named.zone(name) or self._zone(name)
        bare = self.named.region(name) if zone_id is None else None
        return None, bare.pk if bare is not None else None, zone_id

    def _zone(self, name: str) -> int | None:
        """Return the zone of a country's name, or of “California, United States”."""
        first, comma, country = name.casefold().rpartition(",")
        country_id = self.zones.get((country.strip(), None)) or self.named.zone(country)
        if not comma or country_id is None:
            return country_id
        return self.zones.get((first.strip(), country_id), country_id)

    def resolve(self, runs: pl.DataFrame) -> pl.DataFrame:
        """Return the runs with the ids that their names mean."""
        for kind, columns in IDS.items():
            name = NAME_OF[kind]
            spelt = runs[name].drop_nulls().unique().sort().to_list()
            found = [self.find(kind, one) for one in spelt]
            known = pl.DataFrame(
                {
                    name: spelt,
                    **{col: [ids[at] for ids in found] for at, col in enumerate(columns)},
                },
                schema={name: pl.String, **dict.fromkeys(columns, pl.Int64)},
            )
            runs = runs.drop(columns, strict=False).join(
                known, on=name, how="left", maintain_order="left"
            )
        return runs


LOOK_UP: dict[NameKind, Callable[[Names, str], Found]] = {
    NameKind.PROJECT: Names.project,
    NameKind.EQUIPMENT: Names.equipment,
    NameKind.PLACE: Names.place,
}
