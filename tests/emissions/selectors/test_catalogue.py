import pytest

from emissions.models import CloudRegion, GridZone, HardwareAlias, HardwareModel
from emissions.selectors.catalogue import (
    find_equipment,
    find_place,
    folded,
    one_hardware,
    slice_advice,
)
from emissions.selectors.named import Named
from emissions.services.imports.names import Names
from emissions.services.load_reference import load_reference
from tests.factories import make_alias, make_hardware, make_organisation, make_reference

pytestmark = pytest.mark.django_db


def test_a_country_comes_before_a_region_of_the_same_name() -> None:
    france = make_reference()["FR"]
    region = CloudRegion.objects.create(provider="azure", region="france", zone=france)
    assert find_place("France", organisation=None) == france
    assert find_place("fr", organisation=None) == france
    assert find_place("azure:france", organisation=None) == region


def test_a_region_is_found_without_its_provider_where_only_one_has_it() -> None:
    region = make_reference()["region"]
    assert find_place("europe-west3", organisation=None) == region
    assert find_place("gcp:europe-west3", organisation=None) == region
    assert find_place("aws:europe-west3", organisation=None) is None


#: As nvidia-smi, Slurm (typed and by NVML), CodeCarbon and model cards print them.
SPELLINGS = {
    "NVIDIA A100-SXM4-80GB": "NVIDIA A100 SXM4 80 GB",
    "nvidia_a100-sxm4-40gb": "NVIDIA A100 SXM4 40 GB",
    "NVIDIA A100 80GB PCIe": "NVIDIA A100 PCIe 80GB",
    "gpu:a100": "NVIDIA A100 SXM4 80 GB",
    "gres/gpu:a100=8": "NVIDIA A100 SXM4 80 GB",
    "gpu:h100:8(S:0-1)": "NVIDIA H100 SXM5 80GB",
    "gres:gpu:h100": "NVIDIA H100 SXM5 80GB",
    "GRES=gpu:v100:4": "NVIDIA Tesla V100 SXM2 16 GB",
    "h100": "NVIDIA H100 SXM5 80GB",
    "NVIDIA H100 80GB HBM3": "NVIDIA H100 SXM5 80GB",
    "8 x Tesla V100-SXM2-32GB": "NVIDIA Tesla V100 SXM2 32 GB",
    "Tesla T4": "NVIDIA Tesla T4",
    "rtx3090": "NVIDIA GeForce RTX 3090",
    "AMD EPYC 7763 64-Core Processor": "AMD EPYC 7763",
    "a100-80g": "NVIDIA A100 SXM4 80 GB",
    "8xA100 GPUs": "NVIDIA A100 SXM4 80 GB",
    "A100 PCIe 40/80GB": "NVIDIA A100 PCIe 40GB",
    "TPUv3 Chip": "Google TPU v3 (chip)",
    "Intel Gaudi 2 Accelerator": "Intel Gaudi 2",
    "AMD Instinct MI300X OAM": "AMD Instinct MI300X",
    "Apple M2 Max": "Apple M2 Max",
}
#: As people, providers and papers write them.
PLACES = {
    "Quebec": "CA-QC",
    "Québec": "CA-QC",
    "California": "US-CA",
    "UK": "GB",
    "Great Britain": "GB",
    "U.S.": "US",
    "United States of America": "US",
    "Korea": "KR",
    "FRA": "FR",
    "us-east-1": "aws:us-east-1",
    "europe-west4": "gcp:europe-west4",
}


def test_places_are_found_the_same_way_everywhere() -> None:
    """“UK” was Azure's region of that name in the form, and nothing in the API or a file."""
    load_reference()
    organisation = make_organisation()
    every, names = Named(None), Names(organisation)
    for text, meant in PLACES.items():
        alone = Named(None, alone=True)
        form = find_place(text, organisation=None)
        if isinstance(form, CloudRegion):
            assert str(form) == meant
            assert every.region(text) == alone.region(text) == form
            assert names.place(text) == (None, form.pk, None)
        else:
            assert isinstance(form, GridZone), text
            assert form.code == meant
            assert every.zone(text) == alone.zone(text) == form.pk
            assert names.place(text) == (None, None, form.pk)


def test_a_slice_of_tpus_is_so_many_chips() -> None:
    assert slice_advice("TPU v3-8").endswith("give TPU v3 and 4 devices.")
    assert slice_advice("v5litepod-16").endswith("give TPU v5e and 16 devices.")
    assert slice_advice("TPU v3") == ""


class TestHardwareIsFoundTheSameWayEverywhere:
    def test_spellings_of_tools(self) -> None:
        load_reference()
        named = Named(None)
        for spelling, name in SPELLINGS.items():
            by_form = find_equipment(spelling, organisation=None)
            assert isinstance(by_form, HardwareModel), spelling
            assert by_form.name == name, spelling
            assert named.hardware(spelling) == by_form.pk, spelling
        assert find_equipment("gpu:8", organisation=None) is None
        assert named.hardware("gpu") is None

    def test_an_organisation_s_own_words_come_first_and_stay_its_own(self) -> None:
        shared = make_reference()["a100"]
        organisation, other = make_organisation(), make_organisation()
        own = make_hardware(organisation=organisation, name="Our A100")
        make_alias(own, spelling="A100")
        make_alias(own, spelling="lab-card")
        for spelling in ("a100", "gpu:A100:4", "LAB card", "our-a100"):
            assert find_equipment(spelling, organisation=organisation) == own
            assert Named(organisation).hardware(spelling) == own.pk
        for someone in (other, None):
            assert find_equipment("a100", organisation=someone) == shared
            assert Named(someone).hardware("a100") == shared.pk
            assert find_equipment("lab-card", organisation=someone) is None
            assert find_equipment("Our A100", organisation=someone) is None

    def test_an_alias_of_a_shared_model_is_the_organisation_s_own(self) -> None:
        shared = make_reference()["h100"]
        organisation = make_organisation()
        HardwareAlias.objects.create(
            organisation=organisation, hardware=shared, spelling="Big", folded=folded("Big")
        )
        assert find_equipment("big", organisation=organisation) == shared
        assert find_equipment("big", organisation=make_organisation()) is None


@pytest.mark.django_db
def test_one_spelling_alone_is_found_as_in_the_whole_catalogue() -> None:
    make_reference()
    ours, theirs = make_organisation(), make_organisation()
    for organisation in (ours, theirs):
        make_hardware(organisation=organisation, name="A-100")
        make_alias(make_hardware(organisation=organisation), spelling="H100")
        make_alias(make_hardware(organisation=organisation, name="Über ẞ 9"), spelling="our board")
    texts = [
        *HardwareModel.objects.values_list("name", flat=True),
        *HardwareAlias.objects.values_list("spelling", flat=True),
        "a 100", "A–100", "gres/gpu:a100:8", "8 x NVIDIA A100 SXM4 80GB", "h_100", "Our\tboard",
        "nothing", "", "%", "'",
    ]  # fmt: skip

    for organisation in (ours, None):
        whole = Named(organisation)
        for text in texts:
            alone = Named(organisation, alone=True)
            assert alone.hardware(text) == whole.hardware(text), (text, organisation)
    known = one_hardware("a 100", organisation=ours)
    assert known is not None
    assert (known.organisation, known.name) == (ours, "A-100")
