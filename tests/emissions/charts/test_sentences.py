"""The first sentences of a dashboard."""

from emissions.charts import sentences


def headline(**changes):
    stated = {
        "who": "Vision",
        "kilograms": 1500,
        "emitted": "1.50\u00a0t CO₂e",
        "method": "location-based",
        "runs": 3,
        "period": "2026",
        "unfinished": False,
        "before": None,
        "compared_with": "2025",
    }
    return sentences.headline(**(stated | changes))


def test_says_how_much_from_how_many_runs():
    assert headline() == ("Vision emitted 1.50\u00a0t CO₂e (location-based) in 2026, from 3 runs.")
    assert headline(runs=1, unfinished=True).endswith("in 2026 so far, from 1 run.")


def test_says_how_it_moved():
    assert headline(before=1500).endswith(": as much as in 2025.")
    assert headline(before=0).endswith("; nothing was recorded in 2025.")
    assert headline(before=1000).endswith("than in 2025.")
    assert headline(before=1000, clear=False).endswith(": no clear change from 2025.")


def test_nothing_is_no_emission_of_zero():
    assert headline(runs=0, kilograms=0) == "Vision has no runs in 2026."
