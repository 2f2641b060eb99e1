"""Reference data comes whole, once, and never changes what is recorded."""

import csv
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from emissions.calculation.vocabulary import FactorKind, FactorRole
from emissions.models import (
    CloudRegion,
    DefaultPue,
    EmissionFactor,
    FactorSet,
    GridLoss,
    GridMix,
    GridZone,
    HardwareAlias,
    HardwareModel,
)
from emissions.selectors.catalogue import find_equipment
from emissions.selectors.lives import BEGINNING, catalogue_lives
from emissions.services import load_reference as module
from emissions.services.load_reference import DATA, ReferenceConflict, Upserted, load_reference


@dataclass
class First:
    """What loading into an empty database said, and how many queries it took."""

    said: str
    queries: int


@pytest.fixture(scope="module")
def first(module_db) -> First:
    out = StringIO()
    with CaptureQueriesContext(connection) as queries:
        call_command("load_reference", stdout=out)
    return First(out.getvalue(), len(queries))


@pytest.fixture(autouse=True)
def _loaded(first, db):
    """Every test finds the tables loaded; what it changes is undone."""


def rows(name, folder=DATA):
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def folder(tmp_path):
    """A copy of the tables that a test may change."""
    return shutil.copytree(DATA, tmp_path / "data")


def change(folder, name, where, /, **values):
    """Write other values into the rows of a table that `where` picks."""
    table = rows(name, folder)
    for row in table:
        if all(row[column] == value for column, value in where.items()):
            row.update(values)
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)


def test_every_row_arrives():
    assert GridZone.objects.count() == len(rows("grid_zones"))
    assert FactorSet.objects.count() == len(rows("factor_sets"))
    assert EmissionFactor.objects.count() == len(rows("emission_factors"))
    assert GridMix.objects.count() == len(rows("grid_mixes"))
    assert GridLoss.objects.count() == len(rows("grid_losses"))
    assert HardwareModel.objects.count() == len(rows("hardware"))
    assert CloudRegion.objects.count() == len(rows("cloud_regions"))
    assert DefaultPue.objects.count() == len(rows("default_pue"))
    assert HardwareAlias.objects.count() == sum(
        len(row["aliases"].split(";")) for row in rows("hardware") if row["aliases"]
    )


def test_a_second_load_writes_nothing(django_assert_max_num_queries):
    with django_assert_max_num_queries(60):
        again = load_reference()
    assert str(again) == "nothing new"


def test_it_writes_tables_and_not_rows(first):
    assert first.queries <= 70


def test_zones_fall_back_to_country_and_world():
    zone = GridZone.objects.get(code="US-VA")
    assert zone.parent.code == "US"
    assert zone.parent.parent.code == "WORLD"
    assert zone.parent.parent.parent is None


def test_a_factor_keeps_its_pedigree():
    factor = EmissionFactor.objects.get(
        factor_set__slug="desnz-2026",
        zone__code="GB",
        role=FactorRole.LOCATION,
        starts_on="2024-01-01",
    )
    assert factor.g_co2e_per_kwh == 207.05
    assert factor.kind == FactorKind.DIRECT
    assert factor.licence == "OGL v3.0"
    assert factor.source_url.startswith("https://www.gov.uk/")
    assert factor.verification == "two copies agree"


def test_equipment_is_found_by_the_spellings_of_machines():
    for spelling in ("a100", "NVIDIA A100-SXM4-80GB", "A100 80GB"):
        found = find_equipment(spelling, organisation=None)
        assert found is not None
        assert found.name == "NVIDIA A100 SXM4 80 GB"


def test_what_is_not_known_stays_empty():
    assert HardwareModel.objects.get(name="NVIDIA L40S").embodied_kg is None
    assert CloudRegion.objects.get(provider="azure", region="uksouth").pue is None


def test_a_changed_factor_is_refused(folder):
    change(
        folder,
        "emission_factors",
        {"factor_set": "eea-2025", "zone": "FR", "starts_on": "2024-01-01"},
        g_co2e_per_kwh="35",
    )
    with pytest.raises(ReferenceConflict, match="eea-2025"):
        load_reference(folder=folder)


def test_a_set_under_another_edition_is_refused(folder):
    change(folder, "factor_sets", {"slug": "egrid-2023"}, edition="eGRID2023 rev3")
    with pytest.raises(ReferenceConflict, match="another edition"):
        load_reference(folder=folder)


def test_changed_losses_are_refused(folder):
    change(folder, "grid_losses", {"zone": "US"}, loss_share="0.06")
    with pytest.raises(ReferenceConflict, match="US"):
        load_reference(folder=folder)


def test_a_changed_mix_is_refused(folder):
    change(folder, "grid_mixes", {"zone": "FR", "starts_on": "2024-01-01"}, fossil_share="0.06")
    with pytest.raises(ReferenceConflict, match="other mixes"):
        load_reference(folder=folder)


def test_nothing_is_kept_of_a_refused_load(folder):
    change(folder, "grid_zones", {"code": "FR"}, name="Gaul")
    change(folder, "grid_losses", {"zone": "US"}, loss_share="0.06")
    with pytest.raises(ReferenceConflict):
        load_reference(folder=folder)
    assert GridZone.objects.get(code="FR").name == "France"


def test_a_corrected_device_is_updated(folder):
    change(folder, "hardware", {"name": "NVIDIA A10G"}, max_watts="300")
    done = load_reference(folder=folder)
    assert done.hardware == Upserted(added=0, changed=1)
    assert HardwareModel.objects.get(name="NVIDIA A10G").max_watts == 300


def test_a_corrected_device_queues_its_runs_only(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "_queue_all", lambda: asked.append("all") or 0)
    monkeypatch.setattr(
        module, "_queue_devices", lambda changed: asked.append([c.name for c in changed]) or 0
    )
    change(folder, "hardware", {"name": "NVIDIA A10G"}, max_watts="300")
    load_reference(folder=folder)
    assert asked == [["NVIDIA A10G"]]


def test_a_changed_default_pue_queues_all_runs(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "_queue_all", lambda: asked.append("all") or 7)
    change(folder, "default_pue", {"entity": "aws", "year": "2025"}, pue="1.13")
    assert load_reference(folder=folder).runs_queued == 7
    assert asked == ["all"]


def test_the_command_says_what_was_new(first):
    assert "zones 499 new" in first.said
    out = StringIO()
    call_command("load_reference", stdout=out)
    assert out.getvalue() == "Reference data: nothing new.\n"


def test_the_command_explains_a_conflict(monkeypatch):
    def refuse(**_):
        raise ReferenceConflict("Factor set x is recorded with other factors.")

    monkeypatch.setattr(
        "emissions.management.commands.load_reference.load_reference", refuse, raising=True
    )
    with pytest.raises(CommandError, match="recorded with other factors"):
        call_command("load_reference")


def test_another_life_of_a_device_acts_from_the_day_it_is_loaded():
    model = HardwareModel.objects.get(name="NVIDIA H100 SXM5 80GB")
    shipped = model.life_years
    HardwareModel.objects.filter(pk=model.pk).update(life_years=9.0)
    load_reference(now=datetime(2025, 12, 31, tzinfo=UTC))
    lives = catalogue_lives({model.pk: shipped})[model.pk]
    assert [(one.starts_on, one.years) for one in lives] == [
        (BEGINNING, 9.0),
        (date(2025, 12, 31), shipped),
    ]
