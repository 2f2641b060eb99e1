"""The carbon emissions export of AWS (Data Exports, table CARBON_EMISSIONS), since April 2025.

Tonnes; one row per account, product, region and month. Model v3 splits the totals into scopes;
before it only the totals are there. Scope 3 differs between the two methods, since the upstream
emissions of electricity do.

References
----------
AWS Data Exports user guide, "Carbon emissions columns".
"""

from collections.abc import Mapping

from emissions.calculation.vocabulary import CloudProvider
from emissions.importers.statements.reading import (
    CellError,
    Format,
    StatementRow,
    accounts,
    amount,
    fold,
    month_of,
    unit,
)

UNIT, KG = "MTCO2e", 1000
COLUMNS = {
    "scope_1_kg": "total_scope_1_emissions",
    "scope_2_location_kg": "total_scope_2_lbm_emissions",
    "scope_2_market_kg": "total_scope_2_mbm_emissions",
    "scope_3_location_kg": "total_scope_3_lbm_emissions",
    "scope_3_market_kg": "total_scope_3_mbm_emissions",
    "location_based_kg": "total_lbm_emissions",
    "market_based_kg": "total_mbm_emissions",
}


def read(row: Mapping[str, str], version: str) -> StatementRow:
    """Read one row."""
    for column in COLUMNS.values():
        unit(row, f"{column}_unit", UNIT)
    parts = {
        name: amount(row, f"{column}_value", kg_per_unit=KG) for name, column in COLUMNS.items()
    }
    if parts["market_based_kg"] is None and parts["location_based_kg"] is None:
        raise CellError("Neither total_mbm_emissions_value nor total_lbm_emissions_value is given.")
    return StatementRow(
        account=accounts(row, "usage_account_id", "payer_account_id"),
        month=month_of(row, "usage_period_start"),
        version=row.get(fold("model_version")) or version,
        service=row.get(fold("product_code"), ""),
        parts=parts,
    )


FORMAT = Format(
    key="aws",
    label="AWS carbon emissions export",
    provider=CloudProvider.AWS,
    needs=("usage_account_id", "usage_period_start", "model_version", "total_mbm_emissions_value"),
    read=read,
)
