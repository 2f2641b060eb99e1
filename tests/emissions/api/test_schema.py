import re
from io import StringIO

import yaml
from django.core.management import call_command

from emissions.api.fields import CALCULATION, RUN
from emissions.api.urls import urlpatterns
from reports.api_urls import urlpatterns as report_patterns


def schema() -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    """The OpenAPI document; a warning about it fails."""
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    document: dict[str, dict[str, dict[str, dict[str, object]]]] = yaml.safe_load(out.getvalue())
    return document


def test_the_document_is_valid_and_complete() -> None:
    document = schema()

    paths = {path for path in document["paths"] if path.startswith("/api/v1/")}
    routes = {
        "/api/v1/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(one.pattern))
        for one in [*urlpatterns, *report_patterns]
        if one.name
    }
    assert paths == routes
    assert "security" not in document["paths"]["/api/v1/calculator/"]["post"]
    assert document["paths"]["/api/v1/runs/"]["post"]["security"] == [{"token": []}]


def test_it_names_every_field_that_is_read() -> None:
    components = schema()["components"]["schemas"]

    assert list(components["CalculatorRun"]["properties"]) == list(CALCULATION)  # type: ignore[call-overload]
    assert list(components["RunRequest"]["properties"]) == list(RUN)  # type: ignore[call-overload]
