"""Loading a provider's statement: upload, preview with row errors, confirm."""

import hashlib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from emissions.calculation.vocabulary import CloudProvider
from emissions.forms.cloud import StatementForm
from emissions.importers.cells import TableError
from emissions.importers.statements import Figure, Statement, StatementError, read_statement
from emissions.models import CloudAccount, ProviderStatement
from emissions.permissions import Action, Member, member_required
from emissions.selectors.cloud import cloud_accounts
from emissions.services.load_statements import Origin, Stated, UnknownAccount, load_statements
from emissions.views.inventory import inventory_tabs

SALT = "emissions.statement"
DAY = 24 * 3600
SHOWN_ERRORS = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One account and month of a preview: what the file says, and what stands."""

    account: CloudAccount
    figure: Figure
    stands: ProviderStatement | None

    @property
    def location_based_kg(self) -> Decimal | None:
        """What the file states."""
        return self.figure.parts["location_based_kg"]

    @property
    def market_based_kg(self) -> Decimal | None:
        """What the file states."""
        return self.figure.parts["market_based_kg"]

    @property
    def state(self) -> str:
        """Whether loading it changes anything: new, restated or as it stands."""
        if self.stands is None:
            return "new"
        stood = {name: getattr(self.stands, name) for name in self.figure.parts}
        same = stood == self.figure.parts and self.stands.version == self.figure.version
        return "as it stands" if same else "restated"


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def statement_upload(request: HttpRequest, member: Member) -> HttpResponse:
    """Ask for a file, then show what it says; nothing is stored yet."""
    form = StatementForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {
        "form": form,
        "tabs": inventory_tabs(member, "cloud_account_list"),
        "accounts": cloud_accounts(organisation=member.organisation).exists(),
    }
    if request.method == "POST" and form.is_valid():
        content = form.cleaned_data["file"].read()
        try:
            statement = read_statement(
                content, version=form.cleaned_data["version"], month=form.cleaned_data["month"]
            )
        except (TableError, StatementError) as error:
            form.add_error("file", str(error))
        else:
            name = form.cleaned_data["file"].name
            context |= _preview(member, statement, name, hashlib.sha256(content).hexdigest())
            return render(request, "emissions/inventory/statement_preview.html", context)
    status = 422 if form.errors else 200
    return render(request, "emissions/inventory/statement_upload.html", context, status=status)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def statement_load(request: HttpRequest, member: Member) -> HttpResponse:
    """Load what the preview showed."""
    organisation = member.organisation
    try:
        shown = signing.loads(request.POST.get("statement", ""), salt=SALT, max_age=DAY)
        if shown["organisation"] != organisation.pk:
            raise signing.BadSignature
        loaded = load_statements(
            organisation=organisation,
            provider=CloudProvider(shown["provider"]),
            stated=[_stated(one) for one in shown["figures"]],
            origin=Origin(shown["file"], shown["sha256"]),
            by=member.user,
            now=timezone.now(),
        )
    except (signing.BadSignature, UnknownAccount):
        messages.error(request, "This preview is too old or was changed. Upload the file again.")
        return redirect("statement_upload", organisation_slug=organisation.slug)
    messages.info(
        request,
        f"{loaded.new} months are new, {loaded.restated} restated, {loaded.unchanged} as they"
        " stood.",
    )
    return redirect("cloud_account_list", organisation_slug=organisation.slug)


def _preview(member: Member, statement: Statement, name: str, sha256: str) -> dict[str, Any]:
    organisation = member.organisation
    accounts = {
        one.account_id: one
        for one in cloud_accounts(organisation=organisation)
        if one.provider == statement.provider
    }
    standing = {
        (one.account_id, one.month): one
        for one in ProviderStatement.objects.filter(organisation=organisation, superseded_at=None)
    }
    lines, unknown = list[Line](), dict[str, int]()
    for figure, account in _merged(statement.figures, accounts):
        if account is None:
            unknown[figure.account[0]] = unknown.get(figure.account[0], 0) + 1
        else:
            lines.append(Line(account, figure, standing.get((account.pk, figure.month))))
    payload = {
        "organisation": organisation.pk,
        "provider": statement.provider.value,
        "file": name,
        "sha256": sha256,
        "figures": [_packed(one) for one in lines],
    }
    return {
        "statement": statement,
        "lines": lines,
        "unknown": sorted(unknown.items()),
        "errors": statement.errors[:SHOWN_ERRORS],
        "more_errors": max(len(statement.errors) - SHOWN_ERRORS, 0),
        "to_load": sum(1 for one in lines if one.state != "as it stands"),
        "signed": signing.dumps(payload, salt=SALT, compress=True),
    }


def _merged(
    figures: list[Figure], accounts: dict[str, CloudAccount]
) -> list[tuple[Figure, CloudAccount | None]]:
    """Give each figure to the narrowest account that is listed, and add up what meets there."""
    found: dict[tuple[int, date], Figure] = {}
    nobody: list[tuple[Figure, CloudAccount | None]] = []
    owners: dict[tuple[int, date], CloudAccount] = {}
    for figure in figures:
        account = next((accounts[key] for key in figure.account if key in accounts), None)
        if account is None:
            nobody.append((figure, None))
            continue
        key = (account.pk, figure.month)
        owners[key] = account
        if key in found:
            found[key].include(figure)
        else:
            found[key] = figure
    return [*((figure, owners[key]) for key, figure in found.items()), *nobody]


def _packed(line: Line) -> list[Any]:
    figure = line.figure
    return [
        line.account.pk,
        figure.month.isoformat(),
        figure.version,
        {name: None if kg is None else str(kg) for name, kg in figure.parts.items()},
        {name: [str(kg) for kg in sums] for name, sums in figure.services.items()},
    ]


def _stated(packed: list[Any]) -> Stated:
    account_id, month, version, parts, services = packed
    return Stated(
        account_id=account_id,
        month=date.fromisoformat(month),
        version=version,
        parts={name: None if kg is None else Decimal(kg) for name, kg in parts.items()},
        services={name: [Decimal(kg) for kg in sums] for name, sums in services.items()},
    )
