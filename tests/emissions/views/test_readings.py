"""Meter readings through the pages: one bill, a file, and what refuses them."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.models import AuditEvent, Membership, MeterReading, Site
from tests.factories import make_member, make_reading, make_site

pytestmark = pytest.mark.django_db

BILLS = "month,energy_kwh,other_load_kwh\n2026-05,2000,\n2026-06,3000,500\n"


@pytest.fixture
def officer() -> Membership:
    return make_member(Role.OFFICER)


@pytest.fixture
def site(officer) -> Site:
    return make_site(officer.organisation, name="Hall")


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emissions.views.readings.local_today", lambda _: date(2026, 9, 1))


@pytest.fixture
def client(officer) -> Client:
    client = Client()
    client.force_login(officer.user)
    return client


def url(site: Site, name: str, **kwargs) -> str:
    return reverse(
        name,
        kwargs={"organisation_slug": site.organisation.slug, "site_slug": site.slug, **kwargs},
    )


def upload(client: Client, site: Site, text: str, **values):
    data = {
        "kind": "bills", "unit": "1", "time_zone": "UTC", "measuring_point": "facility",
        "file": SimpleUploadedFile("meter.csv", text.encode()), **values,
    }  # fmt: skip
    return client.post(url(site, "reading_upload"), data)


def apply(client: Client, site: Site, shown):
    data = {"readings": shown.context["readings"], "fingerprint": shown.context["plan"].fingerprint}
    return client.post(url(site, "reading_upload"), data, follow=True)


def stored(site: Site) -> list[tuple[date, Decimal]]:
    rows = MeterReading.objects.filter(site=site).order_by("starts_on")
    return list(rows.values_list("starts_on", "energy_kwh"))


BILL = {
    "starts_on": "2026-05-01", "last_day": "2026-05-31", "energy_kwh": "1234.5",
    "other_load_kwh": "34.5", "measuring_point": "facility", "source": "Invoice 7",
}  # fmt: skip


def test_a_bill_is_recorded_changed_and_deleted(client, site) -> None:
    assert client.post(url(site, "reading_create"), BILL).status_code == 302
    reading = MeterReading.objects.get(site=site)
    assert (reading.ends_before, reading.energy_kwh) == (date(2026, 6, 1), Decimal("1234.5"))
    page = client.get(url(site, "site")).content.decode()
    assert "Invoice 7" in page
    edit = url(site, "reading_edit", reading_id=reading.pk)
    assert 'value="2026-05-31"' in client.get(edit).content.decode()
    client.post(edit, {**BILL, "energy_kwh": "2000"})
    assert stored(site) == [(date(2026, 5, 1), 2000)]
    following = client.get(url(site, "reading_create")).content.decode()
    assert 'value="2026-06-01"' in following
    client.post(url(site, "reading_delete", reading_id=reading.pk))
    assert stored(site) == []
    assert AuditEvent.objects.filter(action__startswith="meter reading").count() == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"last_day": "2026-04-30"}, "before the first"),
        ({"last_day": "2027-05-31"}, "has not come yet"),
        ({"energy_kwh": "-1"}, "greater than or equal to 0"),
        ({"other_load_kwh": "5000"}, "more than the metered"),
        ({"starts_on": "2026-04-20"}, "Another reading of this site"),
    ],
)
def test_what_is_wrong_stands_beside_the_field(client, site, change, words) -> None:
    make_reading(site, starts_on=date(2026, 4, 1), ends_before=date(2026, 5, 1))
    answer = client.post(url(site, "reading_create"), {**BILL, **change})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert len(stored(site)) == 1


def test_a_file_of_bills_is_previewed_then_applied_once(client, site) -> None:
    make_reading(site, energy_kwh="1000")
    shown = upload(client, site, BILLS)
    assert shown.context["plan"].counts == {"new": 1, "changed": 1, "unchanged": 0, "refused": 0}
    assert stored(site) == [(date(2026, 5, 1), 1000)]
    done = apply(client, site, shown)
    assert "1 reading added, 1 changed." in done.content.decode()
    assert stored(site) == [(date(2026, 5, 1), 2000), (date(2026, 6, 1), 3000)]
    again = apply(client, site, shown)
    assert again.status_code == 409
    assert again.context["plan"].counts["unchanged"] == 2


def test_a_refused_row_holds_the_whole_file_back(client, site) -> None:
    make_reading(site, starts_on=date(2026, 6, 10), ends_before=date(2026, 6, 20))
    shown = upload(client, site, BILLS)
    html = shown.content.decode()
    assert "A stored reading from 2026-06-10 has some of these days" in html
    assert "Apply all" not in html
    assert apply(client, site, shown).status_code == 409
    assert len(stored(site)) == 1
    twice = upload(client, site, "month,energy_kwh\n2026-07,1\n2026-07,2\n")
    assert "An earlier row of the file" in twice.content.decode()


def test_what_one_would_mistake_is_pointed_out(client, site) -> None:
    """Another year's month is refused; kWh that were MWh are not, but stand out."""
    late = upload(client, site, "month,energy_kwh\n2026-07,2000\n2027-07,2000\n")
    assert "Is the year right?" in late.content.decode()
    assert not late.context["plan"].applicable
    rows = "month,energy_kwh\n2026-03,2000\n2026-04,2100\n2026-05,1900\n2026-06,2\n"
    plan = upload(client, site, rows).context["plan"]
    assert plan.applicable
    assert [bool(row.remark) for row in plan.rows] == [False, False, False, True]


def test_half_hourly_data_is_added_up_by_the_clock_that_is_named(client, site) -> None:
    rows = "".join(
        f"2026-05-{day:02d} {hour:02d}:{minute:02d};1,5\n"
        for day in (1, 2) for hour in range(24) for minute in (0, 30)
    )  # fmt: skip
    shown = upload(client, site, "time;energy_kwh\n" + rows, kind="intervals")
    assert "every 30 minutes" in shown.content.decode()
    apply(client, site, shown)
    assert stored(site) == [(date(2026, 5, 1), 144)]
    eastern = upload(
        client, site, "time;energy_kwh\n" + rows, kind="intervals", time_zone="asia/tokyo"
    )
    assert eastern.context["incomplete"] == ["2026-04-30: 18 of 48", "2026-05-02: 30 of 48"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"time_zone": "Atlantis/West"}, "There is no time zone"),
        ({"kind": "guess"}, "Select a valid choice"),
        ({"kind": "intervals"}, "two columns"),
    ],
)
def test_an_upload_that_cannot_be_read_says_why(client, site, values, words) -> None:
    answer = upload(client, site, BILLS, **values)
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_a_preview_belongs_to_its_site(client, officer, site) -> None:
    shown = upload(client, site, BILLS)
    other = make_site(officer.organisation)
    answer = apply(client, other, shown)
    assert "too old" in answer.content.decode()
    assert stored(other) == []


def test_the_template_is_a_file_that_can_be_uploaded(client, site) -> None:
    text = client.get(url(site, "reading_upload"), {"template": "1"}).content.decode()
    assert upload(client, site, text.lstrip("\ufeff")).context["plan"].counts["new"] == 2


def test_another_sites_reading_is_not_found(client, officer, site) -> None:
    other = make_reading(make_site(officer.organisation))
    for name in ("reading_edit", "reading_delete"):
        assert client.post(url(site, name, reading_id=other.pk)).status_code == 404
