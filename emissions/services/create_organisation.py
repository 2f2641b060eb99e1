"""Found an organisation with the factor sets that everyone starts with."""

from datetime import datetime

from django.db import transaction

from emissions.models import FactorSet, FactorSetAdoption, Organisation, User
from emissions.services.audit import write_audit_event


@transaction.atomic
def create_organisation(
    *, name: str, slug: str, time_zone: str, by: User | None, now: datetime
) -> Organisation:
    """Create an organisation; it adopts the shared sets that have a default precedence."""
    organisation = Organisation.objects.create(
        name=name, slug=slug, time_zone=time_zone, created_at=now
    )
    defaults = FactorSet.objects.filter(
        organisation__isnull=True, default_precedence__isnull=False
    ).order_by("default_precedence", "pk")
    FactorSetAdoption.objects.bulk_create(
        FactorSetAdoption(
            organisation=organisation,
            factor_set=factor_set,
            precedence=factor_set.default_precedence or 0,
            adopted_at=now,
            adopted_by=by,
        )
        for factor_set in defaults
    )
    write_audit_event(
        organisation=organisation,
        by=by,
        action="organisation created",
        instance=organisation,
        after={
            "name": name,
            "time_zone": time_zone,
            "factor_sets": [factor_set.slug for factor_set in defaults],
        },
    )
    return organisation
