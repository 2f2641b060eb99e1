"""Each publisher's file gives the factors that it prints, and errors where it is another one."""

import csv
import io
from datetime import date
from pathlib import Path

import pytest

from emissions.calculation.vocabulary import FactorKind, FactorRole
from emissions.importers.factors import FORMATS, electricity_maps_hourly
from emissions.importers.factors.rows import Read, RowError, read_file
from tests.emissions.importers.factors.workbooks import (
    DEFRA_EDITIONS,
    DEFRA_SHEETS,
    ELECTRICITY,
    Formula,
    defra,
    defra_edition,
    defra_set,
    egrid,
    workbook,
)
from tests.emissions.importers.old_workbooks import old_workbook

OWID = """Entity,Code,Year,Carbon intensity of electricity - gCO2/kWh
Africa,,2023,534.9
Sweden,SWE,2023,25.12
Sweden,SWE,2024,
Kosovo,OWID_KOS,2023,894.65
World,OWID_WRL,2023,481.8
Nowhere,OWID_NOW,2023,1
"""
EMBER = """Area,ISO 3 code,Year,Area type,Category,Subcategory,Variable,Unit,Value
Sweden,SWE,2023,Country or economy,Power sector emissions,CO2 intensity,CO2 intensity,gCO2/kWh,25.1
Sweden,SWE,2023,Country or economy,Electricity demand,Demand,Demand,TWh,136.1
"""
ENERGY = "country,year,iso_code,population,carbon_intensity_elec\nSweden,2023,SWE,10612086,25.12\n"
MAPS = (
    "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),"
    "Carbon intensity gCO₂eq/kWh (Life cycle),Carbon-free energy percentage (CFE%),"
    "Renewable energy percentage (RE%),Data source,Data estimated,Data estimation method\n"
)
MAPS_OLDER = MAPS.replace("(Life cycle)", "(LCA)")
LICENSED = "zone,year,g_co2e_per_kwh,role,kind,note\n"


def read(name: str, content: str | bytes) -> Read:
    return read_file(FORMATS[name], content.encode() if isinstance(content, str) else content)


def values(found: Read) -> dict[tuple[str, int, str, str], float]:
    return {
        (f.zone, f.starts_on.year, f.kind.value, f.role.value): f.g_co2e_per_kwh
        for f in found.factors
    }


class TestOurWorldInData:
    def test_countries_and_the_world_are_taken_groups_are_left_out(self):
        found = read("owid", OWID)
        assert not found.errors
        assert values(found) == {
            ("SE", 2023, "lifecycle", "location"): 25.12,
            ("XK", 2023, "lifecycle", "location"): 894.65,
            ("WORLD", 2023, "lifecycle", "location"): 481.8,
        }
        assert all(factor.includes_upstream for factor in found.factors)
        assert found.factors[0].starts_on == date(2023, 1, 1)
        assert found.factors[0].ends_before == date(2024, 1, 1)
        assert " ".join(found.left_out).count("1 rows") == 2
        assert "OWID_NOW" in " ".join(found.left_out)

    @pytest.mark.parametrize("content", [EMBER, ENERGY])
    def test_ember_s_long_format_and_the_energy_data_set_are_read(self, content):
        found = read("owid", content)
        assert not found.errors
        assert [(f.zone, round(f.g_co2e_per_kwh, 1)) for f in found.factors] == [("SE", 25.1)]

    @pytest.mark.parametrize(
        "header",
        [
            "Entity,Code,Year,Carbon intensity of electricity per kWh,World region",
            "entity,code,year,co2_intensity__gco2_kwh,owid_region",
            "country_or_region,country_code,year,emissions_intensity_gco2_per_kwh,continent",
            "entity,entity_code,date,emissions_intensity_gco2_per_kwh,is_aggregate_entity",
        ],
    )
    def test_the_names_that_the_columns_have_had_since_2025_are_known(self, header):
        """As downloaded from ourworldindata.org and ember-energy.org in 2025 and 2026."""
        found = read("owid", f"{header}\nAustria,AUT,2024,103.48,Europe\n")
        assert not found.errors
        assert values(found) == {("AT", 2024, "lifecycle", "location"): 103.48}

    def test_a_file_without_intensities_says_what_is_missing(self):
        (error,) = read("owid", "Entity,Code,Year,Share\nSweden,SWE,2023,1\n").errors
        assert "carbon intensity" in error.reason

    def test_bad_cells_are_named_by_row_and_column(self):
        text = OWID.replace("25.12", "about 25").replace("World,OWID_WRL,2023", "World,OWID_WRL,x")
        found = read("owid", text)
        column = "Carbon intensity of electricity - gCO2/kWh"
        assert RowError(3, column, "“about 25” is not a number.") in found.errors
        assert RowError(6, "Year", "“x” is not a year.") in found.errors

    @pytest.mark.parametrize("value", ["-1", "250000", "=1+1", "nan", "1e400"])
    def test_what_no_grid_emits_is_refused(self, value):
        (error,) = read("owid", OWID.replace("25.12", value)).errors
        assert error.row == 3

    def test_a_value_twice_is_refused(self):
        (error,) = read("owid", OWID + "Sweden,SWE,2023,26\n").errors
        assert (error.row, "row 3" in error.reason) == (8, True)

    def test_latin_letters_of_another_encoding_are_read(self):
        text = OWID.replace("Sweden", "Türkiye").replace("SWE", "TUR")
        found = read("owid", text.encode("cp1252"))
        assert found.factors[0].zone == "TR"

    @pytest.mark.parametrize(
        "content",
        [
            "Entity,Code,Year,Nuclear - % electricity,Fossil fuels - % electricity,"
            "Renewables - % electricity\nFrance,FRA,2024,68.00244,5.75368,26.243881\n"
            "Venezuela,VEN,2024,0,,87.43867\nSri Lanka,LKA,2024,0,40.436127,50.161938\n",
            "Entity,Code,Year,Nuclear,Fossil fuels,Renewables\n"
            "France,FRA,2024,68.002,5.754,26.244\n"
            "World,OWID_X,2024,9,60,31\n",
            "Entity,Code,Year,Coal,Gas,Hydropower,Solar,Wind,Oil,Nuclear,Other renewables,"
            "Bioenergy\n"
            "France,FRA,2024,0.754,3,12,4,8.244,2,68.002,,2\n",
            "country,year,iso_code,fossil_share_elec,nuclear_share_elec,renewables_share_elec\n"
            "France,2024,FRA,5.754,68.002,26.244\nFrance,1900,FRA,,,\n",
            "Area,ISO 3 code,Year,Category,Variable,Unit,Value\n"
            "France,FRA,2024,Electricity generation,Fossil,%,5.754\n"
            "France,FRA,2024,Electricity generation,Fossil,TWh,32.1\n"
            "France,FRA,2024,Electricity generation,Nuclear,%,68.002\n"
            "France,FRA,2024,Electricity generation,Renewables,%,26.244\n",
        ],
    )
    def test_what_electricity_is_made_of(self, content):
        """As the grapher, the energy data set and Ember name the shares; groups do not count."""
        found = read("owid", content)
        assert not found.errors
        (mix,) = found.mixes
        assert (mix.zone, mix.starts_on, mix.row) == ("FR", date(2024, 1, 1), 2)
        shares = mix.renewable_share, mix.nuclear_share, mix.fossil_share
        assert shares == pytest.approx((0.26244, 0.68002, 0.05754), abs=1e-5)
        assert ("2 rows whose" in " ".join(found.left_out)) is ("VEN" in content)

    def test_ember_s_monthly_release_is_refused(self):
        head = "Area,ISO 3 code,Date,Category,Variable,Unit,Value\n"
        row = "Turkey,TUR,01/04/2026,Electricity generation,Fossil,%,29.13\n"
        (error,) = read("owid", head + row).errors
        assert (error.row, "yearly" in error.reason) == (0, True)

    def test_a_share_that_is_none_and_a_year_twice_are_named(self):
        head = "Entity,Code,Year,Nuclear,Fossil fuels,Renewables\n"
        found = read("owid", head + "France,FRA,2024,68,6,x\nFrance,FRA,2023,168,6,26\n")
        assert [(e.row, e.column) for e in found.errors] == [
            (2, "Renewables"), (3, "nuclear_share_elec"),
        ]  # fmt: skip
        row = "France,FRA,2024,68,6,26\n"
        (error,) = read("owid", head + row + row).errors
        assert (error.row, "row 2" in error.reason) == (3, True)

    def test_a_file_with_semicolons_may_have_decimal_points(self):
        text = (
            "country;year;iso_code;carbon_intensity_elec\nSweden;2023;SWE;{}\nSpain;2023;ESP;{}\n"
        )
        for first, second, grams in (("25.123", "146.5", 25.123), ("25,123", "146,5", 25.123)):
            assert read("owid", text.format(first, second)).factors[0].g_co2e_per_kwh == grams


class TestEgrid:
    def test_subregions_states_and_the_country_in_grams_per_kwh(self):
        found = read("egrid", egrid())
        assert not found.errors
        assert {key[0]: round(value, 2) for key, value in values(found).items()} == {
            "US-AKGD": 410.55, "US-SRVC": 269.03, "US-AK": 369.43, "PR": 639.57, "US": 349.67,
        }  # fmt: skip
        akgd = found.factors[0]
        assert akgd.kind is FactorKind.DIRECT
        assert not akgd.includes_losses
        assert akgd.co2_g_per_kwh == pytest.approx(406.46, abs=0.01)
        assert akgd.row == 3

    def test_a_cell_that_is_no_rate_is_named_by_its_code(self):
        rows = [[2023, "AKGD", "Alaska", 1, 1, 1, "n/a"], [2023, "X", "", 1, 1, 1, 5]]
        found = read("egrid", egrid(subregions=rows))
        assert [(e.row, e.column) for e in found.errors] == [(3, "SRC2ERTA"), (4, "SUBRGN")]

    def test_the_metric_workbook_has_the_same_codes_in_another_unit(self):
        """EPA publishes each edition in lb/MWh and in kg/MWh; only the long names say which."""
        pounds = read("egrid", egrid())
        rows = [[2023, "AKGD", "ASCC Alaska Grid", 406.5, 0.028, 0.004, 410.55]]
        metric = read("egrid", egrid(subregions=rows, states=[[2023, "AK", "02", 365.6, 369.43]],
                                     unit="kg/MWh", country=349.667))  # fmt: skip
        assert not metric.errors
        assert values(metric)["US-AKGD", 2023, "direct", "location"] == pytest.approx(
            values(pounds)["US-AKGD", 2023, "direct", "location"], rel=1e-4
        )
        assert metric.factors[0].ch4_g_per_kwh == 0.028

    def test_gases_per_gwh_as_up_to_2014(self):
        (first, *_) = read("egrid", egrid(gases="lb/GWh")).factors
        assert first.ch4_g_per_kwh == pytest.approx(0.061 * 453.59237 / 1_000_000)
        assert first.co2_g_per_kwh == pytest.approx(406.46, abs=0.01)

    @pytest.mark.parametrize("unit", ["kg/GJ", "lb/MMBtu", ""])
    def test_a_rate_without_a_known_unit_is_refused(self, unit):
        found = read("egrid", egrid(unit=unit))
        assert {(e.row, e.column) for e in found.errors} == {
            (2, "SRC2ERTA"), (2, "STC2ERTA"), (2, "USC2ERTA"),
        }  # fmt: skip
        assert not found.factors

    @pytest.mark.parametrize(
        ("sheet", "rates"),
        [
            ("srl22", {"US-AKGD": 1057.841, "US-CAMX": 499.278, "US-SRVC": 625.874}),
            ("st22", {"US-AK": 917.453, "PR": 1599.922}),
            ("us22", {"US": 827.520}),
        ],
    )
    def test_real_sheets_of_2022_with_all_their_columns(self, sheet, rates):
        """Rows of EPA's eGRID2022 workbook, its sheets saved as CSV: “1,057.841” is a number."""
        content = (Path(__file__).parent / f"egrid2022_{sheet}.csv").read_bytes()
        found = read("egrid", content)
        assert not found.errors
        assert {one.zone: one.g_co2e_per_kwh for one in found.factors} == {
            zone: pytest.approx(pounds * 0.45359237) for zone, pounds in rates.items()
        }
        assert found.factors[0].row == 3
        assert found.factors[0].co2_g_per_kwh < found.factors[0].g_co2e_per_kwh

    @pytest.mark.parametrize("as_fractions", [False, True])
    def test_what_a_subregion_is_made_of(self, as_fractions):
        """14.5 % in the CSV; a workbook holds the same as fractions."""
        text = (Path(__file__).parent / "egrid2022_srl22.csv").read_text()
        rows: list[list[object]] = [[*row] for row in csv.reader(io.StringIO(text))]
        if as_fractions:
            rows = [
                [float(c[:-1]) / 100 if str(c).endswith("%") else c for c in row] for row in rows
            ]
        found = read("egrid", workbook({"SRL22": rows}))
        assert not found.errors
        california = next(one for one in found.mixes if one.zone == "US-CAMX")
        shares = california.renewable_share, california.nuclear_share, california.fossil_share
        assert shares == pytest.approx((0.418, 0.084, 0.498))
        assert california.starts_on == date(2022, 1, 1)

    def test_the_same_sheets_in_a_workbook_give_the_same(self):
        texts = {
            f"{sheet}22": (Path(__file__).parent / f"egrid2022_{sheet.lower()}22.csv").read_text()
            for sheet in ("SRL", "ST", "US")
        }
        sheets: dict[str, list[list[object]]] = {
            name: [[*row] for row in csv.reader(io.StringIO(text))] for name, text in texts.items()
        }
        found = read("egrid", workbook({"Contents": [["eGRID2022"]], **sheets}))
        assert not found.errors
        alone = [read("egrid", text) for text in texts.values()]
        assert values(found) == {key: v for one in alone for key, v in values(one).items()}
        assert values(read("egrid", old_workbook(sheets))) == values(found)

    def test_another_workbook_is_refused_as_a_whole(self):
        (error,) = read("egrid", workbook({"Sheet1": [["a", "b"], [1, 2]]})).errors
        assert error.row == 0
        assert "SRL23" in error.reason

    def test_a_sheet_without_its_codes_is_refused(self):
        (error,) = read("egrid", workbook({"SRL23": [["YEAR", "SUBRGN"], [2023, "AKGD"]]})).errors
        assert "SRC2ERTA" in error.reason


class TestDefra:
    def test_generation_and_its_upstream_are_taken(self):
        found = read("defra", defra())
        assert not found.errors
        assert values(found) == {
            ("GB", 2024, "direct", "location"): pytest.approx(207.05),
            ("GB", 2024, "direct", "upstream"): pytest.approx(49.96),
        }
        assert found.factors[-1].note == "Well-to-tank of generation 45.9 and of losses 4.06"
        assert "1 rows of transmission" in found.left_out[0]

    @pytest.mark.parametrize(
        ("edition", "generation", "co2", "upstream", "wtt_losses"), DEFRA_EDITIONS
    )
    def test_the_flat_files_of_other_years(self, edition, generation, co2, upstream, wtt_losses):
        """Rows of the flat files of 2016, 2020, 2022 and 2023 (DESNZ, OGL v3.0) as printed."""
        found = read("defra", defra_edition(edition))
        assert not found.errors
        assert values(found) == {
            ("GB", edition, "direct", "location"): pytest.approx(generation),
            ("GB", edition, "direct", "upstream"): pytest.approx(upstream + wtt_losses),
        }
        assert [one.co2_g_per_kwh for one in found.factors] == [pytest.approx(co2), None]

    def test_an_old_excel_file_gives_what_the_new_one_gives(self):
        """The flat files of 2017 to 2019, 2021 and 2022 were published as XLS."""
        old = read("defra", old_workbook({"Introduction": [["x"]], **DEFRA_SHEETS}))
        assert not old.errors
        assert values(old) == values(read("defra", defra()))
        assert [one.row for one in old.factors] == [8, 11]

    @pytest.mark.parametrize("write", [workbook, old_workbook])
    @pytest.mark.parametrize("indented", [False, True])
    def test_the_full_set_gives_generation_and_upstream(self, write, indented):
        """Rows of the full set of 2026 (DESNZ, OGL v3.0); older sets begin with an empty column."""
        found = read("defra", write(defra_set(indented=indented)))
        assert not found.errors
        assert values(found) == {
            ("GB", 2026, "direct", "location"): pytest.approx(130.96),
            ("GB", 2026, "direct", "upstream"): pytest.approx(40.41),
        }
        assert found.factors[0].co2_g_per_kwh == pytest.approx(129.43)
        assert "1 rows of transmission" in found.left_out[0]

    def test_the_condensed_set_says_that_it_has_no_upstream(self):
        sheets = defra_set(total="Total kg CO2e per unit")
        del sheets["WTT- UK electricity"]
        found = read("defra", workbook(sheets))
        assert [one.role for one in found.factors] == [FactorRole.LOCATION]
        assert "Well-to-tank emissions are not in this file" in found.left_out[0]

    def test_a_cell_of_a_set_that_is_no_factor_is_named(self):
        sheets = defra_set()
        sheets["UK electricity"][-1][4] = "n/a"
        (error,) = read("defra", workbook(sheets)).errors
        assert (error.row, error.column) == (6, "kg CO2e")

    def test_rows_are_numbered_as_the_spreadsheet_shows_them(self):
        found = read("defra", defra(["2_1", *ELECTRICITY, "kWh", "kg CO2e", "see note"]))
        assert [(e.row, e.column) for e in found.errors] == [(8, "GHG Conversion Factor 2024")]

    def test_a_workbook_without_electricity_says_so(self):
        (error,) = read(
            "defra", defra(["9", "Scope 3", "Water", "", "", "", "", "m3", "kg", 1])
        ).errors
        assert "no factor" in error.reason

    def test_another_workbook_is_refused(self):
        assert read("defra", egrid()).errors[0].row == 0


class TestElectricityMaps:
    @pytest.mark.parametrize("header", [MAPS, MAPS_OLDER, MAPS.upper()])
    def test_a_year_gives_a_direct_and_a_lifecycle_factor(self, header):
        row = "2024-01-01 00:00:00,Sweden,Sweden,SE,13.4,21.5,98,70,electricitymaps.com,false,\n"
        found = read("electricity-maps", header + row)
        assert not found.errors
        assert values(found) == {
            ("SE", 2024, "direct", "location"): 13.4,
            ("SE", 2024, "lifecycle", "location"): 21.5,
        }
        assert [factor.includes_upstream for factor in found.factors] == [False, True]

    def test_months_hold_for_a_month(self):
        rows = "".join(f"2024-{m:02}-01 00:00,S,S,SE,{m},{m},,,,,\n" for m in (1, 2, 12))
        found = read("electricity-maps", MAPS + rows)
        assert not found.errors
        last = found.factors[-1]
        assert (last.starts_on, last.ends_before) == (date(2024, 12, 1), date(2025, 1, 1))

    def test_hours_are_refused_as_factors(self):
        rows = "2024-01-01 00:00,S,S,SE,1,2,,,,,\n2024-01-01 01:00,S,S,SE,1,2,,,,,\n"
        (error,) = read("electricity-maps", MAPS + rows).errors
        assert "hours" in error.reason

    def test_a_row_without_moment_zone_or_value_is_named(self):
        rows = "soon,S,S,SE,1,2,,,,,\n2024-01-01,S,S,,1,2,,,,,\n2024-01-01,S,S,SE,,2,,,,,\n"
        found = read("electricity-maps", MAPS + rows)
        assert [(e.row, e.column) for e in found.errors] == [
            (2, "Datetime (UTC)"),
            (3, "Zone id"),
            (4, "Carbon intensity gCO₂eq/kWh (direct)"),
        ]


class TestElectricityMapsHourly:
    @staticmethod
    def hours(*moments: str, values: str = "13.4,21.5") -> str:
        return MAPS + "".join(f"{moment},S,S,SE,{values},,,,,\n" for moment in moments)

    def test_a_year_of_hours_with_gaps(self):
        found = read(
            "electricity-maps-hourly",
            self.hours("2024-01-01 00:00:00", "2024-01-01 02:00:00", "2024-12-31 23:00:00"),
        )
        assert not found.errors
        assert not found.factors
        direct, lifecycle = found.hours
        assert (direct.zone, direct.year, direct.kind) == ("SE", 2024, FactorKind.DIRECT)
        assert direct.g_co2e_per_kwh[:3] == [13.4, None, 13.4]
        assert len(direct.g_co2e_per_kwh) == 8784
        assert lifecycle.g_co2e_per_kwh[-1] == 21.5
        assert "8781 hours of SE 2024 (direct)" in found.left_out[0]

    def test_an_hour_twice_or_half_an_hour_is_named(self):
        moments = "2024-03-01 05:00", "2024-03-01 05:00", "2024-03-01 05:30"
        found = read("electricity-maps-hourly", self.hours(*moments))
        assert {e.row for e in found.errors} == {3, 4}

    @pytest.mark.parametrize("moment", ["9999-12-31 23:00", "0001-01-01 00:00", "2024-02-30 01:00"])
    def test_a_moment_that_cannot_be_meant_is_named(self, moment):
        for name in ("electricity-maps-hourly", "electricity-maps"):
            (error,) = read(name, self.hours(moment)).errors
            assert (error.row, error.column) == (2, "Datetime (UTC)")

    def test_a_few_rows_cannot_claim_the_memory_of_many_years(self, monkeypatch):
        monkeypatch.setattr(electricity_maps_hourly, "MOST_SERIES", 3)
        moments = [f"{year}-01-01 01:00" for year in (2021, 2022)]
        (error,) = read("electricity-maps-hourly", self.hours(*moments)).errors
        assert "Split it" in error.reason

    def test_an_empty_value_is_a_gap(self):
        found = read("electricity-maps-hourly", self.hours("2023-05-01 07:00", values=",21"))
        assert [one.kind for one in found.hours] == [FactorKind.LIFECYCLE]

    def test_a_yearly_file_is_refused(self):
        (error,) = read("electricity-maps-hourly", self.hours("2024-01-01 00:00")).errors
        assert "yearly format" in error.reason


class TestLicensed:
    def test_a_residual_mix_with_semicolons_and_decimal_commas(self):
        found = read("licensed", "zone;year;g_co2e_per_kwh;role\nSE;2024;36,9\nDE;2024;728,1;\n")
        assert [e.row for e in found.errors] == []
        found = read("licensed", "Country;Year;gCO2e/kWh;Use\nSE;2024;36,9;residual\n")
        assert values(found) == {("SE", 2024, "direct", "residual"): 36.9}

    def test_months_and_what_a_factor_includes(self):
        found = read(
            "licensed",
            "zone,starts_on,ends_before,value,kind,includes_losses,co2_g_per_kwh\n"
            "FR,2026-03-01,2026-04-01,40,direct,yes,39\nFR,2026-04-01,2026-05-01,44,lifecycle,,\n",
        )
        first, second = found.factors
        assert (first.ends_before, first.includes_losses, first.co2_g_per_kwh) == (
            date(2026, 4, 1), True, 39.0,
        )  # fmt: skip
        assert first.role is FactorRole.LOCATION
        assert second.includes_upstream

    @pytest.mark.parametrize(
        ("row", "column"),
        [
            (",2024,1,,,", "zone"),
            ("SE,,1,,,", "year"),
            ("SE,2024,,,,", "g_co2e_per_kwh"),
            ("SE,2024,1,sideways,,", "role"),
            ("SE,2024,1,,marginal,", "kind"),
            ("SE,0,1,,,", "year"),
            ("SE,9999,1,,,", "year"),
            ("SE,2024,-1,,,", "g_co2e_per_kwh"),
            ("SE,2024,1e300,,,", "g_co2e_per_kwh"),
            ("SE,2024,=1+1,,,", "g_co2e_per_kwh"),
        ],
    )
    def test_errors_name_their_column(self, row, column):
        found = read("licensed", LICENSED + row + "\n")
        assert [(e.row, e.column) for e in found.errors] == [(2, column)]
        assert not found.factors

    @pytest.mark.parametrize("gas", ["-1", "little", "1e9"])
    def test_a_gas_that_is_no_mass_is_named(self, gas):
        found = read("licensed", f"zone,year,g_co2e_per_kwh,ch4_g_per_kwh\nSE,2024,30,{gas}\n")
        assert [(e.row, e.column) for e in found.errors] == [(2, "ch4_g_per_kwh")]

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
    def test_what_spreadsheets_save_as_csv_is_read(self, encoding):
        text = "zone;year;g_co2e_per_kwh;note\r\nSE;2024;36,9;Vårgårda\r\n"
        (factor,) = read("licensed", text.encode(encoding)).factors
        assert (factor.g_co2e_per_kwh, factor.note) == (36.9, "Vårgårda")

    def test_an_excel_file_of_old_says_what_to_do(self):
        (error,) = read("licensed", b"\xd0\xcf\x11\xe0" + bytes(600)).errors
        assert "Save it as XLSX" in error.reason

    @pytest.mark.parametrize(("shown", "grams"), [(36, [36.0]), ("#REF!", []), ("", [])])
    def test_a_workbook_s_formula_counts_with_the_value_that_it_shows(self, shown, grams):
        rows = [["zone", "year", "g_co2e_per_kwh"], ["SE", 2024, Formula("=6*6", shown)]]
        found = read("licensed", workbook({"S": rows}))
        assert [factor.g_co2e_per_kwh for factor in found.factors] == grams
        assert [e.row for e in found.errors] == [2] * (not grams)

    def test_a_validity_ends_after_it_starts_on_the_first_of_a_month(self):
        head = "zone,starts_on,ends_before,g_co2e_per_kwh\n"
        for dates in ("2026-03-02,2026-04-01", "2026-03-01,2026-03-01", "2026-03-01,"):
            assert read("licensed", f"{head}FR,{dates},40\n").errors


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x01\x02",
        b"a,b\n1,2\n",
        b"PK\x03\x04 no archive",
        b"\xff\xfe\x00",
        b'zone,"year\n',
    ],
)
def test_what_is_no_such_file_is_an_error_of_the_file(name, content):
    found = read(name, content)
    assert [error.row for error in found.errors] == [0]
    assert not found.factors


def test_an_archive_that_unpacks_to_far_too_much_is_refused():
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("xl/workbook.xml", "<a>" + " " * 300_000_000 + "</a>")
    (error,) = read("defra", buffer.getvalue()).errors
    assert "unpacks" in error.reason


def test_every_format_names_its_publisher_or_asks_for_one():
    for name, form in FORMATS.items():
        assert form.label
        assert form.expects
        assert bool(form.source) is (name != "licensed")
