"""Sums of the ledger by cell and month, whole and of each node, kept in step with it."""

from django.db import models

from emissions.models.cell import Cell
from emissions.models.entry import Quantities
from emissions.models.hardware import Node


class MonthlyTotal(Quantities):
    """One row is the sum of the entries of one cell in one month."""

    pk = models.CompositePrimaryKey("cell_id", "month")
    cell = models.ForeignKey(Cell, on_delete=models.PROTECT, related_name="totals", db_index=False)
    month = models.DateField()

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}, cell {self.cell_id}"


class NodeTotal(Quantities):
    """One row is what one cell's sum in one month has of a node: of its runs and its pools.

    No cell names a node, or there would be as many cells as nodes have neighbours. Which node
    has the lines of a run is `RunState.node`: a run that moves takes its lines along, though
    nothing is posted.
    """

    pk = models.CompositePrimaryKey("node_id", "cell_id", "month")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="totals", db_index=False)
    cell = models.ForeignKey(Cell, on_delete=models.PROTECT, related_name="+", db_index=False)
    month = models.DateField()

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}, cell {self.cell_id}, node {self.node_id}"
