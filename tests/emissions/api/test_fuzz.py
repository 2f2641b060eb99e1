"""Whatever a client sends, the API answers: figures or errors, never a failure of its own."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from unittest.mock import patch

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from rest_framework.test import APIClient

from emissions.api.fields import CALCULATION, RUN
from emissions.api.throttles import CalculatorThrottle
from emissions.api.values import Field
from emissions.services.tokens import create_token
from tests.factories import NOW, make_node, make_project, make_reference, make_site

FIGURES = ("energy_it_kwh", "energy_facility_kwh", "location_based_kg", "market_based_kg")
#: Besides anything: what a careless client would send.
LIKELY = st.sampled_from(
    [0, 1, -1, 0.5, 8, 24, 400, 1e5, 1e6, 1e7, 9e9, 1e15, 1e300, 10**400, 2024, 1.1, 0.0, -0.0,
     "A100", "H100", "NVIDIA A100 SXM4 80GB", "FR", "US-CA", "WORLD", "gcp:europe-west3", ":", "",
     "tonne", "mlco2", True, False, None, "2026-03-01T09:00:00Z", "2026-06-01T09:00:00+02:00",
     "0001-01-01T00:00:00+14:00", "completed", "pre_training", "fuzz-site", "fuzz-node", "\x00"]
)  # fmt: skip
START = {"started_at": "2026-03-01T09:00:00Z"}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


FIRST_START = datetime(1990, 1, 1, tzinfo=UTC)
#: What fits a field of a kind, from the smallest to the largest that anybody means.
FITTING = {
    "number": st.sampled_from([0, 5e-324, 0.5, 1, 1.5, 8, 24, 400, 1e6, 9e9]) | st.floats(0, 1e4),
    "whole": st.integers(2015, 2027),
    "flag": st.booleans(),
    "text": st.text(max_size=20),
    "moment": st.integers(0, 1_160_000_000).map(
        lambda seconds: (FIRST_START + timedelta(seconds=seconds)).isoformat()
    ),
}
NAMES = {"hardware": ["A100", "h100"], "zone": ["FR", "US-CA"], "site": ["fuzz-site"],
         "cloud_region": ["gcp:europe-west3"], "node": ["fuzz-node"]}  # fmt: skip
#: What is enough for a row of either kind; more of it may be said.
ENOUGH = st.sampled_from(
    [{"energy_kwh": 1.0}, {"hardware": "A100", "duration_hours": 10}, {"cpu_cores": 8,
      "duration_hours": 2}, {"power_watts": 300, "device_count": 4, "duration_hours": 1}]
)  # fmt: skip


def fitting(field: Field) -> st.SearchStrategy[Any]:
    """Return values of a field that could be right."""
    if field.name in NAMES:
        return st.sampled_from(NAMES[field.name])
    return st.sampled_from(field.choices) if field.choices else FITTING[field.kind]


def rows(fields: dict[str, Field], **needed: Any) -> st.SearchStrategy[Any]:
    """Return rows: mostly plausible, some with anything anywhere, some nothing like a row."""
    names = list(fields)
    more = st.lists(
        st.sampled_from(names).flatmap(
            lambda name: st.tuples(st.just(name), fitting(fields[name]))
        ),
        max_size=4,
    )
    good = st.tuples(ENOUGH, more).map(lambda both: {**needed, **both[0], **dict(both[1])})
    known = st.dictionaries(st.sampled_from(names), LIKELY, max_size=14)
    return st.one_of(
        good, good, good, known, st.dictionaries(st.sampled_from(names) | st.text(), ANYTHING),
        ANYTHING,
    )  # fmt: skip


class Fuzz(TestCase):
    #: How many rows each test sent, and how many of them were right.
    sent: ClassVar[Counter[str]] = Counter()
    right: ClassVar[Counter[str]] = Counter()

    @classmethod
    def tearDownClass(cls) -> None:
        """Fail if what was sent was nearly always refused: then nothing behind was tried."""
        super().tearDownClass()
        for name, number in cls.sent.items():
            assert cls.right[name] > number / 10, (name, number, cls.right[name])

    @classmethod
    def setUpTestData(cls) -> None:
        make_reference()
        project = make_project()
        site = make_site(project.organisation, slug="fuzz-site")
        make_node(site=site, name="fuzz-node")
        cls.plain = create_token(
            organisation=project.organisation, project=project, by=None, now=NOW
        )[1]

    def setUp(self) -> None:
        unlimited = patch.object(CalculatorThrottle, "allow_request", return_value=True)
        unlimited.start()
        self.addCleanup(unlimited.stop)

    @settings(
        max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(rows(CALCULATION), min_size=1, max_size=5))
    @example([{"hardware": "A100", "device_hours": 9e9, "power_share": 1, "pue": 10}])
    @example([{"power_watts": 1e9, "duration_hours": 1e6, "device_count": 1e7}])
    @example([{"energy_kwh": 9e9, "grid_g_per_kwh": 1e5}])
    @example([{"energy_kwh": 0, "pue": 1e-320}, {"cpu_cores": 1e8, "duration_hours": 1e6}])
    @example([{"hardware": "A100", "duration_hours": 5e-324, "device_hours": 9e9}])
    @example([{"energy_kwh": 1, "embodied_kg_per_device": 1e9, "life_years": 5e-324,
               "device_hours": 9e9}])  # fmt: skip
    def test_calculator(self, runs: list[Any]) -> None:
        response = APIClient().post(
            "/api/v1/calculator/", json.dumps({"runs": runs}), content_type="application/json"
        )

        assert response.status_code == 200, response.content
        results = response.json()["results"]
        assert len(results) == len(runs)
        self.sent["calculator"] += len(results)
        for result in results:
            self.right["calculator"] += not result.get("errors")
            assert result.get("errors") or all(0 <= result[name] < 1e10 for name in FIGURES)

    @settings(
        max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(ANYTHING)
    def test_calculator_body(self, body: Any) -> None:
        response = APIClient().post(
            "/api/v1/calculator/", json.dumps(body), content_type="application/json"
        )

        assert response.status_code in (200, 400)

    @settings(
        max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.binary(max_size=60))
    def test_calculator_bytes(self, body: bytes) -> None:
        response = APIClient().post("/api/v1/calculator/", body, content_type="application/json")

        assert response.status_code == 400

    @settings(
        max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(rows(RUN, **START), max_size=4) | rows(RUN, **START))
    @example([{"started_at": "2026-03-01T09:00:00Z", "power_watts": 1e9, "duration_hours": 1e6}])
    @example([{"started_at": "2026-03-01T09:00:00Z", "energy_kwh": 1, "metric_value": 1e300}])
    @example([{"started_at": "2026-03-01T09:00:00Z", "energy_kwh": 5e-324, "tokens": 5e-324}])
    @example([{"started_at": "2026-03-01T09:00:00Z", "node": "fuzz-node", "site": "fuzz-site",
               "duration_hours": 1}])  # fmt: skip
    def test_runs(self, data: Any) -> None:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.plain}")

        response = client.post("/api/v1/runs/", json.dumps(data), content_type="application/json")

        assert response.status_code < 500, response.content
        if isinstance(data, list):
            assert response.status_code == 200
            results = response.json()["results"]
            self.sent["runs"] += len(results)
            self.right["runs"] += sum(one["status"] < 400 for one in results)
