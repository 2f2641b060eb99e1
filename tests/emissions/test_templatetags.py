from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import RequestContext, Template
from django.test import RequestFactory

from emissions.calculation.vocabulary import Basis, Fit, RunStatus
from emissions.charts import numbers
from emissions.charts.numbers import NO_BREAK_SPACE as NB
from emissions.templatetags import tonne


def render(source, path="/", **values):
    request = RequestFactory().get(path)
    return Template("{% load tonne %}" + source).render(RequestContext(request, values)).strip()


@pytest.mark.parametrize(
    "filter_",
    [tonne.kg, tonne.co2e, tonne.kwh, tonne.hours, tonne.number, tonne.percent, tonne.day],
)
def test_what_is_missing_is_shown_as_missing(filter_):
    shown = filter_(None)
    assert "—" in shown
    assert 'title="Unknown"' in shown


def test_zero_is_not_missing():
    assert tonne.kg(0) == f"0{NB}kg"
    assert tonne.or_unknown(0) == 0


def test_quantities():
    assert tonne.kg(12_345) == f"12.3{NB}t"
    assert tonne.kg(8.66, "t") == f"0.00866{NB}t"
    assert tonne.kg_in(12_345, "t") == "12.3"
    assert tonne.co2e(12_345) == f"12.3{NB}t{NB}CO₂e"
    assert tonne.kwh(412_345) == f"412{NB}MWh"
    assert tonne.g_per_kwh(21.4) == f"21.4{NB}g/kWh"


def test_whole_numbers_keep_their_digits():
    assert tonne.number(20_431) == "20,431"
    assert tonne.number(20_431.7) == "20,432"
    assert tonne.number(1.5, 2) == "1.50"


def test_change_says_its_direction_in_words():
    shown = tonne.change(112, 100)
    assert "+12%" in shown
    assert "12% more" in shown
    assert "change-worse" in shown
    assert "change-better" in tonne.change_up_good(112, 100)
    assert "change-" not in tonne.change_neutral(112, 100)


def test_change_without_a_base_is_unknown():
    assert "unknown" in tonne.change(112, None)


def test_quantity_sets_the_unit_apart_and_escapes():
    assert tonne.quantity(f"12.3{NB}t") == f'12.3<span class="unit">{NB}t</span>'
    assert tonne.quantity("<b>") == "&lt;b&gt;"
    assert tonne.quantity(tonne.MISSING) == tonne.MISSING


def test_dates_are_in_the_organisations_time_zone():
    late = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)
    assert tonne.day(late, "Europe/Stockholm") == "1 Jan 2026"
    assert tonne.moment(late, "Europe/Stockholm") == "1 Jan 2026, 00:30"
    assert tonne.moment(late) == "31 Dec 2025, 23:30"
    assert tonne.month(date(2025, 10, 1)) == "Oct 2025"


def test_tones_of_the_fields_words():
    assert tonne.tone(Basis.DEVICE_COUNTER) == "good"
    assert tonne.tone(Fit.STATED) == "good"
    assert tonne.tone(Fit.WORLD) == "bad"
    assert tonne.tone(RunStatus.FAILED) == "bad"
    assert tonne.tone(3) == ""


@pytest.mark.parametrize("member", [*Basis, *Fit, *RunStatus])
def test_every_word_has_a_tone(member):
    assert tonne.tone(member) in {"", "good", "warn", "bad", "info"}


def test_page_numbers_leave_out_the_middle():
    page = Paginator(range(1000), 10).get_page(50)
    assert tonne.page_numbers(page) == [1, None, 49, 50, 51, None, 100]


class SampleForm(forms.Form):
    name = forms.CharField()
    agree = forms.BooleanField()
    power = forms.FloatField(required=False, min_value=0, help_text="Per device.")
    kind = forms.ChoiceField(choices=[("a", "A")], widget=forms.RadioSelect, required=False)

    fieldsets = [("The run", ["name"]), ("Advanced", ["power"])]


def test_sections_of_a_form():
    found = tonne.sections(SampleForm())
    assert [section["title"] for section in found] == ["The run", "Advanced", ""]
    assert [field.name for field in found[2]["fields"]] == ["agree", "kind"]
    assert found[1]["advanced"]


def test_a_section_with_an_error_is_opened():
    shown = render(
        '{% include "components/form.html" with form=form only %}', form=SampleForm({"power": "-1"})
    )
    assert '<details class="advanced" open>' in shown


def test_controls_are_laid_out_by_kind():
    form = SampleForm()
    assert [tonne.control(form[name]) for name in ("name", "agree", "kind")] == [
        "plain",
        "check",
        "group",
    ]


def test_a_field_is_tied_to_its_help_and_errors():
    shown = render(
        '{% include "components/field.html" with field=form.power only %}',
        form=SampleForm({"power": "-1"}),
    )
    assert 'aria-describedby="id_power_helptext id_power_error"' in shown
    assert 'id="id_power_helptext"' in shown
    assert 'id="id_power_error"' in shown
    assert 'aria-invalid="true"' in shown


def test_a_page_that_does_not_exist_is_not_in_the_navigation():
    organisation = SimpleNamespace(slug="x", name="X")
    assert render('{% nav_link "nowhere" "Nowhere" "runs" %}', organisation=organisation) == ""


def test_hidden_query_carries_the_other_parameters():
    shown = render('{% hidden_query "period" %}', path="/?period=2025&team=a&team=b&page=3&q=<")
    assert shown == (
        '<input type="hidden" name="team" value="a"><input type="hidden" name="team" value="b">'
        '<input type="hidden" name="q" value="&lt;">'
    )


def test_stat_without_a_value_says_so():
    shown = render(
        '{% include "components/stat.html" with label="Budget left" value=None|kg only %}'
    )
    assert "—" in shown


def test_the_address_keeps_its_parameters_when_the_period_changes():
    period = {"label": "2025", "value": "2025", "choices": [{"label": "2024", "value": "2024"}]}
    shown = render(
        '{% include "components/period.html" with period=period only %}',
        path="/?team=a&period=2025&page=2",
        period=period,
    )
    assert 'href="?team=a&amp;period=2024"' in shown


def test_an_address_is_named_by_its_host_and_nothing_is_markup():
    shown = tonne.hosts("<b> 2024; https://www.techpowerup.com/gpu-specs/tesla-v100, page 2")
    assert shown == (
        '&lt;b&gt; 2024; <a href="https://www.techpowerup.com/gpu-specs/tesla-v100"'
        ' rel="noreferrer">techpowerup.com</a>, page 2'
    )


def test_a_day_that_a_run_ends_on_is_said_once():
    start = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
    same = tonne.from_until(start, start.replace(hour=10), "Europe/Stockholm")
    assert same == "1 May 2026, 10:00–12:00"
    other = tonne.from_until(start, start.replace(day=2), "Europe/Stockholm")
    assert other == "1 May 2026, 10:00 – 2 May 2026, 10:00"


@pytest.mark.parametrize(
    ("ends_before", "text"),
    [
        (date(2026, 6, 1), "May 2026"),
        (date(2026, 5, 2), "1 May 2026"),
        (date(2026, 7, 1), "1 May 2026 – 30 Jun 2026"),
    ],
)
def test_a_whole_month_is_named_and_other_days_stand_with_their_last(ends_before, text):
    assert tonne.days(date(2026, 5, 1), ends_before) == text


def test_a_change_shows_its_interval_or_that_it_is_not_clear():
    up = numbers.change(12, 10)
    clear = tonne.moved(numbers.Moved(up, True, "+1.0 to +3.0\xa0t"))
    assert "▲ +20%" in clear
    assert "change-worse" in clear
    assert "(+1.0 to +3.0\xa0t)" in clear
    unclear = tonne.moved(numbers.Moved(up, False, "−1.0 to +5.0\xa0t"))
    assert "no clear change" in unclear
    assert "▲" not in unclear
    assert tonne.moved("") == "", "nothing is compared"
    assert tonne.moved(None) == tonne.MISSING
