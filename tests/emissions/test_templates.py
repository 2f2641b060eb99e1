"""What a template cannot say of itself."""

import re

import pytest
from django.conf import settings
from django.template import Context, Template

TEMPLATES = sorted(
    path.relative_to(folder).as_posix()
    for folder in settings.TEMPLATES[0]["DIRS"]
    for path in folder.rglob("*.html")
)


def test_a_name_that_a_block_sets_ends_with_it():
    first, second = (
        "{% block a %}{% url 'home' as x %}{% endblock %}",
        "{% block b %}{{ x }}{% endblock %}",
    )
    assert Template(first + second).render(Context()) == ""


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_block_uses_an_address_that_another_one_set(name):
    """It would be empty there: a button that leads nowhere, a link back to the form itself."""
    source = (settings.BASE_DIR / "templates" / name).read_text()
    blocks = re.findall(r"{% block (\w+) %}(.*?){% endblock", source, re.DOTALL)
    made = {block: set(re.findall(r"\bas (\w+_url) %}", body)) for block, body in blocks}
    for block, body in blocks:
        elsewhere = set().union(*(names for other, names in made.items() if other != block))
        used = set(re.findall(r"\b(\w+_url)\b", body)) - made[block]
        assert not used & elsewhere, f"block {block}"
