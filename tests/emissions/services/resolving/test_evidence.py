from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Sum

from emissions.calculation.vocabulary import Basis, Boundary, SourceKind
from emissions.models import EmissionEntry, Observation, Run
from emissions.services.estimate import estimate_runs
from emissions.services.record_runs import edit_run
from emissions.services.verify_ledger import verify_ledger
from tests.factories import NOW, calculate_all, make_organisation, make_run, make_site

pytestmark = pytest.mark.django_db


def observation(run: Run, starts: float = 0, hours: float = 10, **values: Any) -> Observation:
    """Return what CodeCarbon saw, from an hour of the run on."""
    begun = run.started_at + timedelta(hours=starts)
    defaults: dict[str, Any] = {
        "source_kind": SourceKind.CODECARBON,
        "source_id": "one",
        "boundary": Boundary.MACHINE,
        "started_at": begun,
        "ended_at": begun + timedelta(hours=hours),
    }
    return Observation(run=run, **{**defaults, **values})


def parts(gpu: float, cpu: float = 0.0, memory: float = 0.0, **values: Any) -> dict[str, Any]:
    return {
        "gpu_energy_kwh": gpu,
        "gpu_basis": Basis.DEVICE_COUNTER,
        "cpu_energy_kwh": cpu,
        "cpu_basis": Basis.ESTIMATED,
        "memory_energy_kwh": memory,
        "memory_basis": Basis.ESTIMATED,
        **values,
    }


def record(*observations: Observation) -> None:
    Observation.objects.bulk_create(observations)
    edit_run(run=observations[0].run, by=None, now=NOW)
    calculate_all()


def posted_kwh(run: Run) -> float:
    rows = EmissionEntry.objects.filter(run=run)
    return float(rows.aggregate(kwh=Sum("energy_it_kwh"))["kwh"])


def basis_of(run: Run) -> Basis:
    """Return the basis of what stands of a run."""
    rows = (
        EmissionEntry.objects.filter(run=run)
        .order_by()
        .values("cell__basis")
        .annotate(kwh=Sum("energy_it_kwh"))
    )
    (basis,) = {row["cell__basis"] for row in rows if row["kwh"]}
    return Basis(basis)


def test_the_sum_of_the_components_supersedes_the_estimate_and_the_ledger_agrees():
    run = make_run()
    assert posted_kwh(run) == pytest.approx(80 * 0.4 * 0.75 * 1.35)
    record(observation(run, **parts(20, 4, 1)))

    assert posted_kwh(run) == pytest.approx(25)
    assert basis_of(run) is Basis.ESTIMATED
    assert verify_ledger(organisation=run.organisation).clean
    (estimate,) = estimate_runs(runs=[run], organisation=run.organisation)
    assert estimate.energy_it_kwh == 25
    assert [step.result for step in estimate.steps[:4]] == [20, 4, 1, 25]


def test_hours_of_one_source_add_up_and_so_do_hosts():
    run = make_run()
    hours = [observation(run, at, 5, host=host, **parts(3)) for at in (0, 5) for host in "ab"]
    record(*hours)

    assert posted_kwh(run) == pytest.approx(12)


def test_whole_machine_rows_of_one_host_that_overlap_are_not_summed():
    run = make_run()
    both = [observation(run, source_id=name, host="n1", **parts(gpu)) for name, gpu in
            (("one", 20.0), ("two", 22.0))]  # fmt: skip
    record(*both)
    assert posted_kwh(run) == pytest.approx(21), "their mean power, for the time they cover"

    Observation.objects.update(boundary=Boundary.DEVICE)
    edit_run(run=run, by=None, now=NOW)
    calculate_all()
    assert posted_kwh(run) == pytest.approx(42), "devices are parts"


def test_another_kind_of_source_is_an_alternative_and_the_better_one_counts():
    run = make_run()
    counted = observation(
        run, source_kind=SourceKind.SACCT, boundary=Boundary.NODE, energy_kwh=40.0,
        energy_basis=Basis.DEVICE_COUNTER,
    )  # fmt: skip
    record(observation(run, **parts(20, 4, 1)), counted)

    assert posted_kwh(run) == pytest.approx(40)
    assert basis_of(run) is Basis.DEVICE_COUNTER
    Observation.objects.filter(source_kind=SourceKind.SACCT).update(superseded_at=NOW)
    edit_run(run=run, by=None, now=NOW)
    calculate_all()
    assert posted_kwh(run) == pytest.approx(25)


def test_components_come_from_different_sources():
    run = make_run()
    dcgm = {"source_kind": SourceKind.PROMETHEUS, "boundary": Boundary.DEVICE}
    record(
        observation(run, gpu_energy_kwh=21.0, gpu_basis=Basis.DEVICE_COUNTER, **dcgm),
        observation(run, **parts(20, 4, 1, gpu_basis=Basis.ESTIMATED)),
    )
    assert posted_kwh(run) == pytest.approx(26)


def test_the_client_s_pue_is_divided_out_and_the_site_s_applied_once():
    organisation = make_organisation()
    run = make_run(organisation, site=make_site(organisation, pue=1.5))
    record(observation(run, energy_includes_pue=True, client_pue=1.25, **parts(20, 5)))
    assert posted_kwh(run) == pytest.approx(20)

    Observation.objects.update(client_pue=None)
    edit_run(run=run, by=None, now=NOW)
    calculate_all()
    assert posted_kwh(run) == pytest.approx(25 / 1.5), "not said: the place's PUE"


def test_evidence_of_a_part_of_the_time_stands_for_all_of_it_as_an_estimate():
    run = make_run()
    whole = {"cpu_basis": Basis.DEVICE_COUNTER, "memory_basis": Basis.DEVICE_COUNTER}
    record(observation(run, hours=5, **parts(10, 2, 1, **whole)))

    assert posted_kwh(run) == pytest.approx(26)
    assert basis_of(run) is Basis.ESTIMATED


def test_an_energy_without_a_basis_is_no_evidence():
    run = make_run()
    before = posted_kwh(run)
    record(observation(run, energy_kwh=999.0))
    assert posted_kwh(run) == before
