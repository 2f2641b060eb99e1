"""The factor library: what is found, what is shown beside it, and what a change would do."""

import csv
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from emissions.calculation.vocabulary import Role
from emissions.models import (
    EmissionFactor,
    FactorSet,
    FactorSetAdoption,
    GridZone,
    Organisation,
    PendingCalculation,
)
from emissions.selectors.periods import quarter
from emissions.services.close_quarter import close_quarter
from emissions.services.factors.adopt import adopt_factor_set
from emissions.services.factors.load_jobs import run_loads
from emissions.views import factor_upload
from tests.factories import (
    NOW,
    make_factor,
    make_factor_set,
    make_hours,
    make_member,
    make_mix,
    make_organisation,
    make_reference,
    settle_all,
)
from tests.scenarios import Laboratory

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(laboratory: Laboratory) -> Client:
    client = Client()
    client.force_login(make_member(Role.OFFICER, organisation=laboratory.organisation).user)
    return client


def url(name: str, *args: Any) -> str:
    return reverse(name, args=["laboratory", *args])


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


class TestTheList:
    def test_factors_in_use_are_found_by_place_year_set_and_source(self, officer):
        html = text(officer.get(url("factor_list"), {"q": "france", "year": "2025"}))
        assert html.count(url("factor_zone", "FR")) == 2  # direct, and the residual mix
        direct = FactorSet.objects.get(slug="test-direct")
        html = text(officer.get(url("factor_list"), {"set": direct.pk, "q": "swe 20"}))
        assert url("factor_zone", "FR") not in html
        assert "Nothing" not in html

    def test_sets_that_are_not_in_use_are_found_when_asked_for(self, officer):
        other = make_factor_set(name="Zebra factors", edition="Z1")
        make_factor(factor_set=other, zone=GridZone.objects.get(code="FR"), year=2026)
        html = text(officer.get(url("factor_list"), {"q": "zebra"}))
        assert "No such factor" in html
        assert "adopted-title" not in html
        html = text(officer.get(url("factor_list"), {"q": "zebra", "all": "1"}))
        assert "not in use" in html
        assert url("factor", EmissionFactor.objects.get(factor_set=other).pk) in html

    def test_another_organisation_s_own_set_is_nowhere(self, officer):
        private = make_factor_set(organisation=make_organisation(), name="Zebra factors")
        factor = make_factor(factor_set=private, zone=GridZone.objects.get(code="FR"), year=2026)
        assert "Zebra" not in text(officer.get(url("factor_list"), {"all": "1"}))
        assert "Zebra" not in text(officer.get(url("factor_zone", "FR")))
        assert officer.get(url("factor", factor.pk)).status_code == 404
        assert officer.get(url("factor_set", private.pk)).status_code == 404
        asked = officer.get(url("factor_list"), {"set": private.pk, "all": "1"})
        assert "Zebra" not in text(asked)


class TestAZone:
    def test_its_history_shows_editions_side_by_side(self, officer):
        other = make_factor_set(name="Other", edition="2027")
        make_factor(
            factor_set=other, zone=GridZone.objects.get(code="FR"), year=2026, g_co2e_per_kwh=55.0
        )
        answer = officer.get(url("factor_zone", "FR"))
        html = text(answer)
        card = answer.context["card"]
        assert [entry.label for entry in card.legend][-1] == "Other, 2027, direct"
        assert "50.0 to 55.0 for 2026" in card.conclusion
        row = next(row for row in card.table.rows if row[0].text == "2026")
        assert {cell.text for cell in row} >= {"50.0", "55.0"}
        assert "What stands on it" in html
        assert "Maps" in html
        assert "2026-Q1" in html

    def test_its_csv_holds_every_edition(self, officer):
        answer = officer.get(url("factor_zone", "FR"), {"format": "csv"})
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert len(rows) == 9
        assert {row["use"] for row in rows} == {"location", "residual", "upstream"}

    def test_a_zone_without_factors_says_so(self, officer):
        GridZone.objects.create(code="XX-1", name="Islet", kind="subdivision")
        assert "No factor of this zone" in text(officer.get(url("factor_zone", "XX-1")))
        assert officer.get(url("factor_zone", "XX-2")).status_code == 404


class TestAFactor:
    def test_it_says_what_it_is_and_what_stands_on_it(self, officer):
        factor = EmissionFactor.objects.get(
            zone__code="FR", starts_on__year=2026, role="location", kind="direct"
        )
        answer = officer.get(url("factor", factor.pk))
        html = text(answer)
        for word in ("50.0 g CO₂e/kWh", "Test direct", "CC BY 4.0", "Test agency"):
            assert word in html
        uses = answer.context["uses"]
        assert {use.label for use in uses.projects} == {"Maps", "Faces", "Chat"}
        assert uses.runs == 4
        for _, shown, _ in answer.context["project_uses"]:
            assert shown["location_based_kg"]["range"]
            assert shown["energy_facility_kwh"]["range"]
        for use in [*uses.projects, *uses.quarters]:
            for name, found in use.intervals.items():
                assert found.total == pytest.approx(float(getattr(use, name)))
                assert found.low < found.total < found.high
        assert {use.label for use in uses.quarters} == {"2026-Q1", "2026-Q2", "2026-Q3"}

    def test_it_lists_the_largest_runs_and_the_reports_that_stand_on_it(self, officer):
        factor = EmissionFactor.objects.get(
            zone__code="FR", starts_on__year=2026, role="location", kind="direct"
        )
        answer = officer.get(url("factor", factor.pk))
        html = text(answer)
        largest = answer.context["runs"]
        assert largest.quarter == "2026-Q3"
        kwh = [row.energy_facility_kwh for row in largest.rows]
        assert kwh == sorted(kwh, reverse=True)
        assert sum(kwh) == answer.context["uses"].quarters[0].energy_facility_kwh > 0
        assert all(url("run", row.run.pk) in html for row in largest.rows)
        assert url("report_export", "2026-Q1", "xlsx") in html

    def test_a_researcher_sees_runs_of_their_own_and_no_reports(self, laboratory):
        factor = EmissionFactor.objects.get(
            zone__code="FR", starts_on__year=2026, role="location", kind="direct"
        )
        client = Client()
        client.force_login(make_member(Role.RESEARCHER, organisation=laboratory.organisation).user)
        answer = client.get(url("factor", factor.pk))
        assert not answer.context["runs"].rows
        assert url("report_export", "2026-Q1", "xlsx") not in text(answer)

    def test_what_was_taken_back_is_used_no_longer(self, officer, laboratory):
        factor = make_factor(
            factor_set=make_factor_set(), zone=GridZone.objects.get(code="FR"), year=2026
        )
        answer = officer.get(url("factor", factor.pk))
        assert answer.context["uses"].projects == []
        assert "No figure of Laboratory stands on this factor" in text(answer)


class TestHours:
    def test_a_set_and_a_zone_say_which_hours_are_known(self, officer, laboratory):
        own = make_factor_set(name="Hours", organisation=laboratory.organisation)
        other = make_factor_set(name="Theirs", organisation=make_organisation())
        france = GridZone.objects.get(code="FR")
        for factor_set in (own, other):
            make_hours(
                factor_set=factor_set, zone=france, year=2025,
                grams=lambda hour: None if hour < 876 else 20.0 + 10 * (hour % 2),
            )  # fmt: skip
        for page in (url("factor_set", own.pk), url("factor_zone", "FR")):
            html = text(officer.get(page))
            assert "7,884 (90" in html
            assert "25.0 g/kWh" in html.replace("\u00a0", " ")
            assert "Theirs" not in html

    def test_a_zone_a_factor_and_a_set_say_what_the_grid_is_made_of(self, officer, laboratory):
        mixes = make_factor_set(name="Mixes", organisation=laboratory.organisation)
        france = GridZone.objects.get(code="FR")
        make_mix(factor_set=mixes, zone=france, year=2024, shares=(0.27, 0.68, 0.05))
        assert "No set in use knows the mix" in text(officer.get(url("factor_zone", "FR")))
        adopt_factor_set(
            organisation=laboratory.organisation, factor_set=mixes, precedence=99, by=None, now=NOW
        )
        factor = EmissionFactor.objects.get(
            zone__code="FR", starts_on__year=2026, role="location", kind="direct"
        )
        for page in (url("factor_zone", "FR"), url("factor", factor.pk)):
            html = text(officer.get(page)).replace("\u00a0", "")
            assert "68%" in html.replace("68.0%", "68%")
            assert "France 2024, 2 years earlier" in html
        assert "1 year of 1 zone" in text(officer.get(url("factor_set", mixes.pk)))


class TestTheSet:
    def test_the_preview_shows_old_new_and_difference_and_adopting_does_it(
        self, officer, laboratory
    ):
        newer = make_factor_set(name="Newer")
        make_factor(
            factor_set=newer, zone=GridZone.objects.get(code="FR"), year=2026, g_co2e_per_kwh=60.0
        )
        page = url("factor_set_preview", newer.pk)
        assert "No run" in text(officer.get(page)), "Asked last, it changes nothing."
        answer = officer.get(page, {"precedence": "1"})
        html = text(answer)
        assert {(row.quarter, row.team, row.zone) for row in answer.context["rows"]} >= {
            ("2026-Q1", "Vision", "France"), ("2026-Q3", "Language", "France"),
        }  # fmt: skip
        assert all(row.location_kg > 0 for row in answer.context["rows"])
        assert "Adopt the set" in html
        assert not PendingCalculation.objects.exists()
        officer.post(url("adopt_factor_set", newer.pk), {"precedence": "1"})
        assert PendingCalculation.objects.count() == answer.context["runs"]
        assert "In use" in text(officer.get(url("factor_set", newer.pk)))

    def test_closed_quarters_are_set_apart_and_stay(self, officer, laboratory):
        settle_all()
        closed = quarter(year=2026, number=1)
        close_quarter(
            organisation=laboratory.organisation, quarter=closed, by=None, now=timezone.now()
        )
        newer = make_factor_set(name="Newer")
        make_factor(
            factor_set=newer, zone=GridZone.objects.get(code="FR"), year=2026, g_co2e_per_kwh=60.0
        )
        answer = officer.get(url("factor_set_preview", newer.pk), {"precedence": "1"})
        assert "1 closed quarter stays as it is" in text(answer)
        quarters = {row.quarter for row in answer.context["rows"]}
        assert "2026-Q3" in quarters
        assert "2026-Q1" not in quarters
        elsewhere = make_factor_set(name="Elsewhere")
        make_factor(factor_set=elsewhere, zone=GridZone.objects.get(code="FR"), year=2027)
        answer = officer.get(url("factor_set_preview", elsewhere.pk), {"precedence": "1"})
        assert "closed, stays" not in text(answer)

    def test_hours_that_stand_beside_are_named(self, officer):
        hours = make_factor_set()
        zone = GridZone.objects.get(code="FR")
        make_hours(factor_set=hours, zone=zone, year=2026, grams=lambda _: 30.0)
        page = url("factor_set_preview", hours.pk)
        assert "The set has hours" in text(officer.get(page))
        Organisation.objects.update(headline="hourly")
        answer = officer.get(page)
        assert "The set has hours" not in text(answer)
        assert answer.context["location_kg"] < 0

    def test_withdrawing_is_previewed_too(self, officer, laboratory):
        direct = FactorSet.objects.get(slug="test-direct")
        answer = officer.get(f"{url('factor_set_preview', direct.pk)}?withdraw")
        assert "Withdraw the set" in text(answer)
        assert answer.context["runs"] == 5
        officer.post(url("withdraw_factor_set", direct.pk))
        adopted = FactorSetAdoption.objects.filter(
            organisation=laboratory.organisation, withdrawn_at=None
        )
        assert direct not in [one.factor_set for one in adopted]

    @pytest.mark.parametrize("value", ["0", "x", "1000", ""])
    def test_a_precedence_that_is_none_is_named(self, officer, value):
        newer = make_factor_set()
        html = text(officer.get(url("factor_set_preview", newer.pk), {"precedence": value}))
        assert "field-error" in html


class TestLoading:
    def post(self, officer: Client, content: bytes, **values: str) -> Any:
        make_reference()
        return officer.post(
            url("factor_upload"),
            {
                "format": "licensed",
                "edition": "2026",
                "published_on": "2026-05-01",
                "name": "AIB residual mix",
                "source": "AIB",
                "file": SimpleUploadedFile("mix.csv", content),
                **values,
            },
        )

    def test_the_template_has_a_row_for_each_country_of_the_sites(self, officer, laboratory):
        assert url("factor_template") in text(officer.get(url("factor_upload")))
        content = officer.get(url("factor_template")).content.decode("utf-8-sig")
        head, *rows = content.splitlines()
        assert head == "zone,year,g_co2e_per_kwh,role,kind,includes_losses,note"
        assert [row.split(",")[0] for row in rows] == ["FR"]
        answer = self.post(officer, content.encode())
        assert "There is no value." in answer.content.decode()
        filled = content.replace(",,residual", ",41,residual")
        assert self.post(officer, filled.encode()).status_code == 302

    def test_a_file_becomes_a_set_of_one_s_own(self, officer, laboratory):
        answer = self.post(officer, b"zone,year,g_co2e_per_kwh,role\nFR,2026,41,residual\n")
        factor_set = FactorSet.objects.get(name="AIB residual mix")
        assert factor_set.organisation == laboratory.organisation
        assert answer["Location"] == url("factor_set", factor_set.pk)
        assert "Your own" in text(officer.get(url("factor_list")))

    def test_errors_are_shown_by_row_and_nothing_is_loaded(self, officer):
        answer = self.post(officer, b"zone,year,g_co2e_per_kwh\nFR,2026,41\nFR,soon,1\n")
        assert answer.status_code == 422
        html = answer.content.decode()
        assert "is not a year" in html
        assert not FactorSet.objects.filter(name="AIB residual mix").exists()

    def test_a_format_without_a_source_needs_one(self, officer):
        answer = self.post(officer, b"zone,year,g_co2e_per_kwh\nFR,2026,41\n", source="")
        assert answer.status_code == 422
        assert "source" in answer.context["form"].errors

    def test_the_same_edition_again_is_refused_beside_its_field(self, officer):
        content = b"zone,year,g_co2e_per_kwh\nFR,2026,41\n"
        self.post(officer, content)
        assert "edition" in self.post(officer, content).context["form"].errors


class TestALargeFile:
    """It is loaded by a worker; its page shows how far it is, then the set or the errors."""

    @pytest.fixture(autouse=True)
    def everything_is_large(self, monkeypatch):
        monkeypatch.setattr(factor_upload, "AT_ONCE", 10)

    def send(self, officer: Client, content: str) -> str:
        answer = officer.post(
            url("factor_upload"),
            {
                "format": "licensed", "edition": "2026", "published_on": "2026-05-01",
                "name": "AIB", "source": "AIB",
                "file": SimpleUploadedFile("aib.csv", content.encode()),
            },
        )  # fmt: skip
        assert answer.status_code == 302
        return str(answer.url)

    def test_progress_then_the_set(self, officer, laboratory):
        page = self.send(officer, "zone,year,g_co2e_per_kwh\nFR,2026,41\n")
        assert "waits for a worker" in text(officer.get(page))
        assert "aib.csv" in text(officer.get(url("factor_upload")))
        assert "HX-Refresh" not in officer.get(f"{page}progress/", headers={"HX-Request": "true"})
        run_loads(now=NOW)
        polled = officer.get(f"{page}progress/", headers={"HX-Request": "true"})
        assert polled["HX-Refresh"] == "true"
        loaded = FactorSet.objects.get(organisation=laboratory.organisation, name="AIB")
        assert url("factor_set", loaded.pk) in text(officer.get(page))

    def test_errors_by_row(self, officer, laboratory):
        page = self.send(officer, "zone,year,g_co2e_per_kwh\nFR,2026,-1\n")
        run_loads(now=NOW)
        html = text(officer.get(page))
        assert "which no grid emits" in html
        assert not FactorSet.objects.filter(organisation=laboratory.organisation).exists()

    def test_stopping_it(self, officer, laboratory):
        page = self.send(officer, "zone,year,g_co2e_per_kwh\nFR,2026,41\n")
        html = officer.post(f"{page}cancel/", follow=True).content.decode()
        assert "nothing of the file was kept" in html
        assert run_loads(now=NOW) == 0
