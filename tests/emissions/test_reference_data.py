"""The shipped tables are whole, consistent and sourced; nothing here needs Django."""

import csv
import re
from collections import Counter, defaultdict
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from emissions.calculation import electricity, embodied, energy, uncertainty
from emissions.calculation.factors import FactorTable, choose
from emissions.calculation.vocabulary import (
    Basis,
    FactorKind,
    FactorRole,
    Fit,
    HardwareKind,
    ZoneKind,
)

DATA = Path(__file__).parents[2] / "emissions" / "data"
TABLES = sorted(path.name for path in DATA.glob("*.csv"))
KEYS = {
    "cloud_regions.csv": ["provider", "region"],
    "country_codes.csv": ["code"],
    "default_pue.csv": ["entity", "year"],
    "defaults.csv": ["key"],
    "emission_factors.csv": ["factor_set", "zone", "role", "kind", "starts_on"],
    "equivalents.csv": ["key"],
    "factor_sets.csv": ["slug"],
    "fuel_factors.csv": ["fuel", "year"],
    "grid_losses.csv": ["zone", "starts_on"],
    "grid_mixes.csv": ["factor_set", "zone", "starts_on"],
    "grid_zones.csv": ["code"],
    "hardware.csv": ["name"],
    "server_footprints.csv": ["manufacturer", "name"],
    "spreads.csv": ["input", "condition"],
    "water.csv": ["entity", "year"],
}


def table(name):
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def fold(name):
    return re.sub(r"[\s\-_‐-―]+", "", name).casefold()


@cache
def zones():
    return {row["code"]: row for row in table("grid_zones.csv")}


@cache
def adopted_sets():
    return {row["slug"] for row in table("factor_sets.csv") if row["default_precedence"]}


def test_every_table_has_a_key_here():
    assert sorted(KEYS) == TABLES


@pytest.mark.parametrize("name", TABLES)
def test_every_row_says_when_where_and_under_what_licence(name):
    bare = [
        row
        for row in table(name)
        if not (row["published"].strip() and row["source"].strip() and row["licence"].strip())
    ]
    assert bare == []


@pytest.mark.parametrize("name", TABLES)
def test_no_row_stands_twice(name):
    counts = Counter(tuple(row[column] for column in KEYS[name]) for row in table(name))
    assert [key for key, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("name", TABLES)
def test_rows_have_the_headers_columns_and_no_stray_space(name):
    for row in table(name):
        assert None not in row
        assert all(value is not None and value == value.strip() for value in row.values()), row


@pytest.mark.parametrize("name", TABLES)
def test_nothing_from_memory_or_replaced_is_shipped(name):
    text = (DATA / name).read_text(encoding="utf-8").casefold()
    assert "recalled" not in text
    assert "superseded" not in text


def test_tables_stay_small():
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 1_500_000


def test_zones_end_at_the_world():
    known = zones()
    assert known["WORLD"]["parent"] == ""
    for code, row in known.items():
        assert row["kind"] in set(ZoneKind)
        if code != "WORLD":
            country = row["kind"] == ZoneKind.COUNTRY
            assert row["parent"] in known
            assert row["parent"].split("-")[0] == ("WORLD" if country else code.split("-")[0])


def test_every_zone_that_is_named_exists():
    known = zones()
    for name in ("emission_factors.csv", "grid_losses.csv", "cloud_regions.csv"):
        assert {row["zone"] for row in table(name)} <= set(known)


def test_two_hundred_countries_have_the_last_five_years_that_are_published():
    known = zones()
    years = defaultdict(set)
    for row in table("emission_factors.csv"):
        country = known[row["zone"]]["kind"] == ZoneKind.COUNTRY
        if country and row["role"] == FactorRole.LOCATION and row["factor_set"] in adopted_sets():
            years[row["zone"]].add(int(row["starts_on"][:4]))
    whole = [zone for zone, found in years.items() if len(found) >= 5 and max(found) >= 2022]
    consecutive = [
        zone
        for zone in whole
        if set(range(max(years[zone]) - 4, max(years[zone]) + 1)) <= years[zone]
    ]
    assert len(consecutive) >= 200


def test_us_subregions_and_states_are_there():
    rows = [row for row in table("emission_factors.csv") if row["factor_set"] == "egrid-2023"]
    named = {row["zone"] for row in rows}
    assert len([zone for zone in named if re.fullmatch(r"US-[A-Z]{4}", zone)]) == 27
    assert len([zone for zone in named if re.fullmatch(r"US-[A-Z]{2}", zone)]) == 51
    assert "US" in named


def test_factor_sets_are_dated_and_of_one_publisher_one_edition_holds_for_a_year_by_default():
    rows = table("factor_sets.csv")
    for row in rows:
        assert date.fromisoformat(row["published_on"]) <= date(2026, 11, 1)
        assert row["kind"] in {*FactorKind, "mix"}
    precedence = [int(row["default_precedence"]) for row in rows if row["default_precedence"]]
    assert len(set(precedence)) == len(precedence)
    direct = [r for r in rows if r["default_precedence"] and r["kind"] == FactorKind.DIRECT]
    lifecycle = [r for r in rows if r["default_precedence"] and r["kind"] == FactorKind.LIFECYCLE]
    publishers = {row["slug"]: row["name"] for row in direct}
    said = [
        (publishers[row["factor_set"]], row["zone"], row["role"], row["starts_on"])
        for row in table("emission_factors.csv")
        if row["factor_set"] in publishers
    ]
    assert len(set(said)) == len(said)
    assert len({row["name"] for row in lifecycle}) == len(lifecycle)
    first = min(int(row["default_precedence"]) for row in lifecycle)
    assert first > max(int(row["default_precedence"]) for row in direct)


def test_what_grids_are_made_of_is_a_whole_in_every_year():
    known, last = zones(), defaultdict(str)
    for row in table("grid_mixes.csv"):
        shares = [float(row[f"{kind}_share"]) for kind in ("renewable", "nuclear", "fossil")]
        assert row["zone"] in known
        assert row["unit"] == "share of generation"
        assert all(0 <= share <= 1 for share in shares)
        assert sum(shares) == pytest.approx(1, abs=1e-4)
        assert row["ends_before"][:4] == str(int(row["starts_on"][:4]) + 1)
        last[row["zone"]] = max(last[row["zone"]], row["starts_on"])
    assert len(last) == 214
    assert min(last.values()) >= "2022-01-01"


def test_factors_are_sound():
    sets = {row["slug"]: row for row in table("factor_sets.csv")}
    for row in table("emission_factors.csv"):
        assert row["role"] in set(FactorRole)
        assert row["kind"] == sets[row["factor_set"]]["kind"]
        assert date.fromisoformat(row["starts_on"]) < date.fromisoformat(row["ends_before"])
        assert 0 <= float(row["g_co2e_per_kwh"]) < 1500
        assert row["includes_losses"] in {"0", "1"}
        assert (row["includes_upstream"] == "1") == (row["kind"] == FactorKind.LIFECYCLE)
        assert row["gases"] in {"CO2", "CO2e"}
        assert row["verification"]


def test_gases_add_up_to_the_factor():
    for row in table("emission_factors.csv"):
        if row["co2_g_per_kwh"] and row["ch4_g_per_kwh"]:
            gases = [float(row[f"{gas}_g_per_kwh"]) for gas in ("co2", "ch4", "n2o")]
            total = sum(x * gwp for x, gwp in zip(gases, (1, 28, 265), strict=True))
            assert total == pytest.approx(float(row["g_co2e_per_kwh"]), abs=0.02)


def test_losses_are_not_counted_twice():
    rows = [
        row
        for row in table("emission_factors.csv")
        if row["includes_losses"] == "1" and row["factor_set"] in adopted_sets()
    ]
    lossy = {(row["zone"], row["role"]) for row in rows}
    assert not {zone for zone, _ in lossy} & {row["zone"] for row in table("grid_losses.csv")}


def test_british_losses_come_out_as_published():
    factors = {
        row["starts_on"]: float(row["g_co2e_per_kwh"])
        for row in table("emission_factors.csv")
        if row["factor_set"] == "desnz-2026" and row["role"] == FactorRole.LOCATION
    }
    losses = {
        row["starts_on"]: float(row["loss_share"])
        for row in table("grid_losses.csv")
        if row["zone"] == "GB"
    }
    share = losses["2024-01-01"]
    assert factors["2024-01-01"] * share / (1 - share) == pytest.approx(18.3, abs=0.01)


def test_hardware_is_whole():
    rows = table("hardware.csv")
    assert len(rows) >= 150
    for row in rows:
        assert row["kind"] in set(HardwareKind)
        assert float(row["max_watts"]) > 0
        assert not row["idle_watts"] or 0 < float(row["idle_watts"]) < float(row["max_watts"])
        assert bool(row["embodied_kg"]) == bool(row["embodied_source"])
        assert not row["embodied_kg"] or float(row["embodied_kg"]) > 0


def test_a_spelling_means_one_device():
    owner = {}
    for row in table("hardware.csv"):
        for spelling in [row["name"], *filter(None, row["aliases"].split(";"))]:
            assert owner.setdefault(fold(spelling), row["name"]) == row["name"], spelling
        folded = [fold(one) for one in filter(None, row["aliases"].split(";"))]
        assert len(set(folded)) == len(folded)


@pytest.mark.parametrize(
    ("spelling", "device"),
    [
        ("P100", "NVIDIA Tesla P100 PCIe 16GB"),
        ("v100", "NVIDIA Tesla V100 SXM2 16 GB"),
        ("TPU v2", "Google TPU v2 (chip)"),
        ("tpu-v3", "Google TPU v3 (chip)"),
        ("A100 80GB", "NVIDIA A100 SXM4 80 GB"),
        ("a100", "NVIDIA A100 SXM4 80 GB"),
        ("NVIDIA A100-SXM4-40GB", "NVIDIA A100 SXM4 40 GB"),
        ("NVIDIA H100 80GB HBM3", "NVIDIA H100 SXM5 80GB"),
        ("nvidia_h100_80gb_hbm3", "NVIDIA H100 SXM5 80GB"),
        ("Tesla V100-SXM2-32GB", "NVIDIA Tesla V100 SXM2 32 GB"),
        ("Tesla P100-PCIE-16GB", "NVIDIA Tesla P100 PCIe 16GB"),
        ("rtx_3090", "NVIDIA GeForce RTX 3090"),
        ("AMD EPYC 7763 64-Core Processor", "AMD EPYC 7763"),
        ("Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz", "Intel Xeon Gold 6148"),
    ],
)
def test_common_spellings_are_known(spelling, device):
    owner = {
        fold(one): row["name"]
        for row in table("hardware.csv")
        for one in [row["name"], *row["aliases"].split(";")]
    }
    assert owner[fold(spelling)] == device


def test_cloud_regions_are_whole():
    rows = table("cloud_regions.csv")
    assert len(rows) >= 150
    for row in rows:
        assert row["location"]
        assert not row["pue"] or (1 <= float(row["pue"]) < 2 and row["pue_source"])
        assert not row["wue_litres_per_kwh"] or float(row["wue_litres_per_kwh"]) >= 0


def test_no_calculators_constant_passes_for_a_regions_pue():
    assert not {row["pue"] for row in table("cloud_regions.csv")} & {"1.135", "1.185"}


def test_default_pue_has_the_world_and_the_clouds():
    entities = {row["entity"] for row in table("default_pue.csv")}
    assert entities >= {"world", "aws", "gcp", "azure"}
    assert all(1 <= float(row["pue"]) <= 2.5 for row in table("default_pue.csv"))


def test_defaults_are_those_of_the_core():
    values = {row["key"]: float(row["value"]) for row in table("defaults.csv")}
    assert values["power_share"] == energy.POWER_SHARE_DEFAULT
    assert values["power_share_mlco2"] == energy.FULL_POWER
    assert values["idle_share"] == energy.IDLE_SHARE_DEFAULT
    assert values["host_share"] == energy.HOST_SHARE_DEFAULT
    assert values["memory_watts_per_gb"] == energy.MEMORY_WATTS_PER_GB
    assert values["cpu_watts_per_core"] == energy.CPU_WATTS_PER_CORE_DEFAULT
    assert values["life_years"] == embodied.LIFE_YEARS_DEFAULT
    assert values["pue"] == electricity.PUE_DEFAULT
    assert values["pue_mlco2"] == electricity.PUE_MLCO2


def test_spreads_are_those_of_the_core():
    rows = {(row["input"], row["condition"]): row for row in table("spreads.csv")}
    bands = {("energy", b.name.lower()): band for b, band in uncertainty.ENERGY_BANDS.items()}
    bands |= {
        ("factor", fit.name.lower()): band
        for fit, band in uncertainty.FIT_BANDS.items()
        if fit is not Fit.NONE
    }
    bands["pue", "default"] = uncertainty.PUE_DEFAULT_BAND
    bands["pue", "stated"] = uncertainty.PUE_STATED_BAND
    bands["embodied", "any"] = uncertainty.EMBODIED_BAND
    bands["upstream", "any"] = uncertainty.UPSTREAM_BAND
    bands["water", "any"] = uncertainty.WATER_BAND
    bands["fuel", "any"] = uncertainty.FUEL_BAND
    bands["statement", "any"] = uncertainty.STATEMENT_BAND
    assert {*bands, ("hours", "unknown")} == set(rows)
    assert {"energy"} == {key for key, name in bands if name == Basis.SITE_METER.name.lower()}
    for key, band in bands.items():
        assert (float(rows[key]["low_ratio"]), float(rows[key]["high_ratio"])) == (
            band.low,
            band.high,
        )


def test_spreads_are_labelled_as_judgement():
    assert all("udgement" in row["source"] for row in table("spreads.csv"))


def test_equivalents_are_positive():
    values = {row["key"]: float(row["kg_co2e"]) for row in table("equivalents.csv")}
    assert all(value > 0 for value in values.values())
    assert values["car_lifetime"] == pytest.approx(126_000 * 0.45359237, abs=0.1)


def chosen(zone, year, role=FactorRole.LOCATION):
    """Return the row that a new organisation's adoptions choose, and its fit."""
    choice = choose(
        zone=np.array([list(zones()).index(zone)]),
        month=np.array([year * 12], dtype=np.int32),
        table=shipped_table(),
        role=role,
    )
    index, fit = int(choice.factor_index[0]), Fit(int(choice.fit[0]))
    return (adopted_factors()[index] if index >= 0 else None), fit


@cache
def adopted_factors():
    return [row for row in table("emission_factors.csv") if row["factor_set"] in adopted_sets()]


@cache
def shipped_table():
    known, rows = zones(), adopted_factors()
    number = {code: index for index, code in enumerate(known)}
    rank = {row["slug"]: row["default_precedence"] for row in table("factor_sets.csv")}

    def month(day):
        return int(day[:4]) * 12 + int(day[5:7]) - 1

    return FactorTable.of(
        ids=range(len(rows)),
        zone=[number[row["zone"]] for row in rows],
        role=[row["role"] for row in rows],
        kind=[row["kind"] for row in rows],
        rank=[int(rank[row["factor_set"]]) for row in rows],
        published=0,
        starts_month=[month(row["starts_on"]) for row in rows],
        ends_month=[month(row["ends_before"]) for row in rows],
        value=[float(row["g_co2e_per_kwh"]) for row in rows],
        parents={number[c]: number[row["parent"]] for c, row in known.items() if row["parent"]},
        world=number["WORLD"],
    )


@pytest.mark.parametrize(
    ("zone", "year", "factor_set", "fit"),
    [
        ("US-VA", 2023, "egrid-2023", Fit.ZONE_YEAR),
        ("US-VA", 2025, "egrid-2023", Fit.ZONE_EARLIER_YEAR),
        ("FR", 2024, "eea-2025", Fit.ZONE_YEAR),
        ("FR", 2022, "owid-ember-2026", Fit.ZONE_YEAR),
        ("GB", 2026, "desnz-2026", Fit.ZONE_YEAR),
        ("AU-NSW", 2025, "nga-2026", Fit.ZONE_YEAR),
        ("CA-QC", 2024, "eccc-2026", Fit.ZONE_YEAR),
        ("CN-SC", 2023, "mee-2023", Fit.ZONE_YEAR),
        ("CH", 2024, "owid-ember-2026", Fit.ZONE_YEAR),
        ("GH", 2023, "owid-ember-2026", Fit.ZONE_YEAR),
        ("GH", 2025, "electricity-maps-2026", Fit.ZONE_YEAR),
        ("SE-SE3", 2024, "eea-2025", Fit.PARENT_YEAR),
        ("MC", 2024, "owid-ember-2026", Fit.WORLD),
    ],
)
def test_a_new_organisation_gets_the_best_factor_of_a_place(zone, year, factor_set, fit):
    row, found = chosen(zone, year)
    assert (row["factor_set"], found) == (factor_set, fit)


def test_two_hundred_countries_have_a_factor_of_each_of_the_last_five_years():
    countries = {code for code, row in zones().items() if row["kind"] == "country"}
    for year in range(2021, 2026):
        stated = {
            row["zone"]
            for row in adopted_factors()
            if row["role"] == "location"
            and row["starts_on"] <= f"{year}-06-01" < row["ends_before"]
        }
        assert len(stated & countries) >= 200, year


def test_every_zone_has_a_factor_in_every_recent_year():
    fits = {chosen(zone, year)[1] for zone in zones() for year in range(2021, 2027)}
    assert Fit.NONE not in fits


def test_upstream_is_there_where_it_is_published():
    assert chosen("GB", 2025, FactorRole.UPSTREAM)[0]["g_co2e_per_kwh"] == "49.87"
    assert chosen("AU-VIC", 2025, FactorRole.UPSTREAM)[0]["includes_losses"] == "1"
    assert chosen("FR", 2025, FactorRole.UPSTREAM)[0] is None
