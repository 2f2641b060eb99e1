"""Every table of a quarter agrees with the dashboards to the last digit."""

from datetime import date
from decimal import Decimal

import pytest

from emissions.calculation.vocabulary import SiteKind, Tenure
from emissions.models import GridZone, Organisation, Team
from emissions.selectors.periods import Period, parse_value
from emissions.selectors.totals import Filters, Totals, totals
from emissions.services.doubles.review import merge_double
from emissions.services.factors.adopt import adopt_factor_set
from reports.definitions.quarter import quarter_tables
from tests.factories import (
    NOW,
    make_double,
    make_factor_set,
    make_fuel_use,
    make_mix,
    make_node,
    make_run,
    make_site,
    settle_all,
)
from tests.scenarios import Laboratory

pytestmark = pytest.mark.django_db
QUARTER = parse_value("2026-Q1", today=NOW.date())


@pytest.fixture
def lab(laboratory: Laboratory) -> Laboratory:
    return laboratory


def tables_of(
    organisation: Organisation, period: Period = QUARTER, team: Team | None = None
) -> dict[str, list[dict[str, object]]]:
    """Return each table's rows as header → value."""
    found = quarter_tables(organisation=organisation, period=period, today=NOW.date(), team=team)
    return {
        table.name: [
            dict(zip((one.header for one in table.columns), row, strict=True)) for row in table.rows
        ]
        for table in found
    }


def whole(organisation: Organisation, period: Period = QUARTER, **filters: object) -> Totals:
    return totals(organisation=organisation, period=period, filters=Filters(**filters))


def column(rows: list[dict[str, object]], name: str) -> Decimal:
    return sum((Decimal(row[name] or 0) for row in rows), Decimal(0))


class TestEnergyBySite:
    def test_sites_add_up_to_the_dashboard(self, lab):
        *rows, total = tables_of(lab.organisation)["energy_by_site"]
        sums = whole(lab.organisation)
        assert {row["Site"] for row in rows} == {"Luleå", "Place not stated"}
        assert column(rows, "Total [MWh]") == total["Total [MWh]"]
        assert total["Total [MWh]"] * 1000 == sums.energy_facility_kwh
        assert total["IT equipment [MWh]"] * 1000 == sums.energy_it_kwh
        assert all(
            row["IT equipment [MWh]"] + row["Overhead [MWh]"] == row["Total [MWh]"]
            for row in [*rows, total]
        )
        lulea = next(row for row in rows if row["Site"] == "Luleå")
        assert float(lulea["Total ÷ IT"]) == pytest.approx(1.07)


class TestByHardware:
    def test_models_add_up_to_the_dashboard(self, lab):
        *rows, total = tables_of(lab.organisation)["by_hardware"]
        sums = whole(lab.organisation)
        for name, wanted in (
            ("Allocated anywhere [device-hours]", sums.device_hours),
            ("Energy, facility [kWh]", sums.energy_facility_kwh),
            ("Electricity, location-based [kg CO2e]", sums.location_based_kg),
            ("Electricity, market-based [kg CO2e]", sums.market_based_kg),
            ("Lifetime share [kg CO2e]", sums.embodied_kg),
        ):
            assert column(rows, name) == total[name] == wanted

    def test_available_hours_are_those_that_own_nodes_stood(self, lab):
        site = lab.lulea
        make_node(organisation=lab.organisation, site=site, starts_on=date(2026, 3, 2))
        make_node(organisation=lab.organisation, site=site, node_count=2, device_count=4)
        make_run(lab.organisation, project=lab.maps, site=site, started_at=NOW.replace(month=2))
        rows = {row["Hardware"]: row for row in tables_of(lab.organisation)["by_hardware"]}
        a100 = rows["NVIDIA A100 SXM4 80GB"]
        assert (a100["Own nodes"], a100["Own devices"]) == (3, 16)
        assert a100["Available [device-hours]"] == 30 * 24 * 8 + 90 * 24 * 8
        assert a100["Allocated [device-hours]"] == 10 + 80
        assert a100["Idle [device-hours]"] == 120 * 24 * 8 - 90
        assert rows["AMD EPYC 7763"]["Available [device-hours]"] is None

    def test_hardware_in_a_cloud_is_not_available_to_idle(self, lab):
        cloud = make_site(
            lab.organisation, kind=SiteKind.CLOUD, cloud_region=lab.region, it_control="other"
        )
        make_run(lab.organisation, project=lab.maps, site=cloud, started_at=NOW.replace(month=2))
        rows = {row["Hardware"]: row for row in tables_of(lab.organisation)["by_hardware"]}
        assert rows["NVIDIA A100 SXM4 80GB"]["Allocated [device-hours]"] == 10
        assert rows["NVIDIA A100 SXM4 80GB"]["Own nodes"] == 0


class TestPlaces:
    def test_places_add_up_to_the_dashboard(self, lab):
        rows = tables_of(lab.organisation)["places"]
        sums = whole(lab.organisation)
        assert column(rows, "Energy, facility [kWh]") == sums.energy_facility_kwh
        assert column(rows, "Electricity, location-based [kg CO2e]") == sums.location_based_kg
        assert column(rows, "Electricity, market-based [kg CO2e]") == sums.market_based_kg

    def test_a_place_shows_its_pue_and_the_factor_that_its_energy_met(self, lab):
        rows = tables_of(lab.organisation)["places"]
        lulea = next(row for row in rows if row["Site"] == "Luleå")
        assert (lulea["Zone code"], lulea["Kind"]) == ("FR", "Own data centre")
        assert lulea["PUE as stated"] == Decimal("1.07")
        assert float(lulea["PUE of the figures"]) == pytest.approx(1.07)
        assert float(lulea["Factor of the year [g CO2e/kWh]"]) == pytest.approx(50)
        nowhere = next(row for row in rows if row["Site"] == "Place not stated")
        assert nowhere["PUE as stated"] is None


class TestNotCompleted:
    def test_it_adds_up_to_the_dashboard(self, lab):
        *rows, total = tables_of(lab.organisation)["not_completed"]
        sums = whole(lab.organisation)
        assert [(row["Status"], row["Team"], row["Project"]) for row in rows] == [
            ("Failed", "Vision", "Faces")
        ]
        assert total["Energy, facility [kWh]"] == sums.not_completed_kwh > 0
        assert total["Electricity, location-based [kg CO2e]"] == sums.not_completed_kg
        assert total["Electricity, market-based [kg CO2e]"] == sums.not_completed_market_kg
        assert total["Runs"] == sums.not_completed_runs == 1
        share = total["Share of all energy [share of facility energy]"]
        assert share == sums.not_completed_share

    def test_a_superseded_record_is_counted_and_counts_nothing(self, lab):
        pair = make_double(project=lab.maps, started_at=NOW.replace(month=2), calculated=True)
        before = tables_of(lab.organisation)["not_completed"][-1]
        merge_double(pair=pair, keep=pair.first, by=None, now=NOW)
        settle_all()
        *rows, total = tables_of(lab.organisation)["not_completed"]
        assert [(row["Status"], row["Project"], row["Superseded records"]) for row in rows] == [
            ("Failed", "Faces", 0),
            ("Superseded", "Maps", 1),
        ]
        assert rows[1]["Energy, facility [kWh]"] == 0
        assert total == {**before, "Superseded records": 1} | {
            name: total[name] for name in total if "Share" in name
        }
        mine = tables_of(lab.organisation, team=lab.language)["not_completed"]
        assert mine[-1]["Superseded records"] == 0


Q1 = "Q1 2026 [kg CO2e]"


class TestInventory:
    @pytest.fixture
    def rows(self, lab) -> dict[tuple[object, ...], dict[str, object]]:
        """The inventory of a quarter with fuel, a leased node and hardware bought."""
        make_fuel_use(site=lab.lulea, month=date(2026, 2, 1))
        leased = make_node(organisation=lab.organisation, site=lab.lulea, embodied_kg=1460.0)
        leased.placements.update(tenure=Tenure.OPERATING_LEASE)
        make_run(lab.organisation, project=lab.maps, node=leased, started_at=NOW.replace(month=2))
        settle_all()
        found = tables_of(lab.organisation)["inventory"]
        return {
            (row["Scope"], row["Category"], row["Method"], "Losses" in row["What it counts"]): row
            for row in found
        }

    def test_the_rows_add_up_to_the_totals_each_once(self, lab, rows):
        for method in ("location-based", "market-based"):
            parts = [
                row
                for (scope, _, of, _), row in rows.items()
                if scope.startswith("Scope") and of in ("", method)
            ]
            assert column(parts, Q1) == rows["Total", "", method, False][Q1] > 0

    def test_fuel_stands_once_whatever_the_method(self, lab, rows):
        assert rows["Scope 1", "", "", False][Q1] == 250
        assert sum(1 for row in rows.values() if row["Scope"] == "Scope 1") == 1

    def test_it_holds_all_of_the_ledger(self, lab, rows):
        """What no row names would be missing from the totals without a word."""
        sums = whole(lab.organisation)
        everything = (
            sums.location_based_kg + sums.upstream_kg + sums.losses_kg
            + sums.embodied_kg + sums.embodied_purchase_kg
        )  # fmt: skip
        beside = rows["Beside the inventory", "", "", False][Q1]
        assert rows["Total", "", "location-based", False][Q1] == everything - beside

    def test_leased_hardware_s_share_is_in_3_8(self, lab, rows):
        share = Decimal(rows["Scope 3", "3.8 Leased assets", "location-based", False][Q1])
        assert share == 28, "1,460 kg over four years, of which February has 28 days"

    def test_every_row_with_a_figure_has_an_interval_around_it(self, lab, rows):
        low, high = "Q1 2026, 95 % from [kg CO2e]", "Q1 2026, 95 % to [kg CO2e]"
        for (scope, *_), row in rows.items():
            if scope == "Of scope 2":
                continue
            if row[Q1]:
                assert 0 < row[low] < row[Q1] < row[high]
            else:
                assert (row[low], row[high]) == (None, None)
        own = rows["Scope 2", "", "location-based", False]
        whole_of = rows["Total", "", "location-based", False]
        assert whole_of[high] - whole_of[Q1] > own[high] - own[Q1]

    def test_every_change_has_the_interval_of_the_difference(self, lab, rows):
        for (scope, *_), row in rows.items():
            for label in ("Q4 2025", "Q1 2025"):
                before, change = row[f"{label} [kg CO2e]"], row[f"Change from {label} [kg CO2e]"]
                ends = [row[f"Change from {label}, 95 % {end} [kg CO2e]"] for end in ("from", "to")]
                if row[Q1] is None or before is None:
                    assert [change, *ends] == [None] * 3
                    continue
                assert change == row[Q1] - before
                if change and scope != "Of scope 2":
                    assert ends[0] < change < ends[1]

    def test_how_the_energy_is_known_adds_up_to_one(self, lab, rows):
        names = [name for name in rows["Scope 1", "", "", False] if "share of the energy" in name]
        assert len(names) == 4
        assert sum(rows["Scope 2", "", "location-based", False][name] for name in names) == 1
        assert all(rows["Scope 3", "3.2 Capital goods", "", False][name] is None for name in names)


class TestWhatElectricityIsMadeOf:
    KINDS = tuple(f"{one} [share of the total]" for one in ("Renewable", "Nuclear", "Fossil"))

    def test_it_is_missing_and_not_zero(self, lab):
        for row in tables_of(lab.organisation)["energy_by_site"]:
            assert [row[name] for name in self.KINDS] == [None, None, None]
            assert row["Mix of"] == ""

    def test_shares_are_of_the_grid_with_its_year_and_source(self, lab):
        mixes = make_factor_set(name="Mixes", edition="of 2025")
        france = GridZone.objects.get(code="FR")
        make_mix(factor_set=mixes, zone=france, year=2024, shares=(0.3, 0.6, 0.1))
        before = tables_of(lab.organisation)
        adopt_factor_set(
            organisation=lab.organisation, factor_set=mixes, precedence=99, by=None, now=NOW
        )
        after = tables_of(lab.organisation)
        *rows, total = after["energy_by_site"]
        known = [row for row in rows if row["Mix of"]]
        assert known
        for row in known:
            assert [float(row[name]) for name in self.KINDS] == pytest.approx([0.3, 0.6, 0.1])
            assert row["Mix of"] == "France 2024, 2 years earlier"
            assert row["Source of the mix"] == "Test statistics, of 2025 (CC BY 4.0)"
        energy = "Total [MWh]"
        part = column(known, energy) / total[energy]
        assert total[self.KINDS[0]] == pytest.approx(part * Decimal("0.3"))
        assert after["inventory"] == before["inventory"]


class TestLifetimeShare:
    def test_it_starts_from_the_inventory_and_adds_up(self, lab):
        tables = tables_of(lab.organisation)
        rows = [
            (row["Item"], row["Method"], row["Amount [kg CO2e]"])
            for row in tables["lifetime_share"]
        ]
        of_inventory = {
            row["Method"]: row["Q1 2026 [kg CO2e]"]
            for row in tables["inventory"]
            if row["Scope"] == "Total"
        }
        for at, method in ((0, "location-based"), (5, "market-based")):
            total, bought, operation, share, both = (row[2] for row in rows[at : at + 5])
            assert {row[1] for row in rows[at : at + 5]} == {method}
            assert total == of_inventory[method]
            assert operation == total - bought
            assert both == operation + share
        sums = whole(lab.organisation)
        assert rows[3][2] == sums.embodied_kg > 0


class TestHardwareBought:
    def test_the_bridge_adds_up_and_says_what_does_not_count(self, lab):
        bought = make_node(
            organisation=lab.organisation,
            site=lab.lulea,
            name="bought",
            embodied_kg=1460.0,
            node_count=2,
            life_years=4.0,
            purchased_on=date(2026, 2, 1),
        )
        make_node(
            organisation=lab.organisation,
            site=lab.lulea,
            name="leased",
            purchased_on=date(2026, 2, 1),
        ).placements.update(tenure=Tenure.OPERATING_LEASE)
        *rows, total = tables_of(lab.organisation)["hardware_bought"]
        row = next(one for one in rows if one["Node"] == bought.name)
        assert row["Bought in the quarter [kg CO2e]"] == 2920
        assert row["Attributed in the quarter [kg CO2e]"] == 2 * 59
        assert row["Not yet attributed after [kg CO2e]"] == 2920 - 118
        leased = next(one for one in rows if one["Node"] == "leased")
        assert leased["Why it does not count"] == "operating lease"
        assert leased["Bought in the quarter [kg CO2e]"] is None
        assert total["Bought in the quarter [kg CO2e]"] == 2920
        hardware = tables_of(lab.organisation)["by_hardware"]
        assert column(hardware[:-1], "Bought in the quarter [kg CO2e]") == 2920

    def test_a_team_s_file_has_its_own_hardware_only(self, lab):
        make_node(organisation=lab.organisation, site=lab.lulea, name="theirs", owner=lab.language)
        tables = tables_of(lab.organisation, team=lab.vision)
        assert [row["Node"] for row in tables["hardware_bought"]] == ["Total"]
        vision = whole(lab.organisation, teams=(lab.vision.pk,))
        assert tables["energy_by_site"][-1]["Total [MWh]"] * 1000 == vision.energy_facility_kwh
