"""The exports as their publishers document them: real headers, invented figures."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from emissions.calculation.vocabulary import CloudProvider
from emissions.importers.cells import TableError
from emissions.importers.statements import FORMATS, StatementError, read_statement
from emissions.importers.statements.reading import fold, version_order

FOLDER = Path(__file__).parent
FEBRUARY = date(2026, 2, 1)


def read(name: str, **options):
    return read_statement((FOLDER / name).read_bytes(), **options)


class TestAws:
    def test_tonnes_become_kilograms_and_services_are_added_up(self):
        found = read("aws_v3.csv")
        assert found.provider is CloudProvider.AWS
        assert found.errors == []
        february, march = found.figures
        assert february.account == ("444455556666", "111122223333")
        assert (february.month, march.month) == (FEBRUARY, date(2026, 3, 1))
        assert february.parts == {
            "scope_1_kg": Decimal("10"),
            "scope_2_location_kg": Decimal("1115"),
            "scope_2_market_kg": Decimal("55"),
            "scope_3_location_kg": Decimal("395.000001"),
            "scope_3_market_kg": Decimal("345"),
            "location_based_kg": Decimal("1520.000001"),
            "market_based_kg": Decimal("410"),
        }
        assert february.services == {
            "AmazonEC2": [Decimal("1500.000001"), Decimal("400")],
            "AmazonS3": [Decimal("20"), Decimal("10")],
        }

    def test_of_two_versions_of_a_month_the_newer_one_is_read(self):
        found = read("aws_v3.csv")
        assert {figure.version for figure in found.figures} == {"v3.0.0"}
        assert found.older == 1

    def test_before_scopes_were_given_there_are_the_totals(self):
        (figure,) = read("aws_v2.csv").figures
        assert figure.parts["location_based_kg"] == 750
        assert figure.parts["market_based_kg"] == 2
        assert figure.parts["scope_3_location_kg"] is None

    def test_a_row_that_cannot_be_read_is_named_and_left_out(self):
        found = read("aws_v2.csv")
        assert [error.row for error in found.errors] == [3, 4, 5, 6, 7]
        messages = [error.message for error in found.errors]
        assert messages[0] == "The unit “kg” in total_lbm_emissions_unit is not MTCO2e."
        assert "is not an amount of emissions" in messages[1]
        assert "is not an amount of emissions" in messages[2]
        assert messages[3] == (
            "Neither usage_account_id nor payer_account_id says whose this row is."
        )
        assert messages[4] == "“March 2025” in usage_period_start is not a month."
        assert found.rows == 6


class TestGoogle:
    def test_the_example_of_the_documentation(self):
        figures = {figure.account[0]: figure for figure in read("google.csv").figures}
        protein = figures["protein"]
        assert protein.account == ("protein", "802583874831", "007GD7-15C0E6-BDE6B3")
        assert (protein.version, protein.month) == ("14", FEBRUARY)
        assert protein.parts["location_based_kg"] == Decimal("1397.55")
        assert protein.parts["market_based_kg"] == Decimal("1103.1")
        assert protein.parts["scope_3_location_kg"] == protein.parts["scope_3_market_kg"]

    def test_what_has_no_project_belongs_to_the_billing_account(self):
        figures = {figure.account[0]: figure for figure in read("google.csv").figures}
        assert figures["007GD7-15C0E6-BDE6B3"].parts["market_based_kg"] == 1

    def test_flattened_names_and_missing_totals_give_the_same(self):
        (figure,) = read("google_flat.csv").figures
        assert figure.parts["location_based_kg"] == Decimal("1396.8")
        assert figure.parts["market_based_kg"] == Decimal("1102.6")


class TestAzure:
    def test_scopes_are_added_up_and_no_location_based_result_is_made_up(self):
        found = read("azure.csv", version="2024-02")
        (figure,) = found.figures
        assert figure.account == ("aaaabbbb-0000-1111-2222-ccccdddd0001", "12345678")
        assert figure.version == "2024-02"
        assert figure.parts["market_based_kg"] == Decimal("700.1")
        assert figure.parts["location_based_kg"] is None
        assert figure.parts["scope_2_location_kg"] is None
        assert [error.row for error in found.errors] == [5]


class TestAzureCarbonOptimization:
    def test_the_answer_of_the_api_adds_up_by_subscription_in_kilograms(self):
        (figure,) = read("azure_optimization.json", version="2025-04-01", month="2026-02").figures
        assert figure.account == ("00000000-0000-0000-0000-000000000000",)
        assert (figure.month, figure.version) == (FEBRUARY, "2025-04-01")
        assert figure.parts["market_based_kg"] == Decimal("41.35")
        assert figure.parts["location_based_kg"] is None
        assert set(figure.services) == {
            "microsoft.storage/storageaccounts",
            "microsoft.compute/virtualmachines",
        }

    def test_what_powershell_writes_has_the_subscription_as_its_item(self):
        found = read("azure_optimization.csv", month="2026-02")
        (figure,) = found.figures
        assert figure.account == ("00000000-0000-0000-0000-000000000000",)
        assert figure.parts["market_based_kg"] == Decimal("120.5")
        assert [(error.row, error.message) for error in found.errors] == [
            (3, "latestMonthEmissions is empty.")
        ]

    def test_without_a_month_every_row_says_what_to_do(self):
        found = read("azure_optimization.json")
        assert found.figures == []
        assert {error.message for error in found.errors} == {
            "The row names no month. Give the month of the report beside the file."
        }

    def test_two_reports_of_the_same_emissions_are_not_added(self):
        rows = (FOLDER / "azure_optimization.csv").read_text()
        rows += '"Resource","ItemDetailsData","vm","120.5","0.1","10","110.5"\n'
        with pytest.raises(StatementError, match=r"several reports.*Resource, Subscription"):
            read_statement(rows.encode(), month="2026-02")

    @pytest.mark.parametrize(
        "content", [b"{", b"[]", b'{"value": 3}', b"[" * 100_000, b'[{"a": 1}]']
    )
    def test_other_json_is_refused(self, content):
        with pytest.raises((TableError, StatementError)):
            read_statement(content)


@pytest.mark.parametrize(
    "name",
    ["aws_v3.csv", "aws_v2.csv", "google.csv", "azure.csv", "azure_optimization.csv"],
)
def test_each_file_is_one_format_only(name):
    header = [fold(one) for one in (FOLDER / name).read_text().splitlines()[0].split(",")]
    assert len(FORMATS) == 4
    assert sum(one.matches(header) for one in FORMATS.values()) == 1


def test_another_table_is_refused_with_the_columns_that_are_wanted():
    with pytest.raises(StatementError, match=r"usage_account_id.*totalEmissions"):
        read_statement(b"name,hours\nrun,3\n")
    with pytest.raises(TableError):
        read_statement(b"\x00\x01\x02")


def test_versions_are_ordered_by_their_numbers():
    assert sorted(["v2.10", "v2.9", "v10", ""], key=version_order) == ["", "v2.9", "v2.10", "v10"]


def test_many_services_are_kept_by_name_up_to_a_number():
    header = (FOLDER / "google_flat.csv").read_text().splitlines()[0]
    rows = [f"2026-02-01,B,p,1,Service {n},s,l,r,14,0,{n + 1},0,0" for n in range(50)]
    (figure,) = read_statement("\n".join([header, *rows]).encode()).figures
    assert len(figure.services) == 31
    location = sum(sums[0] for sums in figure.services.values())
    assert location == figure.parts["location_based_kg"] == 1275
