"""Nodes from a file: what it would do, all of it or nothing, through the page and the service."""

import io
from datetime import date

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from emissions.calculation.vocabulary import Role
from emissions.importers.tables import read_table
from emissions.models import AuditEvent, Membership, Node, NodePlacement
from emissions.services.import_nodes import PlanChanged, apply_nodes, plan_nodes
from tests.factories import (
    NOW,
    make_member,
    make_node,
    make_reference,
    make_site,
    make_team,
)

pytestmark = pytest.mark.django_db

TODAY = date(2026, 7, 1)


@pytest.fixture
def officer() -> Membership:
    make_reference()
    return make_member(Role.OFFICER)


@pytest.fixture
def client(officer) -> Client:
    client = Client()
    client.force_login(officer.user)
    return client


def url(member: Membership, name: str = "node_import") -> str:
    return reverse(name, kwargs={"organisation_slug": member.organisation.slug})


def csv(text: str, name: str = "nodes.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


def plan(member: Membership, text: str):
    return plan_nodes(
        organisation=member.organisation, table=read_table(text.encode()), today=TODAY
    )


NEW = "name,hardware,device_count,site\nrack-1,gpu:a100,8,{site}\nrack-2,H100,4,{site}\n"


class TestThePlan:
    def test_new_changed_unchanged_refused(self, officer):
        organisation = officer.organisation
        site = make_site(organisation, name="Luleå")
        make_node(organisation=organisation, site=site, name="same")
        make_node(organisation=organisation, site=site, name="other")
        found = plan(
            officer,
            "Node name;GPUs;GPU;Location;life\n"
            "same;8;A100;luleå;\n"
            "OTHER;4;h100;Luleå;4,5\n"
            "fresh;8;a100;Luleå;\n"
            "lost;8;Abacus;Atlantis;\n"
            ";8;a100;Luleå;\n"
            "fresh;2;a100;Luleå;\n",
        )
        assert [row.verdict for row in found.rows] == [
            "unchanged", "changed", "new", "refused", "refused", "refused",
        ]  # fmt: skip
        changed = {change.column: (change.before, change.after) for change in found.rows[1].changes}
        assert changed["device_count"] == ("8", "4")
        assert changed["life_years"] == ("", "4.5")
        assert set(changed) == {"device_count", "hardware", "life_years"}
        assert found.rows[3].errors == {
            "site": "There is no site “Atlantis”.",
            "hardware": "The catalogue has no “Abacus”. Add it, or a spelling of it.",
        }
        assert found.rows[4].errors == {"name": "Give the node's name."}
        assert found.rows[5].errors == {"name": "An earlier row is about this node."}
        assert [row.number for row in found.rows] == [2, 3, 4, 5, 6, 7]
        assert not found.applicable

    @pytest.mark.parametrize(
        ("column", "value", "words"),
        [
            ("device_count", "0", "whole number between 1"),
            ("device_count", "2.5", "whole number"),
            ("life_years", "ever", "Give a number"),
            ("purchased_on", "3/4/2026", "date such as"),
            ("tenure", "leased", "finance_lease or operating_lease"),
            ("tenure", "stolen", "Give owned"),
            ("max_watts", "500", "Give both powers"),
            ("embodied_kg", "100", "Say where"),
            ("disposed_on", "2020-01-01", "It is placed from"),
            ("team", "Nobody", "There is no team"),
            ("name", "n" * 151, "at most 150"),
        ],
    )
    def test_each_reason_stands_beside_its_row(self, officer, column, value, words):
        make_site(officer.organisation, name="Here")
        cells = {"name": "rack", "hardware": "a100", "device_count": "8", "site": "Here"}
        cells[column] = value
        (row,) = plan(officer, f"{','.join(cells)}\n{','.join(cells.values())}\n").rows
        errors = [words for errors in (row.errors,) for words in errors.values()]
        assert row.verdict == "refused"
        assert any(words in error for error in errors), errors

    def test_a_new_node_needs_hardware_devices_and_site(self, officer):
        (row,) = plan(officer, "name\nrack\n").rows
        assert set(row.errors) == {"hardware", "device_count", "site"}

    def test_another_organisations_things_are_not_found(self, officer):
        foreign = make_node(name="theirs")
        make_site(name="Their site")
        (row,) = plan(officer, "name,hardware,device_count,site\ntheirs,a100,8,Their site\n").rows
        assert row.node is None
        assert set(row.errors) == {"site"}
        assert foreign.pk


class TestApplying:
    def test_all_of_it_is_done(self, officer):
        organisation = officer.organisation
        site, other = make_site(organisation, name="Old"), make_site(organisation, name="New")
        team = make_team(organisation, name="Vision")
        node = make_node(organisation=organisation, site=site, name="rack-0")
        table = read_table(
            b"name,hardware,device_count,node_count,site,team,tenure,placed_on,purchased_on,"
            b"life_years,disposed_on\n"
            b"rack-0,,,,New,Vision,finance_lease,2026-03-01,,5,\n"
            b"rack-1,a100,8,2,Old,,,,2024-05-01,,2026-02-01\n"
        )
        found = plan_nodes(organisation=organisation, table=table, today=TODAY)
        assert found.applicable
        apply_nodes(
            organisation=organisation, table=table, fingerprint=found.fingerprint, today=TODAY,
            by=officer.user, now=NOW,
        )  # fmt: skip
        facts = NodePlacement.objects.current().filter(node=node).order_by("starts_on")
        assert [(fact.site, fact.owner, fact.tenure, fact.starts_on.year) for fact in facts] == [
            (site, None, "owned", 2020),
            (other, team, "finance_lease", 2026),
        ]
        node.refresh_from_db()
        assert (node.device_count, node.lives.current().latest("starts_on").life_years) == (8, 5.0)
        new = Node.objects.get(organisation=organisation, name="rack-1")
        assert (new.node_count, new.disposed_on) == (2, date(2026, 2, 1))
        placement = NodePlacement.objects.current().get(node=new)
        assert (placement.starts_on, placement.ends_before) == (
            date(2024, 5, 1),
            date(2026, 2, 1),
        )
        events = AuditEvent.objects.filter(organisation=organisation, by=officer.user)
        assert {"node's life changed", "node placed", "node created", "node disposed"} == set(
            events.values_list("action", flat=True)
        )
        again = plan_nodes(organisation=organisation, table=table, today=TODAY)
        assert again.counts == {"new": 0, "changed": 0, "unchanged": 2, "refused": 0}

    def test_a_plan_that_is_another_by_now_does_nothing(self, officer):
        organisation = officer.organisation
        make_site(organisation, name="Here")
        table = read_table(NEW.format(site="Here").encode())
        seen = plan_nodes(organisation=organisation, table=table, today=TODAY)
        make_node(organisation=organisation, name="rack-2")
        with pytest.raises(PlanChanged):
            apply_nodes(
                organisation=organisation, table=table, fingerprint=seen.fingerprint,
                today=TODAY, by=None, now=NOW,
            )  # fmt: skip
        assert not Node.objects.filter(name="rack-1").exists()

    def test_nothing_is_half_written(self, officer, monkeypatch):
        organisation = officer.organisation
        make_site(organisation, name="Here")
        table = read_table(NEW.format(site="Here").encode())
        seen = plan_nodes(organisation=organisation, table=table, today=TODAY)
        from emissions.services import import_nodes

        real, made = import_nodes.create_node, []

        def fails_at_the_second(**values):
            if made:
                raise RuntimeError("the database went away")
            made.append(real(**values))
            return made[0]

        monkeypatch.setattr(import_nodes, "create_node", fails_at_the_second)
        with pytest.raises(RuntimeError):
            apply_nodes(
                organisation=organisation, table=table, fingerprint=seen.fingerprint,
                today=TODAY, by=None, now=NOW,
            )  # fmt: skip
        assert made
        assert not Node.objects.filter(organisation=organisation).exists()


class TestThePage:
    def test_upload_preview_apply(self, client, officer):
        make_site(officer.organisation, name="Here")
        shown = client.post(url(officer), {"file": csv(NEW.format(site="Here"))})
        html = shown.content.decode()
        assert "Apply all" in html
        assert not Node.objects.exists()
        data = {"table": shown.context["table"], "fingerprint": shown.context["plan"].fingerprint}
        done = client.post(url(officer), data, follow=True).content.decode()
        assert "2 nodes added, 0 changed." in done
        assert Node.objects.filter(organisation=officer.organisation).count() == 2
        twice = client.post(url(officer), data)
        assert twice.status_code == 409
        assert "already as the file says" in twice.content.decode()
        assert Node.objects.count() == 2

    def test_a_spreadsheet_is_read_as_people_see_it(self, client, officer):
        make_site(officer.organisation, name="Here")
        book = openpyxl.Workbook()
        book.active.append(["Node", "GPU", "GPUs", "Site", "Purchase date", "Power at full load"])
        book.active.append(["rack-1", "gpu:a100", 8, "Here", date(2025, 3, 1), None])
        buffer = io.BytesIO()
        book.save(buffer)
        shown = client.post(
            url(officer), {"file": SimpleUploadedFile("nodes.xlsx", buffer.getvalue())}
        )
        (row,) = shown.context["plan"].rows
        assert row.verdict == "new"
        assert row.machine.device_count == 8
        assert row.machine.purchased_on == row.placed_on == date(2025, 3, 1)

    def test_refused_rows_cannot_be_applied(self, client, officer):
        make_site(officer.organisation, name="Here")
        shown = client.post(
            url(officer), {"file": csv(NEW.format(site="Here") + "rack-3,Abacus,8,Here\n")}
        )
        assert "Apply all" not in shown.content.decode()
        assert "The catalogue has no “Abacus”" in shown.content.decode()
        data = {"table": shown.context["table"], "fingerprint": shown.context["plan"].fingerprint}
        assert client.post(url(officer), data).status_code == 409
        assert not Node.objects.exists()

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "empty"),
            ("name\n", "no rows"),
            ("colour,size\nred,2\n", "no column name"),
            ("name\n" + "x\n" * 1001, "more than 1,000 rows"),
        ],
    )
    def test_what_is_no_list_of_nodes_says_so_beside_the_field(self, client, officer, text, words):
        answer = client.post(url(officer), {"file": csv(text)})
        assert answer.status_code == 422
        assert words in answer.content.decode()

    def test_a_preview_is_its_person_s(self, client, officer):
        make_site(officer.organisation, name="Here")
        shown = client.post(url(officer), {"file": csv(NEW.format(site="Here"))})
        data = {"table": shown.context["table"], "fingerprint": shown.context["plan"].fingerprint}
        other = make_member(Role.ADMIN)
        stranger = Client()
        stranger.force_login(other.user)
        assert stranger.post(url(other), data).status_code == 302
        assert client.post(url(officer), {**data, "table": data["table"] + "x"}).status_code == 302
        assert not Node.objects.exists()

    def test_the_export_uploaded_again_changes_nothing(self, client, officer):
        organisation = officer.organisation
        make_node(
            organisation=organisation,
            name="one",
            owner=make_team(organisation),
            embodied_kg=12.5,
            embodied_source="=sheet",
            purchased_on=date(2024, 1, 2),
        )
        make_node(organisation=organisation, name="two", idle_watts=300.0, max_watts=1234.5)
        text = client.get(url(officer, "node_export")).content.decode()
        assert text.splitlines()[0].lstrip("\ufeff").startswith("name,hardware,device_count")
        found = plan(officer, text)
        assert found.counts == {"new": 0, "changed": 0, "unchanged": 2, "refused": 0}

    def test_the_template_can_be_read(self, client, officer):
        for name in ("Luleå", "Frankfurt"):
            make_site(officer.organisation, name=name)
        make_team(officer.organisation, name="Language")
        text = client.get(url(officer, "node_export"), {"template": "1"}).content.decode()
        found = plan(officer, text)
        assert {column for row in found.rows for column in row.errors} == {"hardware"}
