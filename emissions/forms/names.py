"""Names that are given once in an organisation."""

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet


def unused(name: str, *, among: QuerySet[Model], noun: str, own: Model | None = None) -> str:
    """Return the name if nothing but `own` has it, in whatever case."""
    others = among.filter(name__iexact=name)
    if own is not None:
        others = others.exclude(pk=own.pk)
    if others.exists():
        raise ValidationError(f"There is a {noun} “{name}” already. Choose another name.")
    return name
