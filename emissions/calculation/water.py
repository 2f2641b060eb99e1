"""Water used by cooling and by the making of electricity."""

from emissions.calculation.arrays import Floats, known_or


def water(
    *,
    energy_it_kwh: Floats,
    pue: Floats,
    wue_litres_per_kwh: Floats,
    grid_water_litres_per_kwh: Floats,
) -> Floats:
    """Return the water consumed: IT energy × (WUE of the site + PUE × water of the grid).

    Parameters
    ----------
    energy_it_kwh : (n,) float64
        Energy at the IT equipment. [kWh]
    pue : (n,) float64
        Power usage effectiveness. [kWh/kWh]
    wue_litres_per_kwh : (n,) float64
        Water usage effectiveness of the site; NaN (unknown) counts nothing. [l/kWh IT]
    grid_water_litres_per_kwh : (n,) float64
        Water of electricity; NaN (unknown) counts nothing. [l/kWh]

    Returns
    -------
    (n,) float64
        Linear: nano-kWh give nano-litres. [l]

    References
    ----------
    Li et al. 2023, Making AI Less "Thirsty", arXiv:2304.03271, section 3.
    """
    site = known_or(values=wue_litres_per_kwh, default=0.0)
    grid = known_or(values=grid_water_litres_per_kwh, default=0.0)
    return energy_it_kwh * (site + pue * grid)
