"""Name cloud accounts, say which runs are theirs, and choose their figure of the inventory."""

from dataclasses import dataclass, fields
from datetime import datetime

from django.db import transaction

from emissions.calculation.vocabulary import Cause, CloudProvider, InventoryFigure
from emissions.models import CloudAccount, Organisation, Project, Site, Team, User
from emissions.services.audit import snapshot, write_audit_event
from emissions.services.invalidate import cloud_accounts_changed


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Which account it is, and what its runs are narrowed to."""

    provider: CloudProvider
    account_id: str
    name: str
    project: Project | None = None
    team: Team | None = None
    site: Site | None = None


USAGE = tuple(field.name for field in fields(Usage))


@transaction.atomic
def create_cloud_account(
    *, organisation: Organisation, usage: Usage, by: User | None, now: datetime
) -> CloudAccount:
    """Name an account; until somebody chooses, its own estimate is the inventory's figure."""
    account = CloudAccount(organisation=organisation, created_at=now)
    _take(account, usage)
    account.save(force_insert=True)
    write_audit_event(
        organisation=organisation,
        by=by,
        action="cloud account created",
        instance=account,
        after=snapshot(account),
    )
    cloud_accounts_changed(
        organisation=organisation, provider=usage.provider, by=by, reason=f"{account} named"
    )
    return account


@transaction.atomic
def edit_cloud_account(*, account: CloudAccount, usage: Usage, by: User | None) -> CloudAccount:
    """Change an account; which runs are whose moves the differences of its provider's accounts."""
    account = _locked(account)
    before = snapshot(account)
    _take(account, usage)
    after = snapshot(account)
    if before == after:
        return account
    account.save()
    write_audit_event(
        organisation=account.organisation,
        by=by,
        action="cloud account edited",
        instance=account,
        before=before,
        after=after,
    )
    for provider in sorted({before["provider"], after["provider"]}):
        cloud_accounts_changed(
            organisation=account.organisation,
            provider=provider,
            by=by,
            cause=Cause.BOUNDARY,
            reason=f"{account} changed",
        )
    return account


@transaction.atomic
def choose_figure(
    *, account: CloudAccount, figure: InventoryFigure, by: User | None
) -> CloudAccount:
    """Take the provider's statement, or the own estimate, for the inventory; keep the other."""
    account = _locked(account)
    before = account.figure
    if before == figure:
        return account
    account.figure = figure
    account.save(update_fields=["figure"])
    write_audit_event(
        organisation=account.organisation,
        by=by,
        action="cloud account's figure chosen",
        instance=account,
        before={"figure": str(before)},
        after={"figure": str(figure)},
    )
    statement = figure == InventoryFigure.STATEMENT
    cloud_accounts_changed(
        organisation=account.organisation,
        provider=account.provider,
        by=by,
        cause=Cause.ESTIMATE_REPLACED if statement else Cause.METHOD,
        reason=f"{account}: {figure.label}",
    )
    return account


def _locked(account: CloudAccount) -> CloudAccount:
    accounts = CloudAccount.objects.select_for_update(of=("self",), no_key=True)
    return accounts.select_related("organisation").get(pk=account.pk)


def _take(account: CloudAccount, usage: Usage) -> None:
    for name in USAGE:
        setattr(account, name, getattr(usage, name))
