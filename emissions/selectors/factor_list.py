"""Factor sets an organisation may use, and the factors in them."""

from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet

from emissions.models import (
    EmissionFactor,
    FactorSet,
    FactorSetAdoption,
    GridZone,
    Organisation,
)


@dataclass(frozen=True, slots=True)
class SetRow:
    """A factor set, how many factors it has, and whether it is adopted."""

    factor_set: FactorSet
    factors: int
    adoption: FactorSetAdoption | None


def set_rows(*, organisation: Organisation) -> list[SetRow]:
    """Return the sets open to an organisation: those in use in their order, then the others."""
    adopted = {
        adoption.factor_set_id: adoption
        for adoption in FactorSetAdoption.objects.filter(
            organisation=organisation, withdrawn_at=None
        ).select_related("adopted_by")
    }
    sets = FactorSet.objects.filter(Q(organisation=None) | Q(organisation=organisation))
    sizes = dict(
        EmissionFactor.objects.values_list("factor_set").annotate(n=Count("pk")).order_by()
    )
    rows = [
        SetRow(factor_set, sizes.get(factor_set.pk, 0), adopted.get(factor_set.pk))
        for factor_set in sets.order_by("name", "-published_on", "pk")
    ]
    return sorted(
        rows, key=lambda row: (row.adoption is None, row.adoption.precedence if row.adoption else 0)
    )


def factors(
    *,
    organisation: Organisation,
    text: str = "",
    year: int | None = None,
    kind: str = "",
    role: str = "",
    zone: str = "",
    factor_set: str = "",
) -> QuerySet[EmissionFactor]:
    """Return factors of the organisation's sets by place, the latest first.

    `text` is looked for in a zone's name and code, and matches the code of its country.
    """
    found = EmissionFactor.objects.filter(
        factor_set__adoptions__organisation=organisation,
        factor_set__adoptions__withdrawn_at=None,
    )
    for word in text.split():
        found = found.filter(Q(zone__name__icontains=word) | Q(zone__code__istartswith=word))
    if zone:
        found = found.filter(zone__code=zone)
    if year is not None:
        found = found.filter(starts_on__year=year)
    if kind:
        found = found.filter(kind=kind)
    if role:
        found = found.filter(role=role)
    if factor_set:
        found = found.filter(factor_set__slug=factor_set)
    return (
        found.select_related("zone", "factor_set")
        .annotate(precedence=F("factor_set__adoptions__precedence"))
        .order_by("zone__name", "-starts_on", "precedence", "role", "pk")
    )


def zone_of(*, code: str) -> GridZone | None:
    """Return a grid zone by its code."""
    return GridZone.objects.select_related("parent").filter(code=code).first() if code else None
