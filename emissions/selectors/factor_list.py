"""Factor sets an organisation may use, and the factors in them."""

from dataclasses import dataclass

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery

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
    sets = open_sets(organisation=organisation)
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


def open_sets(*, organisation: Organisation) -> QuerySet[FactorSet]:
    """Return the sets that an organisation may look at: the shared ones and its own."""
    return FactorSet.objects.filter(Q(organisation=None) | Q(organisation=organisation))


def open_factors(*, organisation: Organisation) -> QuerySet[EmissionFactor]:
    """Return the factors of the sets that an organisation may look at."""
    return EmissionFactor.objects.filter(
        Q(factor_set__organisation=None) | Q(factor_set__organisation=organisation)
    )


def factors(
    *,
    organisation: Organisation,
    text: str = "",
    year: int | None = None,
    kind: str = "",
    role: str = "",
    factor_set: int | None = None,
    everything: bool = False,
) -> QuerySet[EmissionFactor]:
    """Return factors by place, the latest first: of the sets in use, of one set, or of all.

    Each word of `text` is looked for in the zone's name, the set's name and edition and
    the source, and at the beginning of the zone's code.
    """
    adoption = FactorSetAdoption.objects.filter(
        factor_set=OuterRef("factor_set"), organisation=organisation, withdrawn_at=None
    )
    found = open_factors(organisation=organisation).annotate(
        precedence=Subquery(adoption.values("precedence")[:1])
    )
    if factor_set is not None:
        found = found.filter(factor_set=factor_set)
    elif not everything:
        found = found.filter(precedence__isnull=False)
    for word in text.split():
        found = found.filter(
            Q(zone__name__icontains=word)
            | Q(zone__code__istartswith=word)
            | Q(factor_set__name__icontains=word)
            | Q(factor_set__edition__icontains=word)
            | Q(source__icontains=word)
        )
    if year is not None:
        found = found.filter(starts_on__year=year)
    if kind:
        found = found.filter(kind=kind)
    if role:
        found = found.filter(role=role)
    return found.select_related("zone", "factor_set").order_by(
        "zone__name", "-starts_on", F("precedence").asc(nulls_last=True), "role", "pk"
    )


@dataclass(frozen=True, slots=True)
class Valid:
    """A factor of a zone in the history of its editions."""

    factor: EmissionFactor
    in_use: bool


def history_of_zone(*, organisation: Organisation, zone: GridZone) -> list[Valid]:
    """Return all factors of a zone that the organisation may look at, the latest first."""
    in_use = set(
        FactorSetAdoption.objects.filter(organisation=organisation, withdrawn_at=None).values_list(
            "factor_set", flat=True
        )
    )
    found = (
        open_factors(organisation=organisation)
        .filter(zone=zone)
        .select_related("factor_set", "zone", "site")
        .order_by("-starts_on", "role", "kind", "-factor_set__published_on", "pk")
    )
    return [Valid(factor, factor.factor_set_id in in_use) for factor in found]


def adoptions_of(
    *, organisation: Organisation, factor_set: FactorSet
) -> QuerySet[FactorSetAdoption]:
    """Return when the organisation adopted and withdrew a set, the latest first."""
    return (
        FactorSetAdoption.objects.filter(organisation=organisation, factor_set=factor_set)
        .select_related("adopted_by")
        .order_by("-adopted_at", "-pk")
    )
