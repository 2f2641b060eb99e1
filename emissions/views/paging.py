"""Pages of a list that may have a million rows."""

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

MOST = 10_000
"""Rows that can be paged through: nobody turns more pages, and a filter finds what is past them."""


class LongPaginator(Paginator):
    """Pages of the first `MOST` rows; what is past them is neither counted nor read."""

    @cached_property
    def count(self) -> int:
        """How many rows can be paged through."""
        return min(self._counted, MOST)

    @property
    def more(self) -> bool:
        """Whether there are rows past them."""
        return self._counted > MOST

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST + 1].count())
