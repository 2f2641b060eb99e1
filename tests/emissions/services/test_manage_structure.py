"""Teams, projects, sites, nodes, hardware, factor sets and the organisation itself."""

from datetime import date

import pytest
from django.db.models import Sum

from emissions.calculation.vocabulary import Cause, Preset, SiteKind, Tenure
from emissions.models import (
    AuditEvent,
    EmissionEntry,
    FactorSetAdoption,
    HardwareModel,
    NodePlacement,
    PendingCalculation,
    ProjectAssignment,
    SiteConditions,
)
from emissions.services.create_organisation import create_organisation
from emissions.services.factors.adopt import (
    ForeignFactorSet,
    NotAdopted,
    adopt_factor_set,
    withdraw_factor_set,
)
from emissions.services.manage_hardware import (
    Device,
    SharedHardware,
    create_hardware,
    edit_hardware,
)
from emissions.services.manage_nodes import (
    DisposedBeforePurchase,
    Machine,
    create_node,
    dispose_node,
    edit_node,
    place_node,
)
from emissions.services.manage_organisation import edit_organisation
from emissions.services.manage_projects import (
    archive_project,
    assign_project,
    create_project,
    restore_project,
)
from emissions.services.manage_sites import Conditions, create_site, edit_site, set_conditions
from emissions.services.manage_teams import TeamInUse, archive_team, create_team, rename_team
from tests.factories import (
    NOW,
    calculate_all,
    make_factor_set,
    make_member,
    make_node,
    make_organisation,
    make_project,
    make_reference,
    make_run,
    make_site,
    make_team,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def by(organisation):
    return make_member(organisation=organisation).user


@pytest.fixture
def organisation():
    return make_organisation()


@pytest.fixture
def known():
    return make_reference()


def queued(cause: Cause) -> int:
    return PendingCalculation.objects.filter(cause=cause).count()


class TestTeams:
    def test_two_of_a_name_in_different_letters_get_different_addresses(self, organisation, by):
        names = ["Vision", "Vision!", "研究"]
        teams = [create_team(organisation=organisation, name=n, by=by, now=NOW) for n in names]
        assert [team.slug for team in teams] == ["vision", "vision-2", "team"]

    def test_a_renamed_team_keeps_its_address(self, organisation, by):
        team = create_team(organisation=organisation, name="Vision", by=by, now=NOW)
        assert rename_team(team=team, name="Seeing", by=by).slug == "vision"
        event = AuditEvent.objects.get(action="team renamed")
        assert (event.before, event.after) == ({"name": "Vision"}, {"name": "Seeing"})

    def test_a_team_with_projects_is_not_archived(self, organisation, by):
        team = make_team(organisation)
        project = make_project(team)
        with pytest.raises(TeamInUse):
            archive_team(team=team, by=by, now=NOW)
        archive_project(project=project, by=by, now=NOW)
        assert archive_team(team=team, by=by, now=NOW).archived_at == NOW


class TestProjects:
    def test_a_reorganisation_moves_runs_from_its_day_on(self, organisation, by, known):
        vision, language = make_team(organisation), make_team(organisation)
        project = create_project(
            organisation=organisation, name="Maps", team=vision, starts_on=date(2025, 1, 1),
            by=by, now=NOW,
        )  # fmt: skip
        run = make_run(project=project, zone=known["FR"])
        assign_project(project=project, team=language, starts_on=date(2026, 5, 1), by=by, now=NOW)
        assert queued(Cause.BOUNDARY) == 1
        calculate_all()
        net = dict(
            EmissionEntry.objects.filter(run=run)
            .values_list("cell__team")
            .annotate(hours=Sum("device_hours"))
        )
        assert net == {vision.pk: 0, language.pk: 80}

    def test_saying_the_same_again_is_no_event(self, organisation, by):
        project = make_project(organisation=organisation)
        fact = ProjectAssignment.objects.get(project=project)
        assign_project(project=project, team=fact.team, starts_on=date(2026, 5, 1), by=by, now=NOW)
        assert not AuditEvent.objects.filter(action="project assigned").exists()

    def test_archived_and_restored(self, organisation, by):
        project = make_project(organisation=organisation)
        assert archive_project(project=project, by=by, now=NOW).archived_at == NOW
        assert restore_project(project=project, by=by).archived_at is None


class TestSites:
    def test_a_correction_supersedes_and_calculates_again(self, organisation, by, known):
        site = create_site(
            organisation=organisation, name="Luleå", kind=SiteKind.OWN, starts_on=date(2025, 1, 1),
            conditions=Conditions(zone=known["SE"], pue=1.2, pue_source="Guess"), by=by, now=NOW,
        )  # fmt: skip
        run = make_run(organisation, site=site)
        set_conditions(
            site=site,
            conditions=Conditions(zone=known["SE"], pue=1.1, pue_source="Metered"),
            starts_on=date(2025, 1, 1),
            by=by,
            now=NOW,
        )
        assert queued(Cause.DATA) == 1
        before = energy_of(run)
        calculate_all()
        assert float(energy_of(run) / before) == pytest.approx(1.1 / 1.2)
        kept = SiteConditions.objects.filter(site=site, superseded_at__isnull=False)
        assert [fact.pue for fact in kept] == [1.2]

    def test_who_controls_a_site_is_a_matter_of_the_boundary(self, organisation, by, known):
        site = make_site(organisation, known["SE"])
        make_run(organisation, site=site)
        set_conditions(
            site=site,
            conditions=Conditions(zone=known["SE"], overhead_control="other"),
            starts_on=date(2026, 1, 1),
            by=by,
            now=NOW,
        )
        assert queued(Cause.BOUNDARY) == 1

    def test_a_new_name_calculates_nothing(self, organisation, by, known):
        site = make_site(organisation)
        make_run(organisation, site=site)
        edit_site(site=site, name="Other", kind=SiteKind(site.kind), cloud_region=None, by=by)
        assert not PendingCalculation.objects.exists()


def energy_of(run):
    return EmissionEntry.objects.filter(run=run).aggregate(e=Sum("energy_facility_kwh"))["e"]


class TestNodes:
    def test_placed_moved_and_disposed(self, organisation, by, known):
        here, there = make_site(organisation, known["SE"]), make_site(organisation, known["DE"])
        node = create_node(
            organisation=organisation,
            name="dgx-01",
            machine=Machine(hardware=known["a100"], device_count=8, purchased_on=date(2024, 1, 1)),
            site=here,
            starts_on=date(2024, 1, 1),
            by=by,
            now=NOW,
        )
        place_node(
            node=node, site=there, tenure=Tenure.OPERATING_LEASE, starts_on=date(2025, 1, 1),
            by=by, now=NOW,
        )  # fmt: skip
        with pytest.raises(DisposedBeforePurchase):
            dispose_node(node=node, disposed_on=date(2023, 1, 1), by=by, now=NOW)
        dispose_node(node=node, disposed_on=date(2026, 1, 1), by=by, now=NOW)
        current = NodePlacement.objects.current().filter(node=node).order_by("starts_on")
        assert [(f.site, f.starts_on, f.ends_before) for f in current] == [
            (here, date(2024, 1, 1), date(2025, 1, 1)),
            (there, date(2025, 1, 1), date(2026, 1, 1)),
        ]

    def test_more_devices_calculate_its_runs_again(self, organisation, by, known):
        node = make_node(organisation=organisation)
        make_run(organisation, node=node)
        machine = Machine(hardware=known["h100"], device_count=8)
        edit_node(node=node, name="renamed", machine=machine, by=by)
        assert queued(Cause.DATA) == 1


class TestHardware:
    def test_own_entries_are_edited_and_shared_ones_are_not(self, organisation, by, known):
        device = Device(name="X1", kind="gpu", max_watts=100, source="Data sheet")
        hardware = create_hardware(organisation=organisation, device=device, by=by, now=NOW)
        run = make_run(organisation, hardware=hardware)
        device = Device(name="X1", kind="gpu", max_watts=200, source="Data sheet")
        edit_hardware(hardware=hardware, device=device, by=by, life_from=NOW.date(), now=NOW)
        before = energy_of(run)
        calculate_all()
        assert energy_of(run) == 2 * before
        with pytest.raises(SharedHardware):
            edit_hardware(
                hardware=known["a100"], device=device, by=by, life_from=NOW.date(), now=NOW
            )
        assert HardwareModel.objects.get(pk=known["a100"].pk).max_watts == 400


class TestFactorSets:
    def test_a_new_organisation_adopts_the_defaults_in_their_order(self, known):
        organisation = create_organisation(
            name="New", slug="new", time_zone="Europe/Paris", by=None, now=NOW
        )
        adoptions = FactorSetAdoption.objects.filter(organisation=organisation)
        assert [a.factor_set.slug for a in adoptions] == ["test-direct", "test-lifecycle"]

    def test_withdrawing_moves_the_ledger_and_names_its_cause(self, organisation, by, known):
        run = make_run(organisation, zone=known["FR"])
        withdraw_factor_set(organisation=organisation, factor_set=known["direct"], by=by, now=NOW)
        assert queued(Cause.FACTOR) == 1
        calculate_all()
        assert set(
            EmissionEntry.objects.filter(run=run, cell__location_factor__factor_set=known["direct"])
            .values_list("cell")
            .annotate(kg=Sum("location_based_kg"))
            .values_list("kg", flat=True)
        ) == {0}
        with pytest.raises(NotAdopted):
            withdraw_factor_set(
                organisation=organisation, factor_set=known["direct"], by=by, now=NOW
            )

    def test_another_precedence_keeps_the_earlier_adoption(self, organisation, by, known):
        adopt_factor_set(
            organisation=organisation, factor_set=known["direct"], precedence=9, by=by, now=NOW
        )
        adoptions = FactorSetAdoption.objects.filter(
            organisation=organisation, factor_set=known["direct"]
        ).order_by("pk")
        assert [(a.precedence, a.withdrawn_at) for a in adoptions] == [(1, NOW), (9, None)]

    def test_another_organisation_s_private_set_is_refused(self, organisation, by):
        private = make_factor_set(organisation=make_organisation())
        with pytest.raises(ForeignFactorSet):
            adopt_factor_set(
                organisation=organisation, factor_set=private, precedence=1, by=by, now=NOW
            )


class TestTheOrganisation:
    def test_another_time_zone_calculates_every_run_again(self, organisation, by):
        make_run(organisation)
        edit_organisation(
            organisation=organisation, name="Renamed", time_zone="Asia/Tokyo",
            preset=Preset.TONNE, by=by,
        )  # fmt: skip
        assert queued(Cause.METHOD) == 1

    def test_another_name_calculates_nothing(self, organisation, by):
        make_run(organisation)
        edit_organisation(
            organisation=organisation, name="Renamed", time_zone=organisation.time_zone,
            preset=Preset(organisation.preset), by=by,
        )  # fmt: skip
        assert not PendingCalculation.objects.exists()
