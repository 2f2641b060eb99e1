import pytest
from django.test import Client

from tests.factories import make_reference

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _reference() -> None:
    make_reference()


def ask(client: Client, **question: object) -> str:
    answer = client.get("/calculator/", question)
    assert answer.status_code == 200
    return answer.content.decode()


def figures(client: Client, **question: object) -> dict[str, float]:
    estimate = client.get("/calculator/", question).context["estimate"]
    return {
        "kg": estimate.location_based_kg,
        "kwh": estimate.energy_facility_kwh,
        "embodied": estimate.embodied_kg,
    }


def test_everybody_sees_an_example(client: Client) -> None:
    page = ask(client)
    assert "An example" in page
    assert "The same energy elsewhere" in page


def test_the_address_is_the_question(client: Client) -> None:
    found = figures(
        client, hardware="A100", device_count=8, duration_hours=10, place="France (FR)",
        power_watts=300, pue=1.2, year=2025,
    )  # fmt: skip
    assert found["kwh"] == pytest.approx(28.8)
    assert found["kg"] == pytest.approx(1.44)


def test_figures_stand_with_their_interval_and_what_it_comes_from(client: Client) -> None:
    question = {"energy_kwh": 100, "duration_hours": 1, "place": "FR", "pue": 1, "year": 2025}
    page = client.get("/calculator/", question)
    pounds = client.get("/calculator/", {**question, "unit": "lb"})
    assert page.content.decode().count('title="95 % interval"') >= 3
    assert page.context["mostly_from"].startswith("Stated power or load of hardware not stated")
    low, high = (
        answer.context["ranges"]["location_based_kg"].split("\xa0") for answer in (page, pounds)
    )
    assert (low[1], high[1]) == ("kg", "lb")
    assert float(high[0].split("–")[0]) == pytest.approx(
        2.2046 * float(low[0].split("–")[0]), rel=0.05
    )


def test_device_hours_are_not_multiplied_again(client: Client) -> None:
    by_clock = figures(client, hardware="A100", device_count=8, duration_hours=10)
    summed = figures(client, hardware="A100", device_count=8, device_hours=80)
    assert by_clock == summed


def test_the_presets_differ(client: Client) -> None:
    question = {"hardware": "A100", "device_count": 1, "duration_hours": 100, "place": "FR"}
    assert figures(client, **question, preset="mlco2")["kwh"] == pytest.approx(40)
    assert figures(client, **question)["kwh"] == pytest.approx(40 * 0.75 * 1.35 * 1.54)


def test_places_may_have_the_apis_names(client: Client) -> None:
    question = {"power_watts": 1000, "duration_hours": 1}
    assert figures(client, **question, zone="SE") == figures(client, **question, place="SE")
    region = figures(client, **question, cloud_region="gcp:europe-west3")
    assert region["kwh"] == pytest.approx(1.1)


def test_strubells_architecture_search_in_pounds(client: Client) -> None:
    question = {
        "device_count": 8, "duration_hours": 274120, "power_watts": 1515.43,
        "power_is_total": "on", "pue": 1.58, "grid_g_per_kwh": 432.73, "unit": "lb",
    }  # fmt: skip
    page = ask(client, **question)
    assert "626,1" in page
    assert "284" in page  # tonnes, beside it
    found = client.get("/calculator/", question).context
    assert found["estimate"].location_based_kg == pytest.approx(626_155 * 0.45359237, rel=1e-3)
    lifetimes = next(one for one in found["everyday"] if one.thing.key == "car_lifetime")
    assert lifetimes.times == pytest.approx(4.97, abs=0.01)


@pytest.mark.parametrize(
    ("kg_per_device", "published"), [(150, 3640), (2500 / 8, 7570)], ids=["gpu", "server"]
)
def test_blooms_embodied_emissions(client: Client, kg_per_device: float, published: float) -> None:
    found = figures(
        client, hardware="A100", device_count=384, device_hours=1_082_990,
        embodied_kg_per_device=kg_per_device, life_years=6, expected_utilisation=85,
    )  # fmt: skip
    assert found["embodied"] == pytest.approx(published, rel=0.005)


def test_blooms_idle_energy(client: Client) -> None:
    found = figures(client, energy_kwh=256_646, pue_included="on", pue=1, grid_g_per_kwh=57)
    assert found["kg"] == pytest.approx(14_600, rel=0.005)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hardware", "Abacus"),
        ("place", "Atlantis"),
        ("device_count", "0"),
        ("duration_hours", "x"),
        ("power_share", "101"),
        ("expected_utilisation", "0"),
        ("life_years", "0"),
        ("pue", "0.5"),
        ("year", "1066"),
        ("embodied_kg_per_device", "-1"),
        ("preset", "guess"),
    ],
)
def test_errors_stand_beside_their_field(client: Client, field: str, value: str) -> None:
    question = {"hardware": "A100", "device_count": 1, "duration_hours": 1, field: value}
    answer = client.get("/calculator/", question)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert "estimate" not in answer.context


def test_htmx_gets_the_answer_alone_and_the_address(client: Client) -> None:
    answer = client.get(
        "/calculator/",
        {"hardware": "A100", "duration_hours": "5", "memory_gb": ""},
        headers={"HX-Request": "true"},
    )
    assert "<html" not in answer.content.decode()
    assert answer["HX-Replace-Url"] == "?hardware=A100&duration_hours=5"
    assert "HX-Request" in answer["Vary"]


def test_the_model_card_counts_in_grams(client: Client) -> None:
    question = {"energy_kwh": 1000, "pue": 1, "grid_g_per_kwh": 50}
    texts = {one.key: one.text for one in client.get("/calculator/", question).context["citations"]}
    assert "emissions: 50000  # grams" in texts["yaml"]
    assert "50.0 kg CO2e" in texts["markdown"]
    assert r"\textsubscript{2}" in texts["latex"]
