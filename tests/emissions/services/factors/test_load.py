"""A file becomes a set, whole and with its source, or nothing of it does."""

from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from emissions.models import AuditEvent, EmissionFactor, FactorSet, FactorSetAdoption, GridZone
from emissions.services.factors.load import (
    FileRejected,
    LoadedAlready,
    Publication,
    SourceMissing,
    load_factor_set,
)
from tests.emissions.importers.factors.test_formats import LICENSED, MAPS, OWID
from tests.factories import NOW, make_organisation, make_reference

pytestmark = pytest.mark.django_db
PUBLICATION = Publication(edition="2026", published_on=date(2026, 5, 1), name="AIB", source="AIB")
MINE = "Entity,Code,Year,Carbon intensity of electricity - gCO2/kWh\nSweden,SWE,2023,25\n"
GOOD = LICENSED + "SE,2024,36.9,residual,,\nFR,2024,41,residual,,\n"


def load(content: str = GOOD, *, publication=PUBLICATION, organisation=None, name="licensed"):
    return load_factor_set(
        organisation=organisation,
        format_name=name,
        content=content.encode(),
        publication=publication,
        by=None,
        now=NOW,
    )


def test_a_file_becomes_a_private_set_that_moves_nothing_yet():
    make_reference()
    organisation = make_organisation()
    loaded = load(organisation=organisation)
    assert loaded.factors == loaded.factor_set.factors.count() == 2
    assert loaded.factor_set.organisation == organisation
    factor = loaded.factor_set.factors.get(zone__code="SE")
    assert (factor.g_co2e_per_kwh, factor.role, factor.source) == (36.9, "residual", "AIB")
    assert not FactorSetAdoption.objects.filter(factor_set=loaded.factor_set).exists()
    event = AuditEvent.objects.get(organisation=organisation, action="factor set loaded")
    assert event.after["factors"] == 2


def test_nothing_is_half_loaded():
    make_reference()
    before = FactorSet.objects.count(), EmissionFactor.objects.count()
    with pytest.raises(FileRejected) as rejected:
        load(GOOD + "XX,2024,1,,,\nDE,2024,-4,,,\n")
    assert [(e.row, e.reason) for e in rejected.value.errors] == [
        (4, "There is no grid zone “XX”."),
        (5, "-4 gives -4 g/kWh, which no grid emits: check the unit."),
    ]
    assert (FactorSet.objects.count(), EmissionFactor.objects.count()) == before


def test_a_zone_may_be_called_by_three_letters_or_by_its_name():
    make_reference()
    head = "zone,year,g_co2e_per_kwh,role\n"
    loaded = load(head + "France,2024,41,residual\nswe,2024,36.9,residual\n")
    codes = loaded.factor_set.factors.values_list("zone__code", flat=True)
    assert sorted(codes) == ["FR", "SE"]
    with pytest.raises(FileRejected) as rejected:
        load(
            head + "FR,2024,41,residual\nFrance,2024,42,residual\nGaul,2024,1,residual\n",
            organisation=make_organisation(),
        )
    reasons = [(error.row, error.reason) for error in rejected.value.errors]
    assert reasons == [
        (3, "FRANCE is FR, which stands in row 2."),
        (4, "There is no grid zone “GAUL”."),
    ]


def test_a_name_that_two_places_have_is_none():
    make_reference()
    for code in ("GE", "US-GA"):
        GridZone.objects.get_or_create(code=code, defaults={"name": "Georgia", "kind": "country"})
    with pytest.raises(FileRejected, match="GEORGIA"):
        load("zone,year,g_co2e_per_kwh\nGeorgia,2024,41\n")


def test_what_grids_are_made_of_becomes_a_set_without_factors():
    make_reference()
    content = "Entity,Code,Year,Nuclear,Fossil fuels,Renewables\nFrance,FRA,2024,68,6,26\n"
    loaded = load(content, name="owid")
    assert loaded.contents == "1 yearly mixes of renewable, nuclear and fossil"
    (mix,) = loaded.factor_set.mixes.all()
    assert (mix.zone.code, mix.renewable_share, mix.licence) == ("FR", 0.26, "CC BY 4.0")
    assert mix.verification == "publisher's file"


def test_own_factors_need_a_source():
    make_reference()
    with pytest.raises(SourceMissing):
        load(publication=Publication(edition="1", published_on=date(2026, 1, 1), name="Own"))


def test_an_edition_is_loaded_once_but_by_each_organisation():
    make_reference()
    ours, theirs = make_organisation(), make_organisation()
    load(organisation=ours)
    load(organisation=theirs)
    with pytest.raises(LoadedAlready):
        load(organisation=ours)


@pytest.mark.parametrize("name", ["", "统计", "n" * 64])
def test_editions_of_a_publisher_with_a_long_name_are_told_apart(name):
    """“Our World in Data, carbon intensity of …” is longer than a set's short name may be."""
    make_reference()
    for edition in ("2024", "2025"):
        publication = Publication(edition=edition, published_on=date(2026, 5, 1), name=name)
        loaded = load(MINE.replace("25", edition[-1]), publication=publication,
                      name="owid")  # fmt: skip
        assert len(loaded.factor_set.slug) <= 64
        with pytest.raises(LoadedAlready):
            load(MINE, publication=publication, name="owid")
    assert FactorSet.objects.filter(edition__in=("2024", "2025")).count() == 2


def test_hours_are_loaded_as_one_array_for_each_zone_year_and_kind():
    make_reference()
    loaded = load(
        MAPS + "2024-01-01 01:00,Sweden,Sweden,SE,13.4,21.5,,,,,\n",
        name="electricity-maps-hourly",
        publication=Publication(edition="2024", published_on=date(2025, 1, 31)),
    )
    assert loaded.contents == "2 years of hours"
    direct = loaded.factor_set.hourly.get(kind="direct")
    assert direct.g_co2e_per_kwh[:3] == [None, 13.4, None]
    assert loaded.factor_set.factors.count() == 0


class TestTheCommand:
    def run(self, path: Path, *args: str) -> str:
        out = StringIO()
        call_command(
            "load_factors", "owid", str(path), "--edition=May 2026", "--published=2026-05-02",
            *args, stdout=out, stderr=StringIO(),
        )  # fmt: skip
        return out.getvalue()

    def test_it_loads_a_shared_set_and_says_what_it_left_out(self, tmp_path):
        make_reference()
        path = tmp_path / "owid.csv"
        path.write_text(OWID.replace("Kosovo,OWID_KOS", "France,FRA"), encoding="utf-8")
        said = self.run(path)
        assert "3 factors" in said
        assert "Left out: 1 rows of groups" in said
        assert FactorSet.objects.get(edition="May 2026").organisation is None

    def test_it_loads_for_one_organisation(self, tmp_path):
        make_reference()
        organisation = make_organisation()
        path = tmp_path / "owid.csv"
        path.write_text(OWID.replace("Kosovo,OWID_KOS", "France,FRA"), encoding="utf-8")
        self.run(path, f"--organisation={organisation.slug}")
        assert FactorSet.objects.get(edition="May 2026").organisation == organisation
        with pytest.raises(CommandError, match="no organisation"):
            self.run(path, "--organisation=nobody")

    def test_it_prints_errors_and_loads_nothing(self, tmp_path):
        make_reference()
        path = tmp_path / "owid.csv"
        path.write_text(OWID, encoding="utf-8")
        with pytest.raises(CommandError, match="1 errors; nothing was loaded"):
            self.run(path)
        with pytest.raises(CommandError, match="cannot be read"):
            self.run(tmp_path / "absent.csv")
