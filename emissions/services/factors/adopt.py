"""Adopt and withdraw factor sets: the only thing about factors that moves a ledger."""

from datetime import datetime

from django.db import transaction

from emissions.models import FactorSet, FactorSetAdoption, Organisation, User
from emissions.services.audit import write_audit_event
from emissions.services.factors.tables import adopted_sets
from emissions.services.invalidate import adoption_changed


class ForeignFactorSet(Exception):
    """The set is private to another organisation."""


class NotAdopted(Exception):
    """The organisation does not use the set."""


@transaction.atomic
def adopt_factor_set(
    *,
    organisation: Organisation,
    factor_set: FactorSet,
    precedence: int,
    by: User | None,
    now: datetime,
) -> FactorSetAdoption:
    """Use a set from now on; the set with the lowest precedence is asked first.

    A set that is adopted already moves to the new precedence; its earlier adoption is
    withdrawn and kept, so that what was in force at any time can be read back.

    Raises
    ------
    ForeignFactorSet
        The set is private to another organisation.
    """
    if factor_set.organisation_id not in (None, organisation.pk):
        raise ForeignFactorSet
    old = _adopted(organisation, factor_set)
    before = adopted_sets(organisation=organisation)
    if old is not None and old.precedence == precedence:
        return old
    if old is not None:
        old.withdrawn_at = now
        old.save(update_fields=["withdrawn_at"])
    adoption = FactorSetAdoption.objects.create(
        organisation=organisation,
        factor_set=factor_set,
        precedence=precedence,
        adopted_at=now,
        adopted_by=by,
    )
    write_audit_event(
        organisation=organisation,
        by=by,
        action="factor set adopted",
        instance=factor_set,
        before={"precedence": old.precedence} if old else None,
        after={"precedence": precedence},
    )
    adoption_changed(organisation=organisation, factor_set=factor_set, before=before, by=by)
    return adoption


@transaction.atomic
def withdraw_factor_set(
    *, organisation: Organisation, factor_set: FactorSet, by: User | None, now: datetime
) -> FactorSetAdoption:
    """Stop using a set from now on.

    Raises
    ------
    NotAdopted
        The organisation does not use it.
    """
    adoption = _adopted(organisation, factor_set)
    if adoption is None:
        raise NotAdopted
    before = adopted_sets(organisation=organisation)
    adoption.withdrawn_at = now
    adoption.save(update_fields=["withdrawn_at"])
    write_audit_event(
        organisation=organisation,
        by=by,
        action="factor set withdrawn",
        instance=factor_set,
        before={"precedence": adoption.precedence},
    )
    adoption_changed(organisation=organisation, factor_set=factor_set, before=before, by=by)
    return adoption


def _adopted(organisation: Organisation, factor_set: FactorSet) -> FactorSetAdoption | None:
    """Lock the organisation, so that changes follow each other; return the adoption in force."""
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    return FactorSetAdoption.objects.filter(
        organisation=organisation, factor_set=factor_set, withdrawn_at__isnull=True
    ).first()
