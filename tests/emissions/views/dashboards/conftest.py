from datetime import UTC, datetime
from unittest import mock

import pytest

from emissions.calculation.vocabulary import Role
from tests.factories import make_member
from tests.scenarios import Laboratory

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock():
    with mock.patch("django.utils.timezone.now", return_value=NOW):
        yield NOW


@pytest.fixture
def lab(client, laboratory) -> Laboratory:
    client.force_login(make_member(Role.AUDITOR, organisation=laboratory.organisation).user)
    return laboratory
