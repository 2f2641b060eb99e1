"""Post what waits, as workers would."""

from emissions.services.calculate import calculate_pending
from emissions.services.pools.settle import settle_pools


def calculate_all() -> None:
    """Calculate everything that is queued, as a worker would."""
    while calculate_pending():
        pass


def settle_all() -> None:
    """Calculate what is queued and settle what runs share, as workers would."""
    calculate_all()
    while settle_pools():
        pass
