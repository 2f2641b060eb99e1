"""Make the part of an address that names a thing."""

from django.db.models import Model, QuerySet
from django.utils.text import slugify

#: As long as a SlugField, with room for a number.
LONGEST = 44


def free_slug(*, name: str, among: QuerySet[Model], otherwise: str) -> str:
    """Return a slug for a name that nothing in `among` has.

    A name without a Latin letter becomes `otherwise` ("team"); a second one of a kind gets
    a number.
    """
    stem = slugify(name)[:LONGEST].strip("-") or otherwise
    taken = set(among.filter(slug__startswith=stem).values_list("slug", flat=True))
    if stem not in taken:
        return stem
    number = 2
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"
