import json
from datetime import date

from emissions.charts import theme
from emissions.charts.figures import (
    Bar,
    Range,
    SeriesPoint,
    by_month,
    grouped,
    ranked,
    shortened,
)
from emissions.charts.tables import change_cell

JANUARY, FEBRUARY = date(2025, 1, 1), date(2025, 2, 1)


def points(**series):
    return [
        SeriesPoint(month, name, value)
        for name, values in series.items()
        for month, value in zip((JANUARY, FEBRUARY), values, strict=True)
    ]


def month_card(rows, **options):
    return by_month(rows, id="months", title="Emissions by team", unit="t", **options)


def texts(row):
    return [cell.text for cell in row]


def test_series_are_ordered_by_size():
    groups = grouped(points(small=(1, 1), large=(5, 5)), [JANUARY, FEBRUARY], {})
    assert [group.label for group in groups] == ["large", "small"]


def test_what_is_past_six_series_becomes_other():
    rows = points(**{f"s{n}": (n, n) for n in range(1, 9)})
    groups = grouped(rows, [JANUARY, FEBRUARY], {})
    assert len(groups) == theme.SERIES_SHOWN + 1
    assert groups[-1].label == "Other"
    assert groups[-1].values == [3, 3]


def test_grouping_keeps_the_total():
    rows = points(**{f"s{n}": (n, n) for n in range(12)})
    groups = grouped(rows, [JANUARY, FEBRUARY], {})
    assert sum(group.total for group in groups) == 2 * sum(range(12))


def test_unknown_months_stay_unknown():
    card = month_card(points(a=(None, 2.0), b=(None, 3.0)))
    assert texts(card.table.rows[0]) == ["Jan 2025", None, None, None]
    assert card.plot["data"][0]["y"][0] is None


def test_rows_of_the_same_month_and_series_are_summed():
    card = month_card([SeriesPoint(JANUARY, "a", 1.0), SeriesPoint(JANUARY, "a", 2.0)])
    assert card.plot["data"][0]["y"] == [3.0]


def test_month_table_has_totals_and_comparison():
    card = month_card(points(a=(1.5, 2.0), b=(3.0, 3.0)), comparison=[4.0, 4.0])
    assert [column.label for column in card.table.columns] == [
        "Month",
        "b",
        "a",
        "Total",
        "Period before",
    ]
    assert texts(card.table.rows[0]) == ["Jan 2025", "3.00", "1.50", "4.50", "4.00"]
    assert texts(card.table.footer) == ["Total", "6.00", "3.50", "9.50", "8.00"]


def test_month_figure_says_what_it_shows():
    card = month_card(points(a=(1.0, 2.0), b=(3.0, 3.0)))
    assert card.conclusion == ("9.00 t in 2 months, most in February 2025 (5.00 t). b: 67%.")


def test_what_belongs_to_nobody_is_quiet_and_on_top():
    own = {"Unallocated": theme.QUIET, "b": "var(--chart-1)"}
    card = month_card(points(Unallocated=(9, 9), a=(1, 1), b=(5, 5)), colours=own)
    assert [(one.label, one.colour) for one in card.legend] == [
        ("b", "var(--chart-1)"),
        ("a", "var(--chart-2)"),
        ("Unallocated", theme.QUIET),
    ]
    assert card.conclusion.endswith("Unallocated: 60%.")


def test_empty_month_figure():
    card = month_card([])
    assert card.conclusion == "Nothing was recorded in this period."
    assert card.table.rows == []


def test_legend_and_bars_lead_to_the_series():
    card = month_card(points(a=(1, 1)), urls={"a": "/o/x/teams/a/"})
    assert card.legend[0].url == "/o/x/teams/a/"
    assert card.plot["data"][0]["customdata"] == ["/o/x/teams/a/"] * 2
    assert card.table.columns[1].url == "/o/x/teams/a/"


def test_figure_is_plain_json_without_literal_colours():
    card = month_card(points(a=(1, 1)))
    text = json.dumps(card.plot)
    assert "var(--chart-1)" in text
    assert '"#' not in text


def test_labels_are_not_markup():
    card = ranked([Bar("<b>x</b>", 1.0)], id="r", title="R", unit="t")
    assert card.plot["layout"]["yaxis"]["ticktext"] == ["&lt;b&gt;x&lt;/b&gt;"]


def test_ranked_bars_are_largest_first_and_linked():
    card = ranked([Bar("a", 1.0, "/a/"), Bar("b", 3.0, "/b/")], id="r", title="R", unit="t")
    assert card.plot["data"][0]["customdata"] == ["/b/", "/a/"]
    assert card.plot["layout"]["yaxis"]["ticktext"][0] == '<a href="/b/" target="_top">b</a>'
    assert texts(card.table.rows[0]) == ["b", "3.00", "75.0%"]
    assert card.conclusion == "b: 75%."


def test_ranked_table_keeps_all_rows_that_the_chart_leaves_out():
    bars = [Bar(f"p{n}", float(n)) for n in range(1, 21)]
    card = ranked(bars, id="r", title="R", unit="t", limit=5)
    assert len(card.table.rows) == 20
    assert len(card.plot["data"][0]["customdata"]) == 5


def test_shortening_keeps_the_total():
    bars = [Bar(f"p{n}", float(n)) for n in range(1, 21)]
    assert sum(bar.value or 0 for bar in shortened(bars, 6)) == sum(range(1, 21))


def test_an_unknown_bar_is_in_the_table_only():
    card = ranked([Bar("a", 2.0), Bar("b", None)], id="r", title="R", unit="t")
    assert len(card.plot["data"][0]["customdata"]) == 1
    assert texts(card.table.rows[1]) == ["b", None, None]


def test_a_small_share_is_not_shown_as_zero():
    card = ranked([Bar("a", 500.0), Bar("b", 0.2)], id="r", title="R", unit="t")
    assert card.table.rows[1][1].text == "<1"


def test_months_have_whiskers_around_their_totals():
    ranges = [Range(3.0, 6.0), None]
    card = month_card(points(a=(1.5, 2.0), b=(3.0, 3.0)), ranges=ranges, whole=Range(8.0, 11.0))
    whiskers = card.plot["data"][-1]
    assert whiskers["y"] == [4.5, 5.0]
    assert whiskers["error_y"]["array"] == [1.5, 0]
    assert whiskers["error_y"]["arrayminus"] == [1.5, 0]
    assert whiskers["text"][0] == "<b>4.5</b> t (95 %: 3.0–6.0)"
    assert card.legend[-1].label == "95 % interval"
    assert [cell.note for cell in card.table.rows[0]] == ["", "", "", "3.0–6.0"]
    assert (card.table.footer[-1].text, card.table.footer[-1].note) == ("9.5", "8.0–11")
    assert card.table.columns[-1].note == "95 % interval"
    assert card.conclusion.startswith("9.5 t in 2 months, most in February 2025 (5.00 t)")


def test_without_an_interval_there_is_no_whisker():
    card = month_card(points(a=(1.5, 2.0)), ranges=[None, None])
    assert len(card.plot["data"]) == 1
    assert not [entry for entry in card.legend if entry.label == "95 % interval"]


def test_closed_months_are_shaded_in_stretches_and_named():
    months = [date(2025, month, 1) for month in range(1, 13)]
    rows = [SeriesPoint(month, "a", 1.0) for month in months]
    card = month_card(rows, closed=[*months[0:3], *months[6:9], date(2030, 1, 1)])
    shapes = card.plot["layout"]["shapes"]
    assert [(one["x0"], one["x1"]) for one in shapes] == [
        ("2024-12-17", "2025-03-16"),
        ("2025-06-16", "2025-09-16"),
    ]
    assert [one["text"] for one in card.plot["layout"]["annotations"]] == ["Closed"] * 2
    assert [row[0].note for row in card.table.rows][:4] == ["closed"] * 3 + [""]
    assert "shapes" not in month_card(rows).plot["layout"]


def test_bars_have_whiskers_and_their_figures_beyond():
    bars = [Bar("a", 136.2, range=Range(82.0, 163.0)), Bar("b", 0.2, range=Range(0.1, 0.3))]
    card = ranked(bars, id="r", title="R", unit="t")
    bar, label = card.plot["data"]
    assert bar["error_x"]["arrayminus"][0] == 136.2 - 82.0
    assert bar["text"][0] == "<b>140</b> t (95 %: 82–160)"
    assert label["x"] == [163.0, 0.3]
    assert [text.strip() for text in label["text"]] == ["140", "<1"]
    assert [row[1].note for row in card.table.rows] == ["82–160", ""], "no interval of what is <1"


def test_years_are_written_once():
    rows = [SeriesPoint(date(2024 + n // 12, n % 12 + 1, 1), "a", 1.0) for n in range(36)]
    labels = month_card(rows).plot["layout"]["xaxis"]["ticktext"]
    assert labels[:5] == ["Jan<br>2024", "Apr", "Jul", "Oct", "Jan<br>2025"]


def test_the_id_that_keeps_plotly_from_adding_a_style_element_is_its_own():
    """The page carries an element with this id; another plotly.js may use another."""
    from pathlib import Path

    import plotly
    from django.conf import settings

    page = (Path(settings.BASE_DIR) / "templates/components/figure_scripts.html").read_text()
    marker = page.split('<meta id="')[1].split('"')[0]
    script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    assert f'getElementById("{marker}")' in script.read_text(encoding="utf-8")


def test_a_change_that_may_as_well_be_none_is_no_clear_change():
    assert change_cell(11.0, 10.0, 1, Range(-0.5, 2.5)).note == "no clear change"
    assert change_cell(11.0, 10.0, 1, Range(0.5, 1.5)).note == "+0.50 to +1.5"
    assert change_cell(11.0, 10.0, 1, None).note == ""
    assert change_cell(0.011, 0.01, 1, Range(0.0001, 0.002)).note == "", "rounded away"


def test_the_bar_of_all_others_has_their_interval():
    bars = [Bar(str(number), float(number), range=Range(0, 99)) for number in range(1, 9)]
    card = ranked(
        bars,
        id="r",
        title="R",
        unit="t",
        limit=5,
        other=lambda labels: Range(5.0, 15.0) if set(labels) == set("1234") else None,
    )
    assert card.plot["data"][0]["error_x"]["array"][-1] == 5
    assert card.plot["data"][0]["error_x"]["arrayminus"][-1] == 5
