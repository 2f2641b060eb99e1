"""What people may name: hardware, nodes and places, as options and by what they typed."""

import difflib
import re
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from emissions.models import (
    CloudRegion,
    GridZone,
    HardwareAlias,
    HardwareModel,
    Node,
    Organisation,
    Site,
)
from emissions.selectors.countries import zone_code

PROVIDERS = {"aws": "AWS", "gcp": "Google Cloud", "azure": "Azure"}
REGION_PREFIXES = {"google": "gcp", "amazon": "aws", "microsoft": "azure"}


@dataclass(frozen=True, slots=True)
class Option:
    """One suggestion: what stands in the field, and what is said beside it."""

    value: str
    note: str


def folded(text: str) -> str:
    """Return a name without what people spell differently: case, spaces, dashes."""
    return re.sub(r"[\s\-_‐-―]+", "", text).casefold()


#: What stands around a model's name in Slurm (`gres/gpu:a100:8`), CodeCarbon (`8 x Tesla T4`)
#: and publications (`TPUv3 Chip`, `8xA100 GPUs`).
AROUND = re.compile(
    r"^(?:gres[/:=])?(?:gpu[:=])?(?:\d+\s*[x×]\s*)?(?P<name>.*?)(?:[:=]\d+)?(?:\((?:S|IDX):.*\))?"
    r"(?:\s+(?:accelerator|chip|gpu)s?)?$",
    re.IGNORECASE | re.DOTALL,
)


def hardware_keys(text: str) -> list[str]:
    """Return what a spelling is looked up by: as it is, and without what stands around it."""
    bare = AROUND.fullmatch(text.strip())
    return list(dict.fromkeys(filter(None, [folded(text), folded(bare["name"]) if bare else ""])))


#: A slice of a TPU pod, named by its cores (v2 to v4, v5p: two to a chip) or its chips.
TPU_SLICE = re.compile(
    r"(?:google\s*)?(?:cloud\s*)?(?:tpu[\s-]*)?(?P<generation>v(?:[234]|5p|5e|5litepod|6e))-(?P<size>\d+)",
    re.IGNORECASE,
)
TWO_CORES_A_CHIP = ("v2", "v3", "v4", "v5p")


def slice_advice(text: str) -> str:
    """Return how a slice of TPUs is stated, as the end of a message, or ""."""
    named = TPU_SLICE.fullmatch(text.strip())
    if named is None:
        return ""
    generation = named["generation"].lower().replace("litepod", "e")
    chips = int(named["size"]) // (2 if generation in TWO_CORES_A_CHIP else 1)
    return f" This is a slice of {chips:,} chips: give TPU {generation} and {chips:,} devices."


class HardwareNames:
    """Every spelling of the catalogue: what all entrances find hardware by.

    Read once, two queries. An organisation's own names come first, then its own aliases,
    then the shared names and aliases; of two alike the older one.
    """

    def __init__(self, *, organisation: Organisation | None) -> None:
        own = Q(organisation=None) | Q(organisation=organisation)
        models = list(
            hardware_of(organisation=organisation)
            .order_by("pk")
            .values_list("name", "pk", "organisation_id")
        )
        aliases = (
            HardwareAlias.objects.filter(own)
            .order_by("pk")
            .values_list("folded", "hardware_id", "organisation_id")
        )
        self.names = {pk: name for name, pk, _ in models}
        rows = [(folded(name), pk, owner, 0) for name, pk, owner in models]
        rows += [(fold, pk, owner, 1) for fold, pk, owner in aliases if pk in self.names]
        self.ids: dict[str, int] = {}
        for fold, pk, _, _ in sorted(rows, key=lambda row: (row[2] is None, row[3])):
            self.ids.setdefault(fold, pk)

    def find(self, text: str) -> int | None:
        """Return the id of the model that somebody names, however spelt, or None."""
        return next((self.ids[key] for key in hardware_keys(text) if key in self.ids), None)

    def spelt(self) -> dict[str, str]:
        """Return every folded spelling with its model's name: for suggestions."""
        return {fold: self.names[pk] for fold, pk in self.ids.items()}


#: `HardwareNames` in SQL, for one spelling: the same keys in the same order.
ONE_HARDWARE = r"""
SELECT named.id, named.name FROM unnest(%(keys)s::text[]) WITH ORDINALITY AS wanted (key, place)
JOIN (
  SELECT id, name, organisation_id, 0 AS rank,
    regexp_replace(lower(name), '[\s\-_‐-―]+', '', 'g') AS folded
  FROM emissions_hardwaremodel
  WHERE organisation_id IS NULL OR organisation_id = %(own)s
  UNION ALL
  SELECT model.id, model.name, alias.organisation_id, 1, alias.folded
  FROM emissions_hardwarealias alias JOIN emissions_hardwaremodel model
    ON model.id = alias.hardware_id
    AND (model.organisation_id IS NULL OR model.organisation_id = %(own)s)
  WHERE alias.organisation_id IS NULL OR alias.organisation_id = %(own)s
) AS named ON named.folded = wanted.key
ORDER BY wanted.place, named.organisation_id IS NULL, named.rank, named.id LIMIT 1
"""


def one_hardware(text: str, *, organisation: Organisation | None) -> HardwareModel | None:
    """Return what `HardwareNames` finds, without reading the catalogue: for a run alone."""
    own = organisation.pk if organisation is not None else None
    rows = HardwareModel.objects.raw(ONE_HARDWARE, {"keys": hardware_keys(text), "own": own})
    return next(iter(rows), None)


def hardware_of(*, organisation: Organisation | None) -> QuerySet[HardwareModel]:
    """Return the shared catalogue and the organisation's own models."""
    return HardwareModel.objects.filter(Q(organisation=None) | Q(organisation=organisation))


def equipment_options(*, organisation: Organisation | None) -> list[Option]:
    """Return what a run can be on: the organisation's nodes, then hardware by name."""
    nodes = Node.objects.filter(organisation=organisation, disposed_on=None)
    options = [
        Option(node.name, f"Node: {node.device_count * node.node_count} × {node.hardware.name}")
        for node in nodes.select_related("hardware")
    ]
    rows = hardware_of(organisation=organisation).values_list("name", "max_watts", "kind")
    options += [Option(name, f"{watts:g} W") for name, watts, _ in rows]
    return options


def find_equipment(text: str, *, organisation: Organisation | None) -> Node | HardwareModel | None:
    """Return the node or hardware of a name or alias; an organisation's own come first."""
    name = text.strip()
    if organisation is not None:
        node = Node.objects.filter(organisation=organisation, name__iexact=name)
        found = node.select_related("hardware").first()
        if found is not None:
            return found
    known = HardwareNames(organisation=organisation).find(name)
    return HardwareModel.objects.get(pk=known) if known is not None else None


def similar_equipment(text: str, *, organisation: Organisation | None) -> list[str]:
    """Return up to three names that come close to what was typed."""
    names = [option.value for option in equipment_options(organisation=organisation)]
    return _closest(text, names)


def similar_hardware(text: str, *, organisation: Organisation) -> list[str]:
    """Return up to three models of the catalogue whose names come close to what was typed."""
    names = hardware_of(organisation=organisation).values_list("name", flat=True)
    return _closest(text, list(names))


def place_options(*, organisation: Organisation | None) -> list[Option]:
    """Return where a run can be: the organisation's sites, cloud regions, grid zones."""
    sites = Site.objects.filter(organisation=organisation, archived_at=None)
    options = [Option(site.name, f"Your site: {site.get_kind_display()}") for site in sites]
    for region in CloudRegion.objects.order_by("provider", "region"):
        provider = PROVIDERS.get(region.provider, region.provider)
        options.append(Option(str(region), f"{provider}, {region.location}"))
    options += [Option(str(zone), "Grid zone") for zone in GridZone.objects.order_by("name")]
    return options


def find_place(
    text: str, *, organisation: Organisation | None
) -> Site | CloudRegion | GridZone | None:
    """Return the site, cloud region or grid zone that was typed.

    A country comes before a region without its provider: Azure has one called “france”.
    """
    name = text.strip()
    if organisation is not None:
        site = Site.objects.filter(organisation=organisation, name__iexact=name).first()
        if site is not None:
            return site
    if ":" in name:
        return _find_region(name)
    return _find_zone(name) or _find_region(name)


def _find_region(name: str) -> CloudRegion | None:
    provider, colon, region = (part.strip() for part in name.lower().partition(":"))
    if not colon:
        regions = list(CloudRegion.objects.filter(region__iexact=name)[:2])
        return regions[0] if len(regions) == 1 else None
    return CloudRegion.objects.filter(
        provider=REGION_PREFIXES.get(provider, provider), region__iexact=region
    ).first()


def _find_zone(name: str) -> GridZone | None:
    in_brackets = re.fullmatch(r".*\(([^()]+)\)", name)
    code = zone_code(in_brackets.group(1) if in_brackets else name)
    found = GridZone.objects.filter(code__iexact=code).first()
    return found or zone_named(name)


def zone_named(name: str) -> GridZone | None:
    """Return the grid zone of a name: California, Quebec; a country before its namesakes."""
    return GridZone.objects.filter(name__iexact=name.strip()).order_by("pk").first()


def find_subdivision(name: str, *, country: GridZone) -> GridZone | None:
    """Return a country's state or province of a name, such as California."""
    return GridZone.objects.filter(
        name__iexact=name.strip(), code__startswith=f"{country.code}-"
    ).first()


def similar_places(text: str, *, organisation: Organisation | None) -> list[str]:
    """Return up to three places that come close to what was typed."""
    names = [option.value for option in place_options(organisation=organisation)]
    return _closest(text, names)


def _closest(text: str, names: list[str]) -> list[str]:
    wanted = folded(text)
    by_fold = {folded(name): name for name in names}
    within = sorted((name for fold, name in by_fold.items() if wanted in fold), key=len)
    close = difflib.get_close_matches(wanted, by_fold, n=3, cutoff=0.55)
    return list(dict.fromkeys([*within[:3], *(by_fold[fold] for fold in close)]))[:3]
