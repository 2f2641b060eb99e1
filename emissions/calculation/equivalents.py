"""What an amount of emissions or energy is like: a small table with its sources.

Equivalents are for people's sense of size. They enter no total and no report's figures.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from emissions.calculation.arrays import Floats

KG_PER_LB = 0.45359237
"""International avoirdupois pound, exact since 1959. [kg/lb]"""

GREEN_ALGORITHMS = "Green Algorithms reference values (Lannelongue et al. 2021)"
GREEN_ALGORITHMS_URL = "https://doi.org/10.1002/advs.202100707"
STRUBELL = "Strubell et al. 2019, Energy and Policy Considerations for Deep Learning in NLP"
STRUBELL_URL = "https://arxiv.org/abs/1906.02243"
PATTERSON = "Patterson et al. 2021, Carbon Emissions and Large Neural Network Training, table 4"
PATTERSON_URL = "https://arxiv.org/abs/2104.10350"


class Measure(StrEnum):
    """What an equivalent is compared with."""

    EMISSIONS_KG = "emissions_kg"
    ENERGY_KWH = "energy_kwh"


class Group(StrEnum):
    """Where an equivalent is shown."""

    EVERYDAY = "everyday"
    PUBLISHED_MODEL = "published_model"


@dataclass(frozen=True, slots=True)
class Equivalent:
    """One thing to compare with.

    Attributes
    ----------
    key : str
        Stable name.
    label : str
        What one of it is, for a sentence such as "as much as 3.2 × …".
    amount : float
        Of one. [kg CO2e or kWh, see `measure`]
    measure : Measure
        What `amount` is.
    group : Group
        Where it is shown.
    source, url : str
        Where the amount is published.
    """

    key: str
    label: str
    amount: float
    measure: Measure
    group: Group
    source: str
    url: str


def _everyday(key: str, label: str, kg: float, source: str, url: str) -> Equivalent:
    return Equivalent(key, label, kg, Measure.EMISSIONS_KG, Group.EVERYDAY, source, url)


def _model(key: str, label: str, kg: float, source: str, url: str) -> Equivalent:
    return Equivalent(key, label, kg, Measure.EMISSIONS_KG, Group.PUBLISHED_MODEL, source, url)


EQUIVALENTS: tuple[Equivalent, ...] = (
    _everyday(
        "car_km_europe", "km in an average European car", 0.175,
        GREEN_ALGORITHMS, GREEN_ALGORITHMS_URL,
    ),
    _everyday(
        "car_km_us", "km in an average US car", 0.251,
        GREEN_ALGORITHMS, GREEN_ALGORITHMS_URL,
    ),
    _everyday(
        "tree_year", "years of a mature tree's uptake", 11.0,
        GREEN_ALGORITHMS, GREEN_ALGORITHMS_URL,
    ),
    _everyday(
        "flight_paris_london", "passenger flights Paris–London", 50.0,
        GREEN_ALGORITHMS, GREEN_ALGORITHMS_URL,
    ),
    _everyday(
        "flight_new_york_san_francisco", "passenger flights New York–San Francisco", 570.0,
        GREEN_ALGORITHMS, GREEN_ALGORITHMS_URL,
    ),
    _everyday(
        "flight_new_york_melbourne", "passenger flights New York–Melbourne", 2310.0,
        GREEN_ALGORITHMS, GREEN_ALGORITHMS_URL,
    ),
    _everyday(
        "car_lifetime", "lifetimes of an average US car, fuel included", 126_000 * KG_PER_LB,
        STRUBELL + ", table 1", STRUBELL_URL,
    ),
    Equivalent(
        "us_home_year", "years of an average US home's electricity", 10_715.0,
        Measure.ENERGY_KWH, Group.EVERYDAY,
        "US EIA, FAQ 97: residential customer, 2020",
        "https://www.eia.gov/tools/faqs/faq.php?id=97&t=3",
    ),
    _model(
        "bert", "training BERT base (64 V100)", 1_438 * KG_PER_LB,
        STRUBELL + ", table 3", STRUBELL_URL,
    ),
    _model("t5", "training T5-11B", 46_700.0, PATTERSON, PATTERSON_URL),
    _model(
        "bloom", "training BLOOM 176B, idle and hardware included", 50_500.0,
        "Luccioni et al. 2022, Estimating the Carbon Footprint of BLOOM, table 3",
        "https://arxiv.org/abs/2211.02001",
    ),
    _model("meena", "training Meena", 96_400.0, PATTERSON, PATTERSON_URL),
    _model("gpt3", "training GPT-3", 552_100.0, PATTERSON, PATTERSON_URL),
    _model(
        "llama_3_1", "training Llama 3.1 (8B, 70B and 405B)", 11_390_000.0,
        "Meta, Llama 3.1 model card: location-based",
        "https://github.com/meta-llama/llama-models/blob/main/models/llama3_1/MODEL_CARD.md",
    ),
)  # fmt: skip


def lb_from_kg(*, kg: Floats) -> Floats:
    """Return kilograms as pounds: kg ÷ 0.45359237.

    Parameters
    ----------
    kg : (n,) float64
        [kg]

    Returns
    -------
    (n,) float64
        [lb]
    """
    return kg / KG_PER_LB


def equivalents(*, emissions_kg: Floats, energy_kwh: Floats) -> dict[str, Floats]:
    """Return how many of each equivalent amounts are.

    Parameters
    ----------
    emissions_kg : (n,) float64
        [kg CO2e]
    energy_kwh : (n,) float64
        [kWh]

    Returns
    -------
    dict of str to (n,) float64
        By the key of `EQUIVALENTS`, in its order. [1]
    """
    of = {Measure.EMISSIONS_KG: emissions_kg, Measure.ENERGY_KWH: energy_kwh}
    return {one.key: np.asarray(of[one.measure] / one.amount) for one in EQUIVALENTS}
