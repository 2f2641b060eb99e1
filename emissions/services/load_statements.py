"""Load what providers state: per account and month; what is restated supersedes what was."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from emissions.calculation.vocabulary import Cause, CloudProvider
from emissions.models import CloudAccount, Organisation, ProviderStatement, User
from emissions.services.audit import write_audit_event
from emissions.services.invalidate import statements_changed


class UnknownAccount(Exception):
    """A figure names an account that the organisation has not."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a provider states for one account and month."""

    account_id: int
    month: date
    version: str
    parts: Mapping[str, Decimal | None]
    services: Mapping[str, list[Decimal]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that the figures come from."""

    file_name: str = ""
    sha256: str = ""


@dataclass(slots=True)
class Loaded:
    """How many accounts' months were new, restated, and as they stood."""

    new: int = 0
    restated: int = 0
    unchanged: int = 0


@transaction.atomic
def load_statements(
    *,
    organisation: Organisation,
    provider: CloudProvider,
    stated: Iterable[Stated],
    origin: Origin,
    by: User | None,
    now: datetime,
) -> Loaded:
    """Keep the figures that are new or differ from what stands.

    Raises
    ------
    UnknownAccount
        An account is not the organisation's, or another provider's.
    """
    accounts = {
        one.pk: one
        for one in CloudAccount.objects.select_for_update(no_key=True)
        .filter(organisation=organisation, provider=provider)
        .order_by("pk")
    }
    current = {
        (one.account_id, one.month): one
        for one in ProviderStatement.objects.filter(organisation=organisation, superseded_at=None)
    }
    loaded, changed = Loaded(), dict[Cause, list[ProviderStatement]]()
    for one in stated:
        if one.account_id not in accounts:
            raise UnknownAccount(one.account_id)
        fresh = _row(organisation, one, origin, by, now)
        stands = current.get((one.account_id, one.month))
        if stands is not None and _same(stands, fresh):
            loaded.unchanged += 1
            continue
        if stands is not None:
            # A clock that runs behind must not end a row before it began.
            stands.superseded_at = max(now, stands.loaded_at)
            stands.save(update_fields=["superseded_at"])
        fresh.save(force_insert=True)
        current[one.account_id, one.month] = fresh
        cause = Cause.PROVIDER_RESTATED if stands else Cause.ESTIMATE_REPLACED
        changed.setdefault(cause, []).append(fresh)
        loaded.restated += stands is not None
        loaded.new += stands is None
    for cause, rows in changed.items():
        statements_changed(organisation=organisation, statements=rows, by=by, cause=cause)
    for account_id in sorted({row.account_id for rows in changed.values() for row in rows}):
        write_audit_event(
            organisation=organisation,
            by=by,
            action="statement loaded",
            instance=accounts[account_id],
            after={
                "file": origin.file_name,
                "months": sorted(
                    {
                        f"{row.month:%Y-%m}"
                        for rows in changed.values()
                        for row in rows
                        if row.account_id == account_id
                    }
                ),
            },
        )
    return loaded


def _row(
    organisation: Organisation, one: Stated, origin: Origin, by: User | None, now: datetime
) -> ProviderStatement:
    return ProviderStatement(
        organisation=organisation,
        account_id=one.account_id,
        month=one.month,
        version=one.version[:64],
        services={name: [str(kg) for kg in sums] for name, sums in one.services.items()},
        file_name=origin.file_name[:150],
        sha256=origin.sha256,
        loaded_by=by,
        loaded_at=now,
        **one.parts,
    )


def _same(one: ProviderStatement, other: ProviderStatement) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in ProviderStatement.FIGURES)
