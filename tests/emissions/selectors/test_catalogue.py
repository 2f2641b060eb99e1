import pytest

from emissions.models import CloudRegion
from emissions.selectors.catalogue import find_place
from tests.factories import make_reference

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
