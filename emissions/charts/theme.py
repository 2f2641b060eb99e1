"""How every figure looks. Colours are names of CSS custom properties.

The page resolves them (static/js/charts.js), so that a figure follows the light and
the dark theme and has one set of colours with everything around it.
"""

from functools import cache
from typing import Any

import plotly.graph_objects as go

PALETTE = tuple(f"var(--chart-{number})" for number in range(1, 7))
OTHER = "var(--chart-other)"
#: What belongs to nobody: unallocated, idle, not covered.
QUIET = "var(--chart-quiet)"
COMPARISON = "var(--chart-compare)"
SURFACE = "var(--surface)"
CLOSED = "var(--chart-closed)"
WHISKER = "var(--chart-whisker)"

SERIES_SHOWN = len(PALETTE)


def colour_of(position: int) -> str:
    """Return the colour of the n-th series; those past the palette are "Other"."""
    return PALETTE[position] if position < SERIES_SHOWN else OTHER


@cache
def template() -> go.layout.Template:
    """Return the Plotly template of the product."""
    axis: dict[str, Any] = {
        "gridcolor": "var(--chart-grid)",
        "linecolor": "var(--line-strong)",
        "zerolinecolor": "var(--line-strong)",
        "tickfont": {"color": "var(--text-muted)", "size": 12},
        "automargin": True,
        "fixedrange": True,
        "title": {"standoff": 8},
    }
    return go.layout.Template(
        layout={
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(PALETTE),
            "font": {"color": "var(--text)", "size": 13},
            "margin": {"l": 0, "r": 8, "t": 12, "b": 0, "pad": 6},
            "xaxis": axis | {"showgrid": False, "zeroline": False, "showspikes": False},
            "yaxis": axis | {"showgrid": True, "zeroline": True, "rangemode": "tozero"},
            "showlegend": False,
            "dragmode": False,
            "hovermode": "x unified",
            "hoverlabel": {
                "bgcolor": "var(--raised)",
                "bordercolor": "var(--line-strong)",
                "font": {"color": "var(--text)", "size": 13},
                "align": "left",
            },
            "bargap": 0.28,
            "uniformtext": {"mode": "hide", "minsize": 11},
        }
    )
