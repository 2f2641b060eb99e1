"""The table of methodology section 9, row by row."""

import numpy as np
import pytest

from emissions.calculation.scopes import NONE, Standing, standing
from emissions.calculation.vocabulary import Scope, Scope3Category

BOUGHT, LEASED = Scope3Category.PURCHASED_SERVICES, Scope3Category.LEASED_ASSETS
OWN = {
    "cloud": False,
    "it_controlled": True,
    "overhead_controlled": True,
    "colocation": False,
    "operating_lease": False,
}


def where(**flags: bool) -> tuple[int, int, int, int]:
    found: Standing = standing(**{name: np.array([one]) for name, one in (OWN | flags).items()})
    return (
        int(found.scope[0]),
        int(found.category[0]),
        int(found.overhead_category[0]),
        int(found.hardware_category[0]),
    )


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, (Scope.SCOPE_2, NONE, NONE, NONE)),
        ({"colocation": True}, (Scope.SCOPE_2, NONE, NONE, NONE)),
        (
            {"colocation": True, "overhead_controlled": False},
            (Scope.SCOPE_2, NONE, BOUGHT, NONE),
        ),
        ({"overhead_controlled": False}, (Scope.SCOPE_2, NONE, LEASED, NONE)),
        ({"operating_lease": True}, (Scope.SCOPE_2, NONE, NONE, LEASED)),
        ({"it_controlled": False}, (Scope.SCOPE_3, LEASED, NONE, NONE)),
        (
            {"it_controlled": False, "overhead_controlled": False, "operating_lease": True},
            (Scope.SCOPE_3, LEASED, NONE, NONE),
        ),
        (
            {"cloud": True, "it_controlled": False, "overhead_controlled": False},
            (Scope.SCOPE_3, BOUGHT, NONE, NONE),
        ),
        ({"cloud": True}, (Scope.SCOPE_3, BOUGHT, NONE, NONE)),
    ],
)
def test_a_row_of_the_table(flags: dict[str, bool], expected: tuple[int, ...]) -> None:
    assert where(**flags) == expected
