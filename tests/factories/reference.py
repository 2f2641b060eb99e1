"""What everyone refers to: zones, factors, hardware."""

import zlib
from collections.abc import Callable
from datetime import date
from typing import Any

from emissions.calculation.vocabulary import (
    FactorKind,
    FactorRole,
    HardwareKind,
    ZoneKind,
)
from emissions.models import (
    AdoptionPreview,
    CloudRegion,
    DefaultPue,
    EmissionFactor,
    FactorLoad,
    FactorSet,
    GridLoss,
    GridMix,
    GridZone,
    HardwareAlias,
    HardwareModel,
    HourlyIntensity,
    Organisation,
)
from emissions.selectors.catalogue import folded
from tests.factories.common import number

#: Direct emissions of each zone of `make_reference`. [g CO2e/kWh]
GRAMS = {"SE": 20.0, "FR": 50.0, "DE": 400.0, "US": 380.0, "US-CA": 200.0}
HARDWARE = {
    "a100": "NVIDIA A100 SXM4 80GB",
    "h100": "NVIDIA H100 SXM5 80GB",
    "cpu": "AMD EPYC 7763",
}


def make_reference() -> dict[str, Any]:
    """Make a small reference and return it by short names; again, and nothing changes.

    Zones WORLD, SE, FR, DE, US and US-CA (its parent is US) with direct factors of 20, 50,
    400, 380 and 200 g/kWh in every year from 2020 to 2026, and 480 lifecycle for the world;
    "region" is gcp:europe-west3 in DE; "a100", "h100" (footprint known) and "cpu" (unknown).
    """
    ensure_reference()
    zones = GridZone.objects.in_bulk(["WORLD", *GRAMS], field_name="code")
    sets = {one.slug: one for one in FactorSet.objects.filter(slug__startswith="test-")}
    hardware = {one.name: one for one in HardwareModel.objects.filter(name__in=HARDWARE.values())}
    return {
        **zones,
        "world": zones["WORLD"],
        "region": CloudRegion.objects.get(region="europe-west3"),
        "direct": sets["test-direct"],
        "lifecycle": sets["test-lifecycle"],
        **{key: hardware[name] for key, name in HARDWARE.items()},
    }


def ensure_reference() -> None:
    """Make the reference unless it is there."""
    if not GridZone.objects.filter(code="WORLD").exists():
        _make_places()
        _make_factors()
        _make_hardware()


def _make_places() -> None:
    world = GridZone.objects.create(code="WORLD", name="World", kind=ZoneKind.WORLD)
    country = {"kind": ZoneKind.COUNTRY, "parent": world}
    GridZone.objects.create(code="SE", name="Sweden", **country)
    GridZone.objects.create(code="FR", name="France", **country)
    germany = GridZone.objects.create(code="DE", name="Germany", **country)
    states = GridZone.objects.create(code="US", name="United States", **country)
    california = GridZone.objects.create(
        code="US-CA", name="California", kind=ZoneKind.SUBDIVISION, parent=states
    )
    CloudRegion.objects.create(
        provider="gcp",
        region="europe-west3",
        location="Frankfurt",
        zone=germany,
        pue=1.1,
        pue_source="Test provider",
    )
    CloudRegion.objects.create(
        provider="aws", region="us-west-1", location="California", zone=california
    )
    DefaultPue.objects.create(entity="world", year=2024, pue=1.56, source="Test survey")


def _make_factors() -> None:
    direct = make_factor_set(slug="test-direct", name="Test direct", default_precedence=1)
    lifecycle = make_factor_set(slug="test-lifecycle", name="Test lifecycle", default_precedence=2)
    zones = GridZone.objects.in_bulk(["WORLD", *GRAMS], field_name="code")
    years = range(2020, 2027)
    world = {"kind": FactorKind.LIFECYCLE, "includes_upstream": True, "g_co2e_per_kwh": 480.0}
    # Nearly every test makes these: in one statement each.
    EmissionFactor.objects.bulk_create(
        factor
        for year in years
        for factor in (
            *(
                _factor(factor_set=direct, zone=zones[code], year=year, g_co2e_per_kwh=grams)
                for code, grams in GRAMS.items()
            ),
            _factor(factor_set=lifecycle, zone=zones["WORLD"], year=year, **world),
        )
    )
    GridLoss.objects.bulk_create(
        GridLoss(
            zone=zones["FR"],
            starts_on=date(year, 1, 1),
            ends_before=date(year + 1, 1, 1),
            loss_share=0.06,
            source="Test statistics",
        )
        for year in years
    )


def _make_hardware() -> None:
    make_hardware(
        name=HARDWARE["a100"], max_watts=400.0, embodied_kg=150.0, embodied_source="Test footprint"
    )
    make_hardware(
        name=HARDWARE["h100"], max_watts=700.0, embodied_kg=164.0, embodied_source="Test footprint"
    )
    make_hardware(name=HARDWARE["cpu"], kind=HardwareKind.CPU, max_watts=280.0, cores=64)
    for key in ("a100", "h100"):
        HardwareAlias.objects.create(
            hardware=HardwareModel.objects.get(name=HARDWARE[key]), spelling=key.upper(), folded=key
        )


def make_factor_set(**values: Any) -> FactorSet:
    """Make a shared factor set."""
    defaults = {
        "slug": f"set-{number()}",
        "name": "Test factors",
        "edition": "2026",
        "published_on": date(2026, 1, 15),
        "source": "Test agency",
        "licence": "CC BY 4.0",
    }
    return FactorSet.objects.create(**{**defaults, **values})


def make_factor(
    *, factor_set: FactorSet, zone: GridZone, year: int, **values: Any
) -> EmissionFactor:
    """Make a direct location factor of 100 g/kWh for a year."""
    factor = _factor(factor_set=factor_set, zone=zone, year=year, **values)
    factor.save(force_insert=True)
    return factor


def _factor(*, factor_set: FactorSet, zone: GridZone, year: int, **values: Any) -> EmissionFactor:
    defaults: dict[str, Any] = {
        "role": FactorRole.LOCATION,
        "kind": FactorKind.DIRECT,
        "starts_on": date(year, 1, 1),
        "ends_before": date(year + 1, 1, 1),
        "g_co2e_per_kwh": 100.0,
        "source": "Test agency",
        "licence": "CC BY 4.0",
    }
    return EmissionFactor(factor_set=factor_set, zone=zone, **{**defaults, **values})


def make_mix(
    *, factor_set: FactorSet, zone: GridZone, year: int, shares: tuple[float, float, float]
) -> GridMix:
    """Make a year of what a zone's generation is made of: renewable, nuclear, fossil."""
    renewable, nuclear, fossil = shares
    return GridMix.objects.create(
        factor_set=factor_set,
        zone=zone,
        starts_on=date(year, 1, 1),
        ends_before=date(year + 1, 1, 1),
        renewable_share=renewable,
        nuclear_share=nuclear,
        fossil_share=fossil,
        source="Test statistics",
        licence="CC BY 4.0",
    )


def make_hours(
    *,
    factor_set: FactorSet,
    zone: GridZone,
    year: int,
    grams: Callable[[int], float | None],
    kind: FactorKind = FactorKind.DIRECT,
) -> HourlyIntensity:
    """Make a year of hours; `grams` gives the intensity of each, None where it is a gap."""
    hours = 24 * (date(year + 1, 1, 1) - date(year, 1, 1)).days
    return HourlyIntensity.objects.create(
        factor_set=factor_set,
        zone=zone,
        year=year,
        kind=kind,
        g_co2e_per_kwh=[grams(hour) for hour in range(hours)],
    )


def make_hardware(
    *, organisation: Organisation | None = None, name: str = "", **values: Any
) -> HardwareModel:
    """Make a catalogue entry of 300 W, shared unless an organisation is given."""
    defaults: dict[str, Any] = {
        "name": name or f"Accelerator {number()}",
        "kind": HardwareKind.GPU,
        "max_watts": 300.0,
        "source": "Test data sheet",
    }
    return HardwareModel.objects.create(organisation=organisation, **{**defaults, **values})


def make_alias(hardware: HardwareModel, *, spelling: str = "") -> HardwareAlias:
    """Make a spelling that the hardware's own organisation uses."""
    spelling = spelling or f"Spelling {number()}"
    return HardwareAlias.objects.create(
        organisation=hardware.organisation,
        hardware=hardware,
        spelling=spelling,
        folded=folded(spelling),
    )


def make_load(organisation: Organisation, **values: Any) -> FactorLoad:
    """Make a file of factors that waits for a worker."""
    defaults: dict[str, Any] = {
        "format_name": "licensed",
        "file_name": "factors.csv",
        "content": zlib.compress(b"zone,year,g_co2e_per_kwh\nFR,2026,40\n"),
        "edition": "2026",
        "published_on": date(2026, 1, 15),
        "name": "Own",
        "source": "Test agency",
    }
    return FactorLoad.objects.create(organisation=organisation, **{**defaults, **values})


def make_preview(organisation: Organisation, factor_set: FactorSet) -> AdoptionPreview:
    """Make a preview that waits for a worker."""
    return AdoptionPreview.objects.create(
        organisation=organisation, factor_set=factor_set, precedence=1, before=[], after=[]
    )
