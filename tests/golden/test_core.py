"""Published results come out of the core within their tolerance."""

import pytest

from emissions.calculation.arrays import NANO
from emissions.calculation.equivalents import KG_PER_LB
from emissions.calculation.footprint import Activity, Footprint, Pieces, Place, footprint
from emissions.calculation.vocabulary import Assumption
from tests.golden.worked_examples import (
    BLOOM_DEVICE_HOURS,
    BLOOM_EMBODIED_KG_PER_DEVICE,
    BLOOM_EXPECTED_UTILISATION,
    BLOOM_LIFE_YEARS,
    BLOOM_PARTS,
    BY_ID,
    FULL_CHAINS,
    WORKED_EXAMPLES,
    WorkedExample,
)


def calculate(examples: list[WorkedExample]) -> Footprint:
    n = len(examples)
    embodied = [BLOOM_EMBODIED_KG_PER_DEVICE.get(one.id) for one in examples]
    return footprint(
        activity=Activity.of(
            n,
            device_count=[one.device_count for one in examples],
            duration_hours=[one.duration_hours for one in examples],
            device_hours=[
                BLOOM_DEVICE_HOURS if kg else one.device_hours
                for one, kg in zip(examples, embodied, strict=True)
            ],
            power_watts=[one.power_watts for one in examples],
            energy_kwh=[one.energy_kwh for one in examples],
            energy_includes_pue=[one.energy_kwh is not None for one in examples],
            embodied_kg_per_device=embodied,
            life_years=BLOOM_LIFE_YEARS,
            expected_utilisation=BLOOM_EXPECTED_UTILISATION,
        ),
        pieces=Pieces.whole(n),
        place=Place.of(
            n,
            pue=[one.pue for one in examples],
            location_g_per_kwh=[one.grid_g_per_kwh for one in examples],
        ),
    )


def kg(example: WorkedExample) -> float:
    result = calculate([example])
    column = (
        result.embodied_kg_nano if example.check == "embodied" else result.location_based_kg_nano
    )
    return float(column[0]) / NANO


def test_there_are_nineteen_examples_and_fifteen_full_chains() -> None:
    assert len(WORKED_EXAMPLES) == 19
    assert len(FULL_CHAINS) == 15


@pytest.mark.parametrize(
    "example", [one for one in WORKED_EXAMPLES if one.check != "sum"], ids=lambda one: one.id
)
def test_a_published_result_is_reproduced(example: WorkedExample) -> None:
    assert kg(example) == pytest.approx(example.published_kg, rel=example.tolerance)


def test_blooms_total_is_the_sum_of_its_parts() -> None:
    total = sum(kg(BY_ID[part]) for part in BLOOM_PARTS)

    assert total == pytest.approx(
        BY_ID["bloom-total"].published_kg, rel=BY_ID["bloom-total"].tolerance
    )


def test_strubells_architecture_search_is_626155_lb() -> None:
    assert kg(BY_ID["strubell-nas"]) / KG_PER_LB == pytest.approx(626_155, rel=0.001)


def test_nothing_is_assumed_where_a_publication_states_everything() -> None:
    result = calculate(FULL_CHAINS)
    about_energy = ~int(Assumption.EMBODIED_UNKNOWN | Assumption.NO_RESIDUAL_MIX)

    assert not (result.assumptions & about_energy).any()


def test_all_examples_in_one_call_give_what_each_gives_alone() -> None:
    together = calculate(FULL_CHAINS).location_based_kg_nano.tolist()

    assert together == [int(calculate([one]).location_based_kg_nano[0]) for one in FULL_CHAINS]
