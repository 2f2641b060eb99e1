"""The Azure emissions of a billing account (Emissions Impact Dashboard, EnrollmentEmission).

Tonnes; one row per subscription, service, region, scope and month. Scope 2 is market-based:
no location-based result is given, and none is made up. The export does not name the version
of the methodology.

References
----------
Microsoft, "Cloud for Sustainability API OData query examples", EnrollmentEmission entity.
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
)

SCOPES = {"scope1": "scope_1_kg", "scope2": "scope_2_market_kg", "scope3": "scope_3_market_kg"}
KG = 1000


def read(row: Mapping[str, str], version: str) -> StatementRow:
    """Read one row: one scope of a service."""
    scope = row.get("scope", "")
    part = SCOPES.get(fold(scope))
    if part is None:
        raise CellError(f"“{scope[:40]}” in scope is none of Scope 1, Scope 2 and Scope 3.")
    kg = amount(row, "totalEmissions", kg_per_unit=KG)
    if kg is None:
        raise CellError("totalEmissions is empty.")
    parts: dict[str, Decimal | None] = {part: kg, "market_based_kg": kg}
    return StatementRow(
        account=accounts(row, "subscriptionId", "enrollmentId"),
        month=month_of(row, "dateKey"),
        version=version,
        service=row.get(fold("azureServiceName"), ""),
        parts=parts,
    )


FORMAT = Format(
    key="azure",
    label="Azure emissions export",
    provider=CloudProvider.AZURE,
    needs=("dateKey", "enrollmentId", "subscriptionId", "scope", "totalEmissions"),
    read=read,
)
