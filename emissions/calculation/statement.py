"""What stands in the ledger where a provider's statement replaces the own estimate."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """The own estimate of an account's month, in 1e-9 kg CO2e.

    `around` is upstream, losses and the share of hardware, which both methods count.
    """

    location: int
    market: int
    upstream: int
    losses: int
    embodied: int

    @property
    def around(self) -> int:
        """What both methods add to the electricity."""
        return self.upstream + self.losses + self.embodied


def replaced(
    *, own: Estimate, location: int | None, market: int | None, scope_3: int | None
) -> Estimate:
    """Return what should stand so that the sums by both methods are the statement's.

    Parameters
    ----------
    own : Estimate
        The own estimate. [1e-9 kg CO2e]
    location, market : int, optional
        The statement's results, all scopes; None where it gives none. [1e-9 kg CO2e]
    scope_3 : int, optional
        The provider's scope 3 by the location-based method, or by the other where only that
        is given: mostly hardware. [1e-9 kg CO2e]

    Returns
    -------
    Estimate
        Where a location-based result is stated, the provider's scope 3 takes the place of
        upstream, losses and hardware, and the rest is electricity; a difference of scope 3
        between the methods stays with the market-based electricity. A result that is not
        stated keeps the own sum. So `location + around` and `market + around` are the
        statement's, or the own, to the last digit.
    """
    if location is None:
        around = own
        location_kg = own.location
    else:
        scope_3 = min(scope_3 or 0, location)
        around = Estimate(0, 0, 0, 0, scope_3)
        location_kg = location - scope_3
    whole_market = own.market + own.around if market is None else market
    return Estimate(
        location=location_kg,
        market=whole_market - around.around,
        upstream=around.upstream,
        losses=around.losses,
        embodied=around.embodied,
    )
