"""Statement or own estimate, never both: totals show one, runs keep theirs, the other stays."""

from datetime import date
from decimal import Decimal

import pytest
from django.db.models import Sum

from emissions.calculation.vocabulary import (
    Cause,
    CloudProvider,
    EntrySource,
    Headline,
    InventoryFigure,
    SiteKind,
)
from emissions.models import (
    AuditEvent,
    CloudRegion,
    EmissionEntry,
    GridZone,
    MonthlyTotal,
    Organisation,
    Posting,
    ProviderStatement,
    Run,
)
from emissions.models.entry import QUANTITIES
from emissions.selectors.cloud import account_months
from emissions.selectors.periods import parse_value
from emissions.selectors.totals import Filters, Totals, totals
from emissions.services.factors.adopt import adopt_factor_set
from emissions.services.load_statements import (
    Loaded,
    Origin,
    Stated,
    UnknownAccount,
    load_statements,
)
from emissions.services.manage_cloud_accounts import USAGE, Usage, choose_figure, edit_cloud_account
from emissions.services.verify_ledger import verify_ledger
from tests.factories import (
    NOW,
    make_cloud_account,
    make_factor_set,
    make_hours,
    make_organisation,
    make_project,
    make_run,
    make_site,
    make_team,
    settle_all,
)

pytestmark = pytest.mark.django_db
MAY = date(2026, 5, 1)
PERIOD = parse_value("2026-05", today=NOW.date())


class Cloud:
    """Two projects with a run each in AWS California, and an account for all of them."""

    def __init__(self) -> None:
        self.organisation = make_organisation()
        self.region = CloudRegion.objects.get(region="us-west-1")
        self.site = make_site(
            self.organisation, kind=SiteKind.CLOUD, cloud_region=self.region, it_control="other"
        )
        self.teams = [make_team(self.organisation) for _ in range(2)]
        self.projects = [make_project(team) for team in self.teams]
        for project in self.projects:
            make_run(project=project, site=self.site, calculated=False)
        settle_all()
        self.account = make_cloud_account(self.organisation)

    def load(self, location: str | None = "900", market: str | None = "100", **values) -> Loaded:
        """Load a figure of May for the account."""
        account = values.pop("account", self.account)
        parts = {
            "location_based_kg": None if location is None else Decimal(location),
            "market_based_kg": None if market is None else Decimal(market),
            **values.pop("parts", {}),
        }
        return load_statements(
            organisation=self.organisation,
            provider=CloudProvider.AWS,
            stated=[
                Stated(account.pk, values.pop("month", MAY), values.pop("version", "v1"), parts)
            ],
            origin=Origin("may.csv", "0" * 64),
            by=None,
            now=NOW,
        )

    def choose(self, figure: InventoryFigure, account=None) -> None:
        choose_figure(account=account or self.account, figure=figure, by=None)

    def totals(self, **filters) -> Totals:
        """Return what the dashboards of May show, once everything is settled."""
        settle_all()
        assert verify_ledger(organisation=self.organisation).clean
        return totals(organisation=self.organisation, period=PERIOD, filters=Filters(**filters))


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def location(found: Totals) -> Decimal:
    return found.location_based_kg + around(found)


def market(found: Totals) -> Decimal:
    return found.market_based_kg + around(found)


def around(found: Totals) -> Decimal:
    return found.upstream_kg + found.losses_kg + found.embodied_kg


def lines_of_runs(organisation) -> dict:
    entries = EmissionEntry.objects.filter(source=EntrySource.RUN, run__organisation=organisation)
    return entries.aggregate(*(Sum(name) for name in QUANTITIES))


def test_a_statement_that_nobody_chose_changes_nothing(cloud):
    before = cloud.totals()
    assert cloud.load() == Loaded(new=1)
    assert cloud.totals() == before
    assert not EmissionEntry.objects.filter(source=EntrySource.STATEMENT).exists()


def test_choosing_it_makes_it_the_total_and_leaves_the_runs(cloud):
    runs = lines_of_runs(cloud.organisation)
    before = cloud.totals()
    cloud.load("900.123456789", "100")
    cloud.choose(InventoryFigure.STATEMENT)
    after = cloud.totals()
    assert location(after) == Decimal("900.123456789")
    assert market(after) == 100
    assert lines_of_runs(cloud.organisation) == runs
    assert (after.energy_facility_kwh, after.device_hours, after.runs) == (
        before.energy_facility_kwh,
        before.device_hours,
        before.runs,
    )


@pytest.mark.parametrize("headline", Headline)
def test_it_is_the_total_by_the_hour_and_by_the_year(headline):
    cloud = Cloud()
    Organisation.objects.filter(pk=cloud.organisation.pk).update(headline=headline)
    cloud.organisation.refresh_from_db()
    hours = make_factor_set()
    zone = GridZone.objects.get(siteconditions__site=cloud.site)
    make_hours(factor_set=hours, zone=zone, year=2026, grams=lambda hour: 60.0 + hour % 24)
    adopt_factor_set(
        organisation=cloud.organisation, factor_set=hours, precedence=50, by=None, now=NOW
    )
    settle_all()
    by_column = MonthlyTotal.objects.filter(cell__organisation=cloud.organisation)
    columns = [Sum("location_based_kg"), Sum("location_based_annual_kg")]
    own = by_column.aggregate(*columns)
    assert len(set(own.values())) == 2
    cloud.load("900")
    cloud.choose(InventoryFigure.STATEMENT)
    assert location(cloud.totals()) == 900
    hourly, annual = by_column.aggregate(*columns).values()
    assert hourly == annual
    cloud.load(None, "100", version="v2")
    cloud.totals()
    assert by_column.aggregate(*columns) == own


def test_the_statement_s_scope_3_stands_beside_the_electricity(cloud):
    cloud.load("900", "100", parts={"scope_3_location_kg": Decimal(60)})
    cloud.choose(InventoryFigure.STATEMENT)
    found = cloud.totals()
    assert (found.location_based_kg, found.market_based_kg) == (840, 40)
    assert (found.upstream_kg, found.losses_kg, found.embodied_kg) == (0, 0, 60)


def test_teams_add_up_to_the_statement(cloud):
    cloud.load("900.000000001", "99.999999999")
    cloud.choose(InventoryFigure.STATEMENT)
    cloud.totals()
    teams = [cloud.totals(teams=(team.pk,)) for team in cloud.teams]
    assert sum(map(location, teams)) == Decimal("900.000000001")
    assert sum(map(market, teams)) == Decimal("99.999999999")
    assert all(location(team) > 400 for team in teams)
    assert cloud.totals(teams=(None,)).empty


def test_it_is_shared_in_proportion_to_the_own_estimate(cloud):
    for _ in range(2):
        make_run(project=cloud.projects[1], site=cloud.site)
    cloud.load("900", "400")
    cloud.choose(InventoryFigure.STATEMENT)
    found = [cloud.totals(teams=(team.pk,)) for team in cloud.teams]
    assert [location(one) for one in found] == [225, 675]
    assert [market(one) for one in found] == [100, 300]


def test_what_the_provider_does_not_state_stays_the_own_estimate(cloud):
    before = cloud.totals()
    cloud.load(None, "700")
    cloud.choose(InventoryFigure.STATEMENT)
    after = cloud.totals()
    assert location(after) == location(before)
    assert market(after) == 700


def test_going_back_posts_the_exact_inverse(cloud):
    before = cloud.totals()
    cloud.load()
    cloud.choose(InventoryFigure.STATEMENT)
    assert cloud.totals() != before
    cloud.choose(InventoryFigure.ESTIMATE)
    assert cloud.totals() == before
    causes = list(Posting.objects.order_by("pk").values_list("cause", flat=True))
    assert causes[-2:] == [Cause.ESTIMATE_REPLACED, Cause.METHOD]


def test_a_restatement_supersedes_and_says_whose_cause_it_is(cloud):
    cloud.load()
    cloud.choose(InventoryFigure.STATEMENT)
    cloud.totals()
    assert cloud.load("950", "120", version="v2") == Loaded(restated=1)
    assert location(cloud.totals()) == 950
    assert Posting.objects.order_by("-pk")[0].cause == Cause.PROVIDER_RESTATED
    rows = ProviderStatement.objects.order_by("pk")
    assert [(row.version, row.superseded_at is None) for row in rows] == [
        ("v1", False),
        ("v2", True),
    ]


def test_the_same_file_again_changes_nothing(cloud):
    cloud.load()
    cloud.choose(InventoryFigure.STATEMENT)
    cloud.totals()
    before = EmissionEntry.objects.count(), AuditEvent.objects.count()
    assert cloud.load() == Loaded(unchanged=1)
    settle_all()
    assert (EmissionEntry.objects.count(), AuditEvent.objects.count()) == before


def test_a_run_logged_later_moves_the_difference_and_not_the_total(cloud):
    cloud.load()
    cloud.choose(InventoryFigure.STATEMENT)
    cloud.totals()
    make_run(project=cloud.projects[0], site=cloud.site, duration_hours=500.0, calculated=False)
    after = cloud.totals()
    assert (location(after), market(after)) == (900, 100)
    assert after.runs == 3


def test_an_account_without_runs_posts_the_statement_to_what_it_is_narrowed_to(cloud):
    project = make_project(organisation=cloud.organisation)
    account = make_cloud_account(cloud.organisation, project=project)
    before = cloud.totals()
    cloud.load("10", "5", account=account)
    cloud.choose(InventoryFigure.STATEMENT, account)
    assert location(cloud.totals()) == location(before) + 10
    assert location(cloud.totals(projects=(project.pk,))) == 10


def test_a_run_belongs_to_the_account_that_is_narrowed_most(cloud):
    narrow = make_cloud_account(cloud.organisation, project=cloud.projects[1])
    settle_all()
    months = {one.account.pk: one for one in account_months(organisation=cloud.organisation)}
    of_one = cloud.totals(projects=(cloud.projects[1].pk,))
    assert months[narrow.pk].own.location_based_kg == location(of_one)
    whole = months[cloud.account.pk].own.location_based_kg + location(of_one)
    assert whole == location(cloud.totals())


def test_another_narrowing_moves_runs_between_accounts(cloud):
    cloud.load()
    cloud.choose(InventoryFigure.STATEMENT)
    assert location(cloud.totals()) == 900
    usage = {name: getattr(cloud.account, name) for name in USAGE}
    edit_cloud_account(
        account=cloud.account, usage=Usage(**{**usage, "project": cloud.projects[0]}), by=None
    )
    of_other = cloud.totals(projects=(cloud.projects[1].pk,))
    assert location(cloud.totals()) == 900 + location(of_other)
    assert location(of_other) > 0


def test_months_without_a_statement_keep_the_own_estimate(cloud):
    make_run(
        project=cloud.projects[0],
        site=cloud.site,
        started_at=NOW.replace(month=6),
        calculated=False,
    )
    cloud.load()
    cloud.choose(InventoryFigure.STATEMENT)
    settle_all()
    june, may = account_months(organisation=cloud.organisation)
    assert (june.month.month, june.uses_statement) == (6, False)
    assert june.inventory == june.own
    assert may.inventory.location_based_kg == 900


def test_a_foreign_account_is_refused(cloud):
    foreign = make_cloud_account()
    with pytest.raises(UnknownAccount):
        cloud.load(account=foreign)
    assert not ProviderStatement.objects.exists()
    assert Run.objects.of(cloud.organisation).count() == 2
