"""A report of Azure carbon optimization: the answer of its API, or that as a table.

Kilograms; one row per resource, resource group or subscription of one month, or a
subscription's total by month. The scopes that were asked for are one sum: all three make the
total. It is market-based, as Microsoft's statements are; no location-based result is given.
PowerShell's `Get-AzCarbonEmissionReport` writes the same columns, “Emission” for “Emissions”.

References
----------
Microsoft, "Carbon Service - Query Carbon Emission Reports", REST API 2025-04-01;
Az.Carbon, "Get-AzCarbonEmissionReport".
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from emissions.calculation.vocabulary import CloudProvider
from emissions.importers.statements.reading import (
    ASKED_MONTH,
    CellError,
    Format,
    StatementError,
    StatementRow,
    accounts,
    amount,
    fold,
    month_of,
)

KG = "latestMonthEmissions"
KG_OF_POWERSHELL = "latestMonthEmission"
SUBSCRIPTION = "subscription"
SEVERAL = (
    "This file holds several reports of the same emissions ({}): each adds up to all of them."
    " Load one, by resource, resource group or subscription."
)
NO_MONTH = "The row names no month. Give the month of the report beside the file."


def check(rows: Sequence[Mapping[str, str]]) -> None:
    """Refuse a file that counts the same emissions by more than one category."""
    kinds = {row.get(fold("categoryType"), "") or row.get(fold("dataType"), "") for row in rows}
    if len(kinds) > 1:
        raise StatementError(SEVERAL.format(", ".join(sorted(kind[:40] for kind in kinds))))


def read(row: Mapping[str, str], version: str) -> StatementRow:
    """Read one row."""
    kg = amount(row, KG if row.get(fold(KG)) else KG_OF_POWERSHELL)
    if kg is None:
        raise CellError(f"{KG} is empty.")
    parts: dict[str, Decimal | None] = {"market_based_kg": kg}
    return StatementRow(
        account=accounts(_named(row), "subscriptionId"),
        month=_month(row),
        version=version,
        service=row.get(fold("resourceType"), ""),
        parts=parts,
    )


def _named(row: Mapping[str, str]) -> Mapping[str, str]:
    """A report by subscription names it as its item."""
    if row.get(fold("categoryType"), "").casefold() == SUBSCRIPTION:
        return {fold("subscriptionId"): row.get(fold("itemName"), "")} | {
            name: value for name, value in row.items() if value
        }
    return row


def _month(row: Mapping[str, str]) -> date:
    if row.get("date"):
        return month_of(row, "date")
    if not row[ASKED_MONTH]:
        raise CellError(NO_MONTH)
    return month_of({"month": row[ASKED_MONTH]}, "month")


FORMAT = Format(
    key="azure_optimization",
    label="Azure carbon optimization report",
    provider=CloudProvider.AZURE,
    needs=("subscriptionId|itemName", f"{KG}|{KG_OF_POWERSHELL}"),
    read=read,
    check=check,
)
