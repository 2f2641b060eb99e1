from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from emissions.calculation.uncertainty import (
    ENERGY_BANDS,
    FIT_BANDS,
    FUEL_BAND,
    OWN_SPREAD,
    PUE_DEFAULT_BAND,
    PUE_STATED_BAND,
    STATEMENT_BAND,
    Z_95,
    Band,
)
from emissions.calculation.vocabulary import (
    Assumption,
    Basis,
    CloudProvider,
    Fit,
    InventoryFigure,
    MeasuringPoint,
    SiteKind,
    Stage,
)
from emissions.models import CloudRegion, EmissionEntry, GridZone
from emissions.selectors.periods import parse_value
from emissions.selectors.spread import AMOUNTS
from emissions.selectors.totals import DIMENSIONS, By, Filters, totals
from emissions.selectors.uncertainty import (
    PeriodSpread,
    coverage_within,
    spread_of,
    spread_of_node,
    uncertainty,
    uncertainty_of_periods,
    uncertainty_of_run,
    uncertainty_of_runs,
)
from emissions.services.factors.adopt import adopt_factor_set
from emissions.services.load_statements import Origin, Stated, load_statements
from emissions.services.manage_cloud_accounts import choose_figure
from emissions.services.manage_meters import Reading, record_reading
from tests.factories import (
    NOW,
    make_cloud_account,
    make_factor_set,
    make_fuel_use,
    make_hardware,
    make_hours,
    make_instrument,
    make_node,
    make_organisation,
    make_project,
    make_reference,
    make_run,
    make_site,
    settle_all,
)

pytestmark = pytest.mark.django_db


def test_totals_have_an_interval_around_them_in_two_queries(django_assert_num_queries):
    organisation = make_organisation()
    make_run(organisation, site=make_site(organisation))
    make_run(organisation, energy_kwh=100.0, energy_measured=True, zone=make_reference()["DE"])
    with django_assert_num_queries(2):
        found = uncertainty(organisation=organisation, period=None)

    for one in (found.location_based_kg, found.energy_facility_kwh, found.market_based_kg):
        assert 0 < one.low < one.total < one.high
    assert found.embodied_kg.low == pytest.approx(found.embodied_kg.total / 2, rel=0.05)
    assert found.energy_facility_kwh.high / found.energy_facility_kwh.total < (
        found.location_based_kg.high / found.location_based_kg.total
    ), "energy has no error of a grid factor"


def test_what_is_behind_most_of_it_comes_first():
    organisation = make_organisation()
    run = make_run(organisation, zone=make_reference()["DE"])
    found = uncertainty_of_run(run=run)

    assert sum(one.share for one in found.sources) == pytest.approx(1)
    names = [one.name for one in found.sources]
    assert names[0] == "Default power and host share"
    assert {"PUE: the survey's average", "Emission factor of Germany"} < set(names)


def test_many_runs_of_one_zone_and_model_are_no_better_known_than_a_few():
    few, many = make_organisation(), make_organisation()
    make_run(few, zone=make_reference()["DE"])
    for _ in range(9):
        make_run(many, zone=make_reference()["DE"], project=None)
    one, nine = (uncertainty(organisation=o, period=None).location_based_kg for o in (few, many))

    assert nine.high / nine.total > 1 + 0.6 * (one.high / one.total - 1)
    assert nine.high / nine.total < one.high / one.total, "but the runs' own errors cancel out"


def test_nothing_recorded_has_no_interval():
    found = uncertainty(organisation=make_project().organisation, period=None)
    assert found.location_based_kg.low == found.location_based_kg.high == 0
    assert not found.sources


MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)


def of(organisation, name="location_based_kg", **filters):
    found = uncertainty(organisation=organisation, period=None, filters=Filters(**filters))
    return found.of(name)


def test_every_total_has_an_interval_around_what_the_dashboard_shows():
    """The hours of a grid weigh one column; the figure of the year may be the one shown."""
    organisation = make_organisation()
    site = make_site(organisation)
    hours = make_factor_set()
    make_hours(
        factor_set=hours, zone=GridZone.objects.get(code="FR"), year=2026, grams=lambda _: 5.0
    )
    adopt_factor_set(organisation=organisation, factor_set=hours, precedence=0, by=None, now=NOW)
    make_run(organisation, site=site)
    shown = totals(organisation=organisation, period=None)
    found = uncertainty(organisation=organisation, period=None)
    for name in AMOUNTS:
        total, interval = float(getattr(shown, name)), found.of(name)
        assert interval.total == pytest.approx(total), name
        assert not total or interval.low < total < interval.high, name


class TestMeters:
    @pytest.fixture
    def site(self):
        """A site whose runs by default values explain half of what its meter shows."""
        site = make_site(make_organisation())
        self.run = make_run(site.organisation, site=site)
        self.kwh = float(sum(entry.energy_facility_kwh for entry in self.run.entries.all()))
        return site

    def meter(self, site, kwh, point=MeasuringPoint.FACILITY):
        reading = Reading(
            starts_on=MAY, ends_before=JUNE, energy_kwh=Decimal(str(kwh)), measuring_point=point
        )
        record_reading(site=site, reading=reading, by=None, now=NOW)
        settle_all()

    @pytest.mark.parametrize("share", [0.6, 2.0])
    def test_what_is_metered_is_as_far_off_as_the_meter(self, site, share):
        before = of(site.organisation, "energy_facility_kwh")
        self.meter(site, self.kwh * share)
        after = of(site.organisation, "energy_facility_kwh")
        band = ENERGY_BANDS[Basis.SITE_METER]
        assert after.total == pytest.approx(self.kwh * share)
        assert after.high / after.total == pytest.approx(band.high, rel=0.002)
        assert after.low / after.total == pytest.approx(band.low, rel=0.002)
        assert before.high / before.total > 1.2

    def test_what_is_narrowed_to_some_runs_is_as_far_off_as_before(self, site):
        before = of(site.organisation, teams=(None,))
        self.meter(site, self.kwh + 0.001)
        after = of(site.organisation, teams=(None,))
        assert after.high == pytest.approx(before.high, rel=0.001)

    def test_a_group_of_it_is_metered_only_if_it_has_all_of_the_site(self, site):
        def asked(by):
            year = parse_value("2026", today=NOW.date())
            spread = PeriodSpread(organisation=site.organisation, period=year)
            return spread.by(by).groups("energy_facility_kwh")

        model = str(self.run.hardware_id)
        before = asked(By.HARDWARE)[model]
        self.meter(site, self.kwh + 0.001)
        assert asked(By.HARDWARE)[model].high == pytest.approx(before.high, rel=0.001)
        whole = asked(By.SITE)[site.slug]
        assert whole.high == pytest.approx(
            self.kwh * ENERGY_BANDS[Basis.SITE_METER].high, rel=0.002
        )

    def test_behind_an_it_meter_the_pue_is_still_uncertain(self, site):
        self.meter(site, self.kwh, MeasuringPoint.IT)
        found = uncertainty(organisation=site.organisation, period=None)
        assert {"energy", "pue", "factor"} == {one.input for one in found.sources}

    def test_a_month_behind_an_it_meter_says_nothing_of_another(self, site):
        reading = Reading(
            starts_on=JUNE,
            ends_before=date(2026, 7, 1),
            energy_kwh=Decimal(1),
            measuring_point=MeasuringPoint.IT,
        )
        record_reading(site=site, reading=reading, by=None, now=NOW)
        self.meter(site, 2 * self.kwh)
        month = parse_value("2026-05", today=NOW.date())
        found = uncertainty(organisation=site.organisation, period=month)
        assert {"energy", "factor"} == {one.input for one in found.sources}


def test_what_instruments_change_is_as_far_off_as_the_factor_in_whose_place_they_count():
    """Their MWh are known, however far off the power of the runs is."""
    site = make_site(make_organisation())
    make_run(site.organisation, site=site)
    make_instrument(site.organisation, energy_mwh=Decimal("0.001"))
    settle_all()
    found = coverage_within(
        organisation=site.organisation, starts_on=date(2026, 1, 1), ends_before=date(2027, 1, 1)
    )
    band = FIT_BANDS[Fit.ZONE_YEAR]
    assert found.total < 0
    assert found.low / found.total == pytest.approx(band.high, rel=0.005)
    assert found.high / found.total == pytest.approx(band.low, rel=0.005)


def test_fuel_is_as_far_off_as_a_bill():
    site = make_site(make_organisation())
    make_fuel_use(site=site)
    settle_all()
    found = of(site.organisation)
    assert found.total == 250
    assert found.high == pytest.approx(250 * FUEL_BAND.high, rel=0.002)


def test_a_statement_takes_the_place_of_the_runs_uncertainty():
    organisation = make_organisation()
    region = CloudRegion.objects.get(region="us-west-1")
    cloud = make_site(organisation, kind=SiteKind.CLOUD, cloud_region=region, it_control="other")
    make_run(organisation, site=cloud)
    account = make_cloud_account(organisation)
    stated = Stated(
        account.pk, MAY, "v1",
        {"location_based_kg": Decimal(77), "market_based_kg": Decimal(7),
         "scope_3_location_kg": Decimal(0)},
    )  # fmt: skip
    load_statements(
        organisation=organisation, provider=CloudProvider.AWS, stated=[stated], origin=Origin(),
        by=None, now=NOW,
    )  # fmt: skip
    choose_figure(account=account, figure=InventoryFigure.STATEMENT, by=None)
    settle_all()
    found = uncertainty(organisation=organisation, period=None)
    assert found.location_based_kg.total == pytest.approx(77)
    assert found.location_based_kg.high == pytest.approx(77 * STATEMENT_BAND.high, rel=0.01)
    assert [one.name for one in found.sources] == [f"Provider's statement of {cloud.name}"]


def test_runs_and_nodes_and_months_have_their_own():
    organisation = make_organisation()
    node = make_node(site=make_site(organisation))
    first = make_run(organisation, node=node)
    second = make_run(organisation, site=make_site(organisation), duration_hours=99.0)
    of_runs = uncertainty_of_runs(runs=[first, second])
    for run in (first, second):
        assert of_runs[run.pk].location_based_kg == uncertainty_of_run(run=run).location_based_kg
    settle_all()
    may = parse_value("2026-05", today=NOW.date())
    of_node = spread_of_node(node=node, period=may).whole
    assert of_node.energy_facility_kwh.total > of_runs[first.pk].energy_facility_kwh.total
    ((month, _),) = uncertainty_of_periods(
        organisation=organisation, filters=Filters(), periods=[may]
    )
    assert month == uncertainty(organisation=organisation, period=may)


def test_the_parts_of_a_sum_share_their_inputs():
    """Electricity and its losses are off together: their intervals add up, not their squares."""
    organisation = make_organisation()
    make_run(organisation, zone=GridZone.objects.get(code="DE"))
    spread = spread_of(organisation=organisation, period=None)
    scope_2 = (2, None)
    electricity = spread.of_parts([(scope_2, "location_based_kg")])
    twice = spread.of_parts([(scope_2, "location_based_kg"), (scope_2, "location_based_kg")])
    assert twice.high == pytest.approx(2 * electricity.high)
    assert spread.of_parts([((3, 1), "location_based_kg")]).high == 0


class TestAgainstSimulation:
    """Intervals of a ledger against draws of the errors behind its runs, made apart from it.

    Each draw multiplies the energy of a run by errors of its model, its site's PUE, its zone's
    factor and its own: one draw for all that share an input. 4 % of each end is allowed, for the
    formula works with moments.
    """

    SAMPLES = 40_000
    RUNS = (
        # zone, model, site, stated kW, measured
        ("FR", "A", "one", 9.0, False),
        ("FR", "B", "one", 4.0, False),
        ("FR", "A", "two", 2.0, True),
        ("DE", "A", "three", 1.0, False),
        ("DE", "B", "three", 0.5, True),
        ("DE", "B", "three", 0.7, False),
    )

    def test_the_interval_is_that_of_the_draws(self):
        organisation = make_organisation()
        models = {name: make_hardware(name=name) for name in "AB"}
        sites: dict[str, object] = {}
        kilograms = []
        for zone, model, site, kilowatts, measured in self.RUNS:
            if site not in sites:
                place = GridZone.objects.get(code=zone)
                sites[site] = make_site(organisation, place, name=site)
            run = make_run(
                organisation,
                site=sites[site],
                hardware=models[model],
                started_at=datetime(2026, 5, 4, tzinfo=UTC),
                device_count=1.0,
                duration_hours=10.0,
                device_hours=10.0,
                **(
                    {"energy_kwh": 10 * kilowatts, "energy_measured": True}
                    if measured
                    else {"stated_power_watts": 1000 * kilowatts}
                ),
            )
            kilograms.append(float(sum(one.location_based_kg for one in run.entries.all())))
        found = of(organisation)
        assert found.total == pytest.approx(sum(kilograms))

        random = np.random.default_rng(20_261_123)
        factors = self.errors(random, {zone for zone, *_ in self.RUNS}, FIT_BANDS[Fit.ZONE_YEAR])
        pues = self.errors(random, set(sites), PUE_STATED_BAND)
        energy = {
            measured: self.errors(random, {"A", "B"}, ENERGY_BANDS[basis])
            for measured, basis in ((True, Basis.DEVICE_COUNTER), (False, Basis.ESTIMATED))
        }
        draws = np.zeros(self.SAMPLES)
        for kg, (zone, model, site, _, measured) in zip(kilograms, self.RUNS, strict=True):
            basis = Basis.DEVICE_COUNTER if measured else Basis.ESTIMATED
            own = np.exp(random.normal(0.0, OWN_SPREAD[basis], self.SAMPLES))
            draws += kg * factors[zone] * pues[site] * energy[measured][model] * own
        low, high = np.percentile(draws, [2.5, 97.5])
        assert found.low == pytest.approx(low, rel=0.04)
        assert found.high == pytest.approx(high, rel=0.04)
        half = (high - low) / 2 / found.total
        assert (found.high - found.low) / 2 / found.total == pytest.approx(half, rel=0.1)

    def errors(self, random, names, band: Band):
        """Return draws of an input's error for each name: lognormal, each side by its own band."""
        low, high = band.sigmas
        found = {}
        for name in sorted(names):
            standard = random.normal(0.0, 1.0, self.SAMPLES)
            found[name] = np.exp(np.where(standard < 0, low, high) * standard)
        return found


class TestGroups:
    """A group's interval is that of its own lines; all lines as one group are the headline."""

    ALIKE = (By.PROJECT, By.TEAM, By.STAGE, By.STATUS, By.HARDWARE, By.SITE, By.BASIS, By.ZONE)

    @pytest.fixture
    def organisation(self):
        """Runs of two projects, models, places, bases and months, with inputs in common."""
        organisation = make_organisation()
        site = make_site(organisation)
        reference = make_reference()
        projects = [make_project(organisation=organisation) for _ in range(2)]
        models = [make_hardware(name=name) for name in "AB"]
        for number in range(8):
            place = {"site": site} if number % 3 else {"zone": reference["DE"]}
            measured = {"energy_kwh": 70.0 + number, "energy_measured": True}
            make_run(
                organisation,
                project=projects[number % 2],
                hardware=models[number // 4],
                started_at=datetime(2026, 4 + number % 3, 9, tzinfo=UTC),
                stage=Stage.EVALUATION if number % 4 == 0 else Stage.PRE_TRAINING,
                **place,
                **(measured if number in (2, 5) else {}),
            )
        return organisation

    def asked(self, organisation):
        return {"organisation": organisation, "period": parse_value("2026", today=NOW.date())}

    @pytest.mark.parametrize("by", ALIKE)
    def test_groups_have_what_their_lines_give_alone(self, organisation, by):
        """Summed by hand: every line with the errors of its inputs, input by input."""
        found = PeriodSpread(**self.asked(organisation)).by(by)
        lines: dict[str, list[EmissionEntry]] = {}
        dimension = DIMENSIONS[by]
        entries = EmissionEntry.objects.filter(cell__organisation=organisation)
        columns = entries.values_list("pk", *dimension.columns)
        keys = {pk: dimension.name(*values)[0] for pk, *values in columns}
        for one in entries.select_related("cell"):
            lines.setdefault(keys[one.pk], []).append(one)
        assert len(lines) > 1 or by in (By.STATUS, By.TEAM)
        assert set(found.groups("location_based_kg")) == set(lines)
        for key, its in lines.items():
            interval = found.of("location_based_kg", key)
            total = sum(float(one.location_based_annual_kg) for one in its)
            assert interval.total == pytest.approx(total)
            assert interval.low == pytest.approx(by_hand(its, side=0), rel=1e-9), key
            assert interval.high == pytest.approx(by_hand(its, side=1), rel=1e-9), key

    def test_the_group_of_everything_is_the_headline(self, organisation):
        """Months and projects together have the interval of the page's first figure."""
        headline = uncertainty(**self.asked(organisation))
        for by in (By.MONTH, By.PROJECT, By.SITE, By.ZONE):
            ranges = PeriodSpread(**self.asked(organisation)).by(by)
            for name in ("location_based_kg", "energy_facility_kwh"):
                found = ranges.merged(name, dict.fromkeys(ranges.groups(name)))[None]
                assert found.low == pytest.approx(headline.of(name).low, rel=1e-3)
                assert found.high == pytest.approx(headline.of(name).high, rel=1e-3)

    def test_cells_of_a_month_are_parts_of_it(self, organisation):
        spread = PeriodSpread(**self.asked(organisation))
        cells = spread.by_month_and(By.PROJECT)
        for month, interval in spread.by(By.MONTH).groups("location_based_kg").items():
            day = date.fromisoformat(month)
            keys = [key for key in cells.groups("location_based_kg") if key[0] == day]
            assert len(keys) == 2
            found = cells.merged("location_based_kg", dict.fromkeys(keys))[None]
            assert found.total == pytest.approx(interval.total)
            assert found.high == pytest.approx(interval.high, rel=1e-3)

    def test_groups_with_an_input_in_common_are_off_together(self, organisation):
        """Neither their ends add up to those of the whole, nor their squares."""
        ranges = PeriodSpread(**self.asked(organisation)).by(By.PROJECT)
        whole = ranges.whole.location_based_kg
        parts = ranges.groups("location_based_kg").values()
        half = [one.high - one.total for one in parts]
        assert np.sqrt(sum(one**2 for one in half)) < 0.95 * (whole.high - whole.total)
        assert whole.high - whole.total <= sum(half) * 1.001

    def test_another_group_is_no_other_query(self, organisation, django_assert_num_queries):
        before = parse_value("2026-04", today=NOW.date())
        spread = PeriodSpread(**self.asked(organisation), before=before)
        with django_assert_num_queries(2):  # the lines, and which months are metered
            for by in (By.MONTH, By.SITE, By.HARDWARE, By.BASIS, By.SCOPE):
                assert spread.by(by).groups("location_based_kg")
                assert spread.compared(by).change.groups("location_based_kg")
        with django_assert_num_queries(1):
            assert len(spread.by(By.PROJECT).groups("location_based_kg")) == 2
            assert spread.compared(By.PROJECT).before.groups("energy_facility_kwh")
            assert spread.by_month_and(By.PROJECT).groups("location_based_kg")


class TestChange:
    """What two periods share is off in their difference only."""

    def compared(self, organisation, before="2026-04"):
        now, before = (parse_value(one, today=NOW.date()) for one in ("2026-05", before))
        return PeriodSpread(organisation=organisation, period=now, before=before)

    @pytest.fixture
    def organisation(self):
        """The same job in two months, twice as long in the second, beside one that stays."""
        site = make_site(make_organisation())
        for month, hours in ((4, 1e3), (5, 2e3)):
            make_run(
                site.organisation,
                site=site,
                started_at=datetime(2026, month, 2, tzinfo=UTC),
                duration_hours=hours / 10,
                device_hours=hours,
            )
        return site.organisation

    def test_what_shares_all_its_inputs_is_known_better_than_its_two_sides(self, organisation):
        spread = self.compared(organisation)
        now, change = spread.whole.location_based_kg, spread.change.location_based_kg
        before = spread.compared(By.MONTH).before.whole.location_based_kg
        assert change.total == pytest.approx(now.total - before.total)
        apart = np.hypot(now.total - now.low, before.high - before.total)
        assert change.total - change.low < 0.75 * apart
        assert change.low > 0, "clearly more, though the sides' intervals overlap"
        assert now.low < before.high

    def test_a_ratio_is_as_far_off_as_what_its_two_sides_do_not_share(self, organisation):
        found = self.compared(organisation).lines.of_ratio(
            "location_based_kg", "energy_facility_kwh"
        )
        band = FIT_BANDS[Fit.ZONE_YEAR]
        assert found.low / found.total == pytest.approx(band.low, rel=0.005)
        assert found.high / found.total == pytest.approx(band.high, rel=0.005)

    def test_a_period_against_itself_has_not_changed_at_all(self, organisation):
        spread = self.compared(organisation, before="2026-05")
        for name in AMOUNTS:
            found = spread.change.of(name)
            assert (found.total, found.low, found.high) == (0, 0, 0), name
        for by in (By.MONTH, By.PROJECT):
            for found in spread.compared(by).change.groups("location_based_kg").values():
                assert (found.total, found.low, found.high) == (0, 0, 0)
        assert spread.whole.location_based_kg.total > 0
        assert spread.compared(By.MONTH).before.groups("location_based_kg")


def by_hand(lines, *, side):
    """Return one end of the interval of lines: side 0 below, 1 above."""
    variance, total, linear = 0.0, 0.0, {}
    for one in lines:
        cell, kg = one.cell, float(one.location_based_annual_kg)
        basis, fit = Basis(cell.basis), Fit(cell.fit)
        default = cell.assumptions & Assumption.PUE_DEFAULT
        pue = PUE_DEFAULT_BAND if default else PUE_STATED_BAND
        power = None if basis is Basis.DEFAULT else (basis, cell.hardware_id)
        for key, band in (
            (("factor", cell.zone_id), FIT_BANDS[fit]),
            (("energy", power), ENERGY_BANDS[basis]),
            (("pue", None if default else cell.site_id), pue),
        ):
            linear[key] = linear.get(key, 0.0) + kg * band.sigmas[side]
        total += kg
        variance += float(one.independent_variance_kg2)
    variance += sum(one**2 for one in linear.values())
    deviation = np.sqrt(np.log1p(variance / total**2))
    return total * np.exp((2 * side - 1) * Z_95 * deviation)
