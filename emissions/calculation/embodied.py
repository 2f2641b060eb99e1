"""Embodied emissions of hardware: bought in full, and shared over its life."""

from dataclasses import dataclass

import numpy as np

from emissions.calculation.arrays import NANO, Floats, Ints, known_or, quantise

HOURS_PER_YEAR = 8760
"""365 × 24. [h/a]"""

DAYS_PER_YEAR = 365
"""`HOURS_PER_YEAR` ÷ 24. [d/a]"""

NEVER = 3_652_059
"""9999-12-31: the day of what has not happened. [days since 0001-01-01]"""

LIFE_YEARS_DEFAULT = 4.0
"""Installed life where none is stated; operators depreciate over 3–6 years. [a]"""


def rate_per_device_hour(
    *, kg_per_device: Floats, life_years: Floats, expected_utilisation: Floats
) -> Floats:
    """Return the embodied emissions of one device-hour: kg ÷ (years × 8760 × utilisation).

    Parameters
    ----------
    kg_per_device : (n,) float64
        Cradle-to-gate emissions; NaN (unknown) gives 0. [kg CO2e]
    life_years : (n,) float64
        Installed life; NaN takes `LIFE_YEARS_DEFAULT`. [a]
    expected_utilisation : (n,) float64
        NaN counts as 1: idle hours carry their own share (SCI). Below 1 is BLOOM's variant,
        which gives idle hours nothing. [0–1]

    Returns
    -------
    (n,) float64
        [kg CO2e/h]

    References
    ----------
    ISO/IEC 21031:2024 (SCI), M = TE × TiR/EL × RR/ToR.
    Luccioni et al. 2022 (BLOOM), arXiv:2211.02001, section 4.1.
    """
    life = known_or(values=life_years, default=LIFE_YEARS_DEFAULT)
    used = known_or(values=expected_utilisation, default=1.0)
    return known_or(values=kg_per_device, default=0.0) / (life * HOURS_PER_YEAR * used)


def lifetime_share(*, device_hours: Floats, rate_kg_per_device_hour: Floats) -> Floats:
    """Return the embodied emissions of device-hours.

    Parameters
    ----------
    device_hours : (n,) float64
        Hours that devices were reserved, summed. [h]
    rate_kg_per_device_hour : (n,) float64
        See `rate_per_device_hour`. [kg CO2e/h]

    Returns
    -------
    (n,) float64
        Linear: nano-hours give nano-kg. [kg CO2e]
    """
    return device_hours * rate_kg_per_device_hour


@dataclass(frozen=True, slots=True)
class LifetimeBridge:
    """What became of hardware that was bought, up to a day.

    `bought = attributed + disposed + remaining`, exactly; all in 1e-9 kg CO2e.

    Attributes
    ----------
    bought : (n,) int64
        The whole footprint, once the hardware was bought.
    attributed : (n,) int64
        The lifetime share of the time that it has stood.
    disposed : (n,) int64
        What was left of it when it went before the end of its life.
    remaining : (n,) int64
        What the rest of its life will carry.
    """

    bought: Ints
    attributed: Ints
    disposed: Ints
    remaining: Ints


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the footprints of things are spread over time: straight lines, one after another.

    Attributes
    ----------
    thing : (k,) int64
        Whose line it is; lines are ordered by thing, then time. [0, 1, 2, …]
    starts : (k,) float64
        Where the line begins. [d]
    ends : (k,) float64
        When the footprint would be spread, all of it; infinite where no age is known. [d]
    spread : (k,) float64
        What has been spread before the line, as a share of the footprint; without an age it
        grows past 1. [1]
    life_years : (k,) float64
        The life that holds. [a]
    spread_years : (k,) float64
        In how many years the line would spread the whole footprint: what is left ÷ the rest of
        the life, turned over. Infinite where nothing is left. [a]
    """

    thing: Ints
    starts: Floats
    ends: Floats
    spread: Floats
    life_years: Floats
    spread_years: Floats


def life_schedule(
    *, thing: Ints, starts: Floats, life_years: Floats, purchased: Floats
) -> Schedule:
    """Return how footprints are spread where lives change.

    A life acts from its beginning on: what the lines before have spread stays, and what is
    left is spread evenly over the rest of the new life. The first life of a thing holds from
    its purchase, as does one that begins before it (the last of these). A life that would be
    over when it begins changes nothing: the line before goes on.

    Parameters
    ----------
    thing : (k,) int64
        Whose life it is, ordered; no number is left out. [0, 1, 2, …]
    starts : (k,) float64
        From when it holds; rising within a thing. [d]
    life_years : (k,) float64
        Installed life, from the purchase on; NaN takes `LIFE_YEARS_DEFAULT`. [a]
    purchased : (k,) float64
        When the thing was bought; NaN (not known) gives it no age: each life spreads the
        whole footprint over its length, and nothing ever ends. [d]

    Returns
    -------
    Schedule
        k lines, one per life.

    Notes
    -----
    rate = (TE − spread before) ÷ (EL − age). A machine of 1,000 kg and 4 years that is to
    serve 6 after 2: 500 kg are left for 4 years.

    References
    ----------
    ISO/IEC 21031:2024 (SCI), M = TE × TiR/EL × RR/ToR, with EL from a day on.
    IAS 8 (2005), paragraphs 36–38: a changed useful life acts in the periods to come.
    """
    size = thing.size
    first = np.ones(size, dtype=np.bool_)
    first[1:] = thing[1:] != thing[:-1]
    aged = ~np.isnan(purchased)
    begins: Floats = np.where(aged & (first | (starts < purchased)), purchased, starts)
    life = known_or(values=life_years, default=LIFE_YEARS_DEFAULT)
    ends = np.where(aged, purchased + life * DAYS_PER_YEAR, np.inf)
    acting = np.maximum.accumulate(np.where(first | (ends > begins), np.arange(size), 0))
    life, ends = life[acting], ends[acting]
    left, spread = np.ones(size), np.zeros(size)
    rank = np.arange(size) - np.maximum.accumulate(np.where(first, np.arange(size), 0))
    for nth in range(1, int(rank.max(initial=0)) + 1):
        at = np.flatnonzero(rank == nth)
        before = at - 1
        end = np.where(aged[before], ends[before], begins[at] + 1.0)
        held = np.maximum(end - begins[before], 0.0)
        rest = np.clip(end - begins[at], 0.0, held)
        share = rest / np.where(held > 0, held, 1.0)
        left[at] = left[before] * np.where(aged[before], share, 1.0)
        part = (begins[at] - begins[before]) / (life[before] * DAYS_PER_YEAR)
        spread[at] = np.where(aged[at], 1.0 - left[at], spread[before] + part)
    age = np.where(aged, (begins - np.where(aged, purchased, 0.0)) / DAYS_PER_YEAR, 0.0)
    rest_years = np.maximum(life - age, 0.0)
    spread_years = np.where(left > 0, rest_years / np.where(left > 0, left, 1.0), np.inf)
    return Schedule(thing, begins, ends, spread, life, spread_years)


def spread_share(*, schedule: Schedule, until: Floats) -> Floats:
    """Return what schedules have spread by some time.

    Parameters
    ----------
    schedule : Schedule
        Of n things.
    until : (n,) float64
        When, for each thing. [d]

    Returns
    -------
    (n,) float64
        Share of the footprint; 0 before the purchase, and exactly 1 at the life's end. [1]
    """
    first = np.searchsorted(schedule.thing, np.arange(until.size))
    count = np.bincount(schedule.thing, minlength=until.size)
    line = first.copy()
    for nth in range(1, int(count.max(initial=0))):
        later = first + np.minimum(nth, count - 1)
        line = np.where(schedule.starts[later] <= until, later, line)
    starts, ends = schedule.starts[line], schedule.ends[line]
    aged, span = np.isfinite(ends), np.where(ends > starts, ends - starts, 1.0)
    rest = np.clip((ends - until) / np.where(aged, span, 1.0), 0.0, 1.0)
    rest = np.where(aged & (ends > starts), rest, 0.0)
    per_day = 1.0 / (schedule.life_years[line] * DAYS_PER_YEAR)
    return np.where(
        aged,
        1.0 - (1.0 - schedule.spread[line]) * rest,
        np.maximum(schedule.spread[line] + (until - starts) * per_day, 0.0),
    )


def purchase_nano(*, kg_per_node: Floats, node_count: Ints) -> Ints:
    """Return the whole footprint of nodes bought, as category 3.2 counts it.

    Parameters
    ----------
    kg_per_node : (n,) float64
        Cradle-to-gate emissions of one node; NaN (unknown) gives 0. [kg CO2e]
    node_count : (n,) int64
        Nodes alike.

    Returns
    -------
    (n,) int64
        [1e-9 kg CO2e]

    References
    ----------
    WRI, GHG Protocol Scope 3 Standard (2011), category 2: in full, in the year of purchase.
    """
    known = known_or(values=kg_per_node, default=0.0)
    return quantise(nano=known * node_count.astype(np.float64) * NANO)


def lifetime_bridge(
    *, bought_nano: Ints, bought_on: Ints, disposed_on: Ints, schedule: Schedule, before: Ints
) -> LifetimeBridge:
    """Share the footprint of hardware over its life, up to a day.

    Parameters
    ----------
    bought_nano : (n,) int64
        See `purchase_nano`. [1e-9 kg CO2e]
    bought_on : (n,) int64
        Day of purchase. [days since 0001-01-01]
    disposed_on : (n,) int64
        Day on which it left, `NEVER` if it has not. [days since 0001-01-01]
    schedule : Schedule
        How it is spread; see `life_schedule`. [days since 0001-01-01]
    before : (n,) int64
        The day before which time counts: half-open. [days since 0001-01-01]

    Returns
    -------
    LifetimeBridge
        SCI's M = TE × TiR/EL, in proportion to time; idle hours carry their share. The shares
        of a whole life are the whole, to the last digit, however often it changed.

    References
    ----------
    ISO/IEC 21031:2024 (SCI), M = TE × TiR/EL × RR/ToR.
    """
    there = before > bought_on
    until = np.maximum(np.minimum(before, disposed_on), bought_on).astype(np.float64)
    share = spread_share(schedule=schedule, until=until)
    bought: Ints = np.where(there, bought_nano, 0)
    part = np.rint(bought.astype(np.float64) * share)
    attributed: Ints = np.where(share >= 1.0, bought, np.minimum(part.astype(np.int64), bought))
    gone = there & (disposed_on < before)
    disposed: Ints = np.where(gone, bought - attributed, 0)
    return LifetimeBridge(bought, attributed, disposed, bought - attributed - disposed)
