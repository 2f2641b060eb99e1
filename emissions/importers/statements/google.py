"""The Carbon Footprint export of Google Cloud (a BigQuery table), saved as CSV.

Kilograms; one row per project, service, location and month. BigQuery's nested names may have
been flattened with dots or underscores. Scope 3 is the same for both methods.

References
----------
Google Cloud, "Carbon Footprint export data schema".
"""

from collections.abc import Mapping
from decimal import Decimal

from emissions.calculation.vocabulary import CloudProvider
from emissions.importers.statements.reading import (
    CellError,
    Format,
    StatementRow,
    accounts,
    amount,
    fold,
    month_of,
    summed,
)

PARTS = "carbon_footprint_kgCO2e"
TOTAL = "carbon_footprint_total_kgCO2e"


def read(row: Mapping[str, str], version: str) -> StatementRow:
    """Read one row; a total that is not given is the sum of its parts."""
    scope_1, scope_3 = amount(row, f"{PARTS}.scope1"), amount(row, f"{PARTS}.scope3")
    location = amount(row, f"{PARTS}.scope2.location_based")
    market = amount(row, f"{PARTS}.scope2.market_based")
    parts = {
        "scope_1_kg": scope_1,
        "scope_2_location_kg": location,
        "scope_2_market_kg": market,
        "scope_3_location_kg": scope_3,
        "scope_3_market_kg": scope_3,
        "location_based_kg": _total(row, "location_based", scope_1, location, scope_3),
        "market_based_kg": _total(row, "market_based", scope_1, market, scope_3),
    }
    if parts["market_based_kg"] is None and parts["location_based_kg"] is None:
        raise CellError("No emissions are given.")
    return StatementRow(
        account=accounts(row, "project.id", "project.number", "billing_account_id"),
        month=month_of(row, "usage_month"),
        version=row.get(fold("carbon_model_version")) or version,
        service=row.get(fold("service.description"), ""),
        parts=parts,
    )


def _total(
    row: Mapping[str, str],
    method: str,
    scope_1: Decimal | None,
    scope_2: Decimal | None,
    scope_3: Decimal | None,
) -> Decimal | None:
    stated = amount(row, f"{TOTAL}.{method}")
    if stated is not None or scope_2 is None:
        return stated
    return summed(scope_1, scope_2, scope_3)


FORMAT = Format(
    key="google",
    label="Google Cloud Carbon Footprint export",
    provider=CloudProvider.GCP,
    needs=("usage_month", "billing_account_id", "project.id", "carbon_model_version"),
    read=read,
)
