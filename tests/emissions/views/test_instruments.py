"""Instruments as people record, use and retire them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import InstrumentStatus, Role
from emissions.models import EnergyInstrument, GridZone, InstrumentUse, Membership, MonthlyTotal
from tests.factories import (
    make_instrument,
    make_member,
    make_node,
    make_organisation,
    make_run,
    make_site,
    settle_all,
)

pytestmark = pytest.mark.django_db

STATED = {
    "name": "GO hydro",
    "kind": "certificate",
    "energy_mwh": "2.5",
    "rate_g_per_kwh": "",
    "starts_on": "2026-01-01",
    "last_day": "2026-12-31",
    "market": "France (FR)",
    "status": "issued",
    "criteria": ["1", "4", "8"],
}


@pytest.fixture
def officer() -> Membership:
    return make_member(Role.OFFICER)


@pytest.fixture
def client(officer: Membership) -> Client:
    client = Client()
    client.force_login(officer.user)
    return client


def address(officer: Membership, name: str, **kwargs: object) -> str:
    return reverse(name, kwargs={"organisation_slug": officer.organisation.slug, **kwargs})


def use_electricity(officer: Membership) -> Any:
    site = make_site(officer.organisation, name="Lyon")
    make_run(officer.organisation, site=site, energy_kwh=1000.0, energy_includes_pue=True)
    return site


def test_a_criterion_that_the_ledger_contradicts_is_warned_of(client, officer):
    stated = make_instrument(officer.organisation, criteria_met=4)
    silent = make_instrument(officer.organisation)
    pages = [
        client.get(address(officer, "instrument", instrument_id=row.pk)).content.decode()
        for row in (stated, silent)
    ]
    warning = "The ledger contradicts a quality criterion"
    assert [warning in html for html in pages] == [True, False]
    assert all("It is contracted, not retired." in html for html in pages)


def test_nothing_recorded_says_what_to_do(client, officer):
    html = client.get(address(officer, "instrument_list")).content.decode()
    assert "No instrument yet" in html
    assert address(officer, "instrument_create") in html


def test_one_is_recorded_used_and_shown(client, officer):
    use_electricity(officer)
    page = client.post(address(officer, "instrument_create"), STATED, follow=True)
    row = EnergyInstrument.objects.get()
    assert (row.energy_mwh, row.criteria_met, row.ends_before) == (
        Decimal("2.5"),
        13,
        date(2027, 1, 1),
    )
    assert row.market == GridZone.objects.get(code="FR")
    assert "It covers nothing yet" in page.content.decode()
    settle_all()
    html = client.get(address(officer, "instrument", instrument_id=row.pk)).content.decode()
    assert "Lyon" in html
    assert "3 of 8" in html
    listed = client.get(address(officer, "instrument_list")).content.decode()
    assert "GO hydro" in listed
    assert "no residual mix is published" in listed


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"energy_mwh": "0"}, "energy_mwh"),
        ({"energy_mwh": "9999999"}, "energy_mwh"),
        ({"last_day": "2025-12-31"}, "last_day"),
        ({"last_day": "2080-12-31"}, "last_day"),
        ({"rate_g_per_kwh": "12"}, "rate_source"),
        ({"market": "Atlantis"}, "market"),
        ({"name": ""}, "name"),
        ({"status": "lapsed"}, "status"),
    ],
)
def test_what_cannot_be_is_said_beside_the_field(client, officer, changed, field):
    page = client.post(address(officer, "instrument_create"), STATED | changed)
    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert not EnergyInstrument.objects.exists()


def test_a_name_is_used_once(client, officer):
    make_instrument(officer.organisation, name="GO hydro")
    page = client.post(address(officer, "instrument_create"), STATED)
    assert list(page.context["form"].errors) == ["name"]
    other = make_instrument(make_organisation(), name="GO wind")
    assert other.name == "GO wind"


def test_edited_it_keeps_what_was_not_touched(client, officer):
    row = make_instrument(officer.organisation, criteria_met=5, registry="Grexel")
    form = client.get(address(officer, "instrument_edit", instrument_id=row.pk)).context["form"]
    values = {
        name: "" if form[name].value() is None else form[name].value() for name in form.fields
    }
    client.post(
        address(officer, "instrument_edit", instrument_id=row.pk),
        {**values, "energy_mwh": "3"},
    )
    row.refresh_from_db()
    assert (row.energy_mwh, row.criteria_met, row.registry) == (3, 5, "Grexel")


def test_what_it_covers_is_said_by_hand(client, officer):
    site = use_electricity(officer)
    row = make_instrument(officer.organisation)
    url = address(officer, "instrument_use", instrument_id=row.pk)
    client.post(url, {"site": site.pk, "month": "2026-05", "energy_mwh": "0.25"})
    settle_all()
    assert InstrumentUse.objects.get().energy_kwh == 250
    assert sum(line.market_based_kg for line in MonthlyTotal.objects.all()) == Decimal("37.5")
    for values in (
        {"month": "2027-05", "energy_mwh": "0.25"},
        {"month": "2026-05", "energy_mwh": "1.25"},
        {"month": "May", "energy_mwh": "1"},
    ):
        assert client.post(url, {"site": site.pk, **values}).status_code == 422
    client.post(url, {"site": site.pk, "month": "2026-05", "energy_mwh": ""})
    settle_all()
    assert InstrumentUse.objects.get().energy_kwh == 1000


def test_it_is_retired_or_lapses(client, officer):
    row = make_instrument(officer.organisation)
    retire = address(officer, "instrument_retire", instrument_id=row.pk)
    assert client.post(retire, {"retired_on": ""}).status_code == 422
    client.post(retire, {"retired_on": "2027-01-20", "reference": "GO 1–1000"})
    row.refresh_from_db()
    assert (row.status, row.retired_on, row.reference) == (
        InstrumentStatus.RETIRED,
        date(2027, 1, 20),
        "GO 1–1000",
    )
    kept = client.post(address(officer, "instrument_delete", instrument_id=row.pk), follow=True)
    assert "stays" in kept.content.decode()
    client.post(address(officer, "instrument_lapse", instrument_id=row.pk))
    row.refresh_from_db()
    assert row.status == InstrumentStatus.LAPSED
    client.post(address(officer, "instrument_delete", instrument_id=row.pk))
    assert not EnergyInstrument.objects.exists()


def test_a_researcher_looks_and_changes_nothing(officer):
    row = make_instrument(officer.organisation)
    client = Client()
    client.force_login(make_member(Role.RESEARCHER, organisation=officer.organisation).user)
    html = client.get(address(officer, "instrument", instrument_id=row.pk)).content.decode()
    assert "Say what it covers" not in html


def test_idle_and_remainder_rules_are_chosen_in_the_settings(officer):
    admin = make_member(Role.ADMIN, organisation=officer.organisation)
    client = Client()
    client.force_login(admin.user)
    node = make_node(site=make_site(officer.organisation), starts_on=date(2026, 5, 1))
    make_run(officer.organisation, node=node)
    settle_all()
    idle = MonthlyTotal.objects.filter(cell__source_kind="node_idle")
    assert sum(line.device_hours for line in idle) > 0
    page = {"name": "N", "time_zone": "UTC", "preset": "1", "idle_rule": "off"}
    client.post(address(officer, "settings_edit"), {**page, "remainder_rule": "unexplained"})
    officer.organisation.refresh_from_db()
    assert officer.organisation.remainder_rule == "unexplained"
    settle_all()
    assert sum(line.device_hours for line in idle.all()) == 0


def test_the_end_of_a_year_counts_only_what_is_retired(client, officer):
    last = date.today().year - 1  # noqa: DTZ011  (the page's own clock decides the year)
    site = make_site(officer.organisation, name="Lyon")
    make_run(
        officer.organisation,
        site=site,
        energy_kwh=1000.0,
        energy_includes_pue=True,
        started_at=datetime(last, 5, 4, tzinfo=UTC),
    )
    period = {"starts_on": date(last, 1, 1), "ends_before": date(last + 1, 1, 1)}
    make_instrument(officer.organisation, **period)
    settle_all()
    page = client.get(address(officer, "instrument_list")).content.decode()
    assert f"The end of {last}" in page
    assert "are not retired" in page
    kilograms = MonthlyTotal.objects.aggregate(sum=Sum("market_based_kg"))["sum"]
    page = client.post(address(officer, "instrument_true_up"), follow=True).content.decode()
    assert "Trued up" in page
    settle_all()
    assert MonthlyTotal.objects.aggregate(sum=Sum("market_based_kg"))["sum"] > kilograms
    assert f"Count only what is retired in {last}" not in page
