"""Sums of the ledger by cell and month, kept in step with it."""

from django.db import models

from emissions.models.cell import Cell
from emissions.models.entry import Quantities


class MonthlyTotal(Quantities):
    """One row is the sum of the entries of one cell in one month."""

    pk = models.CompositePrimaryKey("cell_id", "month")
    cell = models.ForeignKey(Cell, on_delete=models.PROTECT, related_name="totals", db_index=False)
    month = models.DateField()

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}, cell {self.cell_id}"
