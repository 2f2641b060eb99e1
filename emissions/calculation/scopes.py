"""Where electricity and hardware stand in an inventory, by who controls what."""

from dataclasses import dataclass

import numpy as np

from emissions.calculation.arrays import Bools, Ints
from emissions.calculation.vocabulary import Scope, Scope3Category

NONE = -1
"""Stands for “no category of its own”."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Scope and category of each piece of a run; columns of shape (m,).

    Attributes
    ----------
    scope : (m,) int64
        `Scope` of the IT equipment's electricity.
    category : (m,) int64
        `Scope3Category`, or NONE in scope 2.
    overhead_category : (m,) int64
        Scope 3 category of the overhead (facility − IT), where it is not the same; else NONE.
    hardware_category : (m,) int64
        The same of the lifetime share of hardware.
    """

    scope: Ints
    category: Ints
    overhead_category: Ints
    hardware_category: Ints


def standing(
    *,
    cloud: Bools,
    it_controlled: Bools,
    overhead_controlled: Bools,
    colocation: Bools,
    operating_lease: Bools,
) -> Standing:
    """Return where pieces of runs stand in the inventory.

    Parameters
    ----------
    cloud : (m,) bool
        A cloud service: all of it is bought, category 3.1.
    it_controlled, overhead_controlled : (m,) bool
        The organisation controls the IT equipment, the building's overhead. IT that another
        controls is leased outside the boundary: all of it is category 3.8.
    colocation : (m,) bool
        The building is a colocation's: overhead that another controls is a part of the
        service bought, 3.1; in a building that is rented it is 3.8.
    operating_lease : (m,) bool
        The hardware is rented, not bought: its share is the lessor's, 3.8. A finance lease
        counts as bought.

    Returns
    -------
    Standing
        Columns of shape (m,).

    References
    ----------
    GHG Protocol Corporate Standard, chapter 3 (operational control) and appendix F (leased
    assets); Scope 2 Guidance, section 5.2; Corporate Value Chain Standard, categories 1 and 8.
    """
    bought, leased = int(Scope3Category.PURCHASED_SERVICES), int(Scope3Category.LEASED_ASSETS)
    own = it_controlled & ~cloud
    return Standing(
        scope=np.where(own, int(Scope.SCOPE_2), int(Scope.SCOPE_3)),
        category=np.where(cloud, bought, np.where(own, NONE, leased)),
        overhead_category=np.where(
            own & ~overhead_controlled, np.where(colocation, bought, leased), NONE
        ),
        hardware_category=np.where(own & operating_lease, leased, NONE),
    )
