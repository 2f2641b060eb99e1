"""Ids of what thousands of rows name: each catalogue is read once, when a row first needs it.

`catalogue` answers for one thing that a person typed, with suggestions; this is for tables.
"""

import difflib
from collections import Counter
from functools import cached_property

from emissions.models import CloudRegion, GridZone, HardwareModel, Node, Organisation, Site
from emissions.selectors.catalogue import (
    REGION_PREFIXES,
    HardwareNames,
    folded,
    one_hardware,
    slice_advice,
    zone_named,
)
from emissions.selectors.countries import zone_code

#: Finding names that come close takes milliseconds: for so many unknown ones it is done.
SUGGESTIONS = 25


class Named:
    """Look-ups by name for one organisation; without one, in what is shared."""

    def __init__(self, organisation: Organisation | None, *, alone: bool = False) -> None:
        """Know the names of an organisation; `alone`: of one run, for which not all are read."""
        self.organisation = organisation
        self.alone = alone
        self.found: dict[int, HardwareModel] = {}
        self._suggested: dict[str, str] = {}

    def hardware(self, name: str) -> int | None:
        """Return the id of a hardware model by its name or an alias, however spelt."""
        if self.alone:
            found = one_hardware(name, organisation=self.organisation)
            if found is not None:
                self.found[found.pk] = found
                return found.pk
        return self._hardware.find(name)

    def zone(self, code: str) -> int | None:
        """Return the id of a grid zone by its code or name: FR, FRA, US-CA, California, WORLD."""
        code = zone_code(code)
        if self.alone:
            found = GridZone.objects.filter(code__iexact=code).first() or zone_named(code)
            return found.pk if found else None
        return self._zones.get(code.casefold())

    def region(self, name: str) -> CloudRegion | None:
        """Return a cloud region by provider and region, or by a name that one provider has."""
        provider, colon, region = (part.strip() for part in name.lower().partition(":"))
        if not colon:
            return self._regions_alone.get(provider)
        if self.alone:
            named = CloudRegion.objects.filter(
                provider__iexact=REGION_PREFIXES.get(provider, provider), region__iexact=region
            )
            return named.select_related("zone").first()
        return self._regions.get(f"{REGION_PREFIXES.get(provider, provider)}:{region}")

    def site(self, name: str) -> Site | None:
        """Return the organisation's site by its slug or name."""
        return self._sites.get(name.strip().casefold())

    def node(self, name: str) -> Node | None:
        """Return the organisation's node by its slug or name."""
        return self._nodes.get(name.strip().casefold())

    def similar_hardware(self, name: str) -> str:
        """Return up to three names that come close, as the end of a message, or ""."""
        return slice_advice(name) or self._similar("hardware", folded(name), self._hardware.spelt())

    def similar_region(self, name: str) -> str:
        """Return up to three cloud regions that come close, as the end of a message, or ""."""
        return self._similar("region", name.strip().lower(), {key: key for key in self._regions})

    def _similar(self, kind: str, wanted: str, names: dict[str, str]) -> str:
        key = f"{kind}:{wanted[:150]}"
        if key not in self._suggested:
            if len(self._suggested) >= SUGGESTIONS:
                return ""
            close = difflib.get_close_matches(wanted[:150], names, n=3, cutoff=0.6)
            spelt = dict.fromkeys(names[one] for one in close)
            self._suggested[key] = f" Did you mean {' or '.join(spelt)}?" if spelt else ""
        return self._suggested[key]

    @cached_property
    def _hardware(self) -> HardwareNames:
        return HardwareNames(organisation=self.organisation)

    @cached_property
    def _zones(self) -> dict[str, int]:
        zones = list(GridZone.objects.order_by("-pk").values_list("code", "name", "pk"))
        named = {name.casefold(): pk for _, name, pk in zones}
        return named | {code.casefold(): pk for code, _, pk in zones}

    @cached_property
    def _regions(self) -> dict[str, CloudRegion]:
        regions = CloudRegion.objects.select_related("zone").order_by("pk")
        return {str(region).lower(): region for region in regions}

    @cached_property
    def _regions_alone(self) -> dict[str, CloudRegion]:
        regions = list(self._regions.values())
        counted = Counter(one.region.lower() for one in regions)
        return {one.region.lower(): one for one in regions if counted[one.region.lower()] == 1}

    @cached_property
    def _sites(self) -> dict[str, Site]:
        sites = list(Site.objects.filter(organisation=self.organisation).order_by("pk"))
        return {site.name.casefold(): site for site in sites} | {site.slug: site for site in sites}

    @cached_property
    def _nodes(self) -> dict[str, Node]:
        nodes = list(Node.objects.filter(organisation=self.organisation).order_by("pk"))
        return {node.name.casefold(): node for node in nodes} | {node.slug: node for node in nodes}
