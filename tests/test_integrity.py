"""What the database itself refuses: other organisations' rows, overlaps, impossible values."""

from datetime import date

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from emissions.calculation.vocabulary import Role
from emissions.models import (
    ApiToken,
    EmissionFactor,
    FactorSet,
    GridZone,
    HardwareLife,
    HardwareModel,
    Membership,
    Node,
    NodeLife,
    NodePlacement,
    Organisation,
    Project,
    ProjectAssignment,
    Run,
    Site,
    SiteConditions,
)
from tests.factories import (
    SINCE,
    make_factor,
    make_hardware,
    make_node,
    make_organisation,
    make_project,
    make_run,
    make_site,
    make_team,
    make_token,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours() -> Organisation:
    return make_organisation()


@pytest.fixture
def theirs() -> Organisation:
    return make_organisation()


def assert_refused(write) -> None:
    """Composite keys are checked at the end of a transaction: ask for it at once."""

    def run() -> None:
        with transaction.atomic():
            write()
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(IntegrityError):
        run()


class TestOrganisationsAreKeptApart:
    def test_membership_and_team(self, ours, theirs):
        team = make_team(theirs)
        assert_refused(
            lambda: Membership.objects.create(
                organisation=ours, user=make_user(), role=Role.MANAGER, team=team
            )
        )

    def test_assignment_and_project_or_team(self, ours, theirs):
        project, team = make_project(organisation=theirs), make_team(ours)
        for values in (
            {"project": project, "team": team},
            {"project": make_project(organisation=ours), "team": make_team(theirs)},
        ):
            ProjectAssignment.objects.filter(project=values["project"]).delete()
            assert_refused(
                lambda values=values: ProjectAssignment.objects.create(
                    organisation=ours, starts_on=SINCE, **values
                )
            )

    def test_conditions_and_site(self, ours, theirs):
        site = make_site(theirs)
        SiteConditions.objects.filter(site=site).delete()
        assert_refused(
            lambda: SiteConditions.objects.create(
                organisation=ours,
                site=site,
                zone=GridZone.objects.get(code="FR"),
                it_control="organisation",
                overhead_control="organisation",
                starts_on=SINCE,
            )
        )

    @pytest.mark.parametrize("foreign", ["node", "site", "owner"])
    def test_placement(self, ours, theirs, foreign):
        own = {"node": make_node(organisation=ours), "site": make_site(ours), "owner": None}
        others = {
            "node": make_node(organisation=theirs),
            "site": make_site(theirs),
            "owner": make_team(theirs),
        }
        NodePlacement.objects.all().delete()
        values = {**own, foreign: others[foreign]}
        assert_refused(
            lambda: NodePlacement.objects.create(organisation=ours, starts_on=SINCE, **values)
        )

    def test_life_and_node(self, ours, theirs):
        node = make_node(organisation=theirs)
        NodeLife.objects.all().delete()
        assert_refused(
            lambda: NodeLife.objects.create(organisation=ours, node=node, starts_on=SINCE)
        )

    @pytest.mark.parametrize("foreign", ["project", "site", "node"])
    def test_run(self, ours, theirs, foreign):
        others = {
            "project": make_project(organisation=theirs),
            "site": make_site(theirs),
            "node": make_node(organisation=theirs),
        }
        run = make_run(ours, project=make_project(organisation=ours), calculated=False)
        assert_refused(lambda: Run.objects.filter(pk=run.pk).update(**{foreign: others[foreign]}))

    def test_token_and_project(self, ours, theirs):
        project = make_project(organisation=theirs)
        assert_refused(
            lambda: ApiToken.objects.create(organisation=ours, project=project, sha256="0" * 64)
        )

    def test_every_reference_within_an_organisation_is_a_composite_key(self):
        """A model that belongs to an organisation and refers to another such model."""
        missing = []
        for model, field in references_within_an_organisation():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_constraint c"
                    " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attname = %s"
                    " WHERE c.contype = 'f' AND c.conrelid = %s::regclass"
                    " AND cardinality(c.conkey) = 2 AND a.attnum = ANY (c.conkey)",
                    [field.column, model._meta.db_table],
                )
                if cursor.fetchone()[0] == 0:
                    missing.append(f"{model.__name__}.{field.name}")
        assert sorted(missing) == sorted(WITHOUT_A_COMPOSITE_KEY)


#: Shared or private: the other row may have no organisation; services and queries see to these.
WITHOUT_A_COMPOSITE_KEY = {
    "Cell.hardware",
    "DoublePair.first",
    "DoublePair.second",
    "DoublePair.superseded",
    "EnergyStream.run",
    "AdoptionPreview.factor_set",
    "FactorLoad.factor_set",
    "FactorSetAdoption.factor_set",
    "HardwareAlias.hardware",
    "ImportMapping.hardware",
    "Node.hardware",
    "PendingCalculation.run",
    "Run.hardware",
    "Run.retry_of",
    "Run.run_import",
    "Run.superseded_by",
}


def references_within_an_organisation():
    for model in apps.get_app_config("emissions").get_models():
        fields = {field.name: field for field in model._meta.concrete_fields}
        if "organisation" not in fields:
            continue
        for field in fields.values():
            other = field.related_model
            if other is None or other is Organisation:
                continue
            if any(f.name == "organisation" for f in other._meta.concrete_fields):
                yield model, field


class TestDatedFactsDoNotOverlap:
    def test_assignment(self, ours):
        project = make_project(organisation=ours)
        assert_refused(
            lambda: ProjectAssignment.objects.create(
                organisation=ours, project=project, team=make_team(ours), starts_on=date(2025, 1, 1)
            )
        )

    def test_conditions(self, ours):
        site = make_site(ours)
        assert_refused(
            lambda: SiteConditions.objects.create(
                organisation=ours,
                site=site,
                zone=GridZone.objects.get(code="FR"),
                it_control="organisation",
                overhead_control="organisation",
                starts_on=date(2019, 6, 1),
            )
        )

    def test_life(self, ours):
        node = make_node(organisation=ours)
        for model, thing in ((NodeLife, {"organisation": ours, "node": node}),
                             (HardwareLife, {"hardware": node.hardware})):  # fmt: skip
            span = {"starts_on": date(2025, 1, 1), "ends_before": date(2026, 1, 1)}
            if model is HardwareLife:
                model.objects.create(**thing, **span)
            assert_refused(
                lambda model=model, thing=thing, span=span: model.objects.create(**thing, **span)
            )

    def test_placement(self, ours):
        node = make_node(organisation=ours)
        assert_refused(
            lambda: NodePlacement.objects.create(
                organisation=ours, node=node, site=make_site(ours), starts_on=date(2025, 1, 1)
            )
        )

    def test_a_superseded_fact_is_out_of_the_way(self, ours):
        project = make_project(organisation=ours)
        facts = ProjectAssignment.objects.filter(project=project)
        facts.update(superseded_at=facts.get().recorded_at)
        ProjectAssignment.objects.create(
            organisation=ours, project=project, team=make_team(ours), starts_on=date(2025, 1, 1)
        )


class TestImpossibleValues:
    @pytest.mark.parametrize(
        "values",
        [
            {"duration_hours": -1},
            {"device_count": -1},
            {"device_hours": -1},
            {"energy_kwh": -0.1},
            {"stated_power_watts": -1},
            {"power_share": 1.01},
            {"utilisation": -0.01},
            {"stated_pue": 0.99},
            {"stated_factor_g_per_kwh": 100, "stated_factor_source": ""},
            {"stage": "guessing"},
            {"status": "lost"},
            {"source_kind": "rumour"},
            {"hardware": None, "cpu_cores": None},
        ],
        ids=str,
    )
    def test_run(self, ours, values):
        run = make_run(ours, calculated=False)
        assert_refused(lambda: Run.objects.filter(pk=run.pk).update(**values))

    @pytest.mark.parametrize(
        "values", [{"pue": 0.9}, {"wue_litres_per_kwh": -1}, {"it_control": "nobody"}], ids=str
    )
    def test_conditions(self, ours, values):
        site = make_site(ours)
        assert_refused(lambda: SiteConditions.objects.filter(site=site).update(**values))

    @pytest.mark.parametrize(
        "values",
        [
            {"device_count": 0},
            {"node_count": 0},
            {"idle_watts": 10},
            {"max_watts": 10},
            {"idle_watts": 500, "max_watts": 400},
            {"embodied_kg": -1},
            {"purchased_on": date(2025, 1, 1), "disposed_on": date(2024, 1, 1)},
        ],
        ids=str,
    )
    def test_node(self, ours, values):
        node = make_node(organisation=ours)
        assert_refused(lambda: Node.objects.filter(pk=node.pk).update(**values))

    def test_a_life_of_no_length_or_of_the_catalogue_s_past_without_an_end(self, ours):
        node = make_node(organisation=ours)
        assert_refused(lambda: node.lives.update(life_years=0))
        for values in ({"ends_before": SINCE, "life_years": 0}, {"ends_before": None}):
            assert_refused(
                lambda values=values: HardwareLife.objects.create(
                    hardware=node.hardware, starts_on=date(2000, 1, 1), **values
                )
            )

    @pytest.mark.parametrize(
        "values",
        [{"max_watts": 0}, {"idle_watts": -1}, {"embodied_kg": -1}, {"kind": "abacus"}],
        ids=str,
    )
    def test_hardware(self, ours, values):
        hardware = make_hardware()
        assert_refused(lambda: HardwareModel.objects.filter(pk=hardware.pk).update(**values))

    @pytest.mark.parametrize(
        "values",
        [
            {"g_co2e_per_kwh": -1},
            {"ends_before": date(2030, 1, 1)},
            {"kind": "guess"},
            {"role": "guess"},
        ],
        ids=str,
    )
    def test_factor(self, ours, values):
        factor_set = FactorSet.objects.first()
        zone = GridZone.objects.get(code="FR")
        assert_refused(lambda: make_factor(factor_set=factor_set, zone=zone, year=2030, **values))

    def test_one_factor_for_a_zone_and_time_in_a_set(self, ours):
        factor = EmissionFactor.objects.first()
        factor.pk = None
        assert_refused(lambda: factor.save(force_insert=True))

    def test_a_researcher_has_a_team(self, ours):
        assert_refused(
            lambda: Membership.objects.create(
                organisation=ours, user=make_user(), role=Role.RESEARCHER
            )
        )

    def test_names_and_slugs_are_an_organisation_s_own(self, ours, theirs):
        make_project(organisation=ours, name="Same", slug="same")
        make_project(organisation=theirs, name="Same", slug="same")
        assert_refused(lambda: Project.objects.create(organisation=ours, name="Other", slug="same"))
        site = make_site(ours)
        assert_refused(
            lambda: Site.objects.create(
                organisation=ours, name=site.name, slug="another", kind=site.kind
            )
        )

    def test_shared_hardware_has_one_of_a_name(self, ours):
        hardware = make_hardware()
        assert_refused(lambda: make_hardware(name=hardware.name))

    def test_a_token_s_hash_is_one_of_a_kind(self, ours):
        token = make_token(project=make_project(organisation=ours))
        assert_refused(
            lambda: ApiToken.objects.create(
                organisation=ours, project=token.project, sha256=token.sha256
            )
        )
