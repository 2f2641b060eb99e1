"""Nodes from a file: a template, what the file would change, and the change."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from emissions.forms.uploads import TableUploadForm, pack, salt_of, unpack
from emissions.importers.nodes import COLUMNS, EXAMPLES, MissingColumns, unknown_columns
from emissions.importers.tables import Table
from emissions.permissions import Action, Member, member_required
from emissions.selectors.inventory import node_rows
from emissions.services.import_nodes import (
    NodePlan,
    PlanChanged,
    Verdict,
    apply_nodes,
    export_rows,
    plan_nodes,
)
from emissions.tabular import csv_bytes
from emissions.views.downloads import download
from emissions.views.inventory import inventory_tabs
from emissions.views.today import local_today

TONES = {
    Verdict.NEW: "good",
    Verdict.CHANGED: "info",
    Verdict.UNCHANGED: "",
    Verdict.REFUSED: "bad",
}
STALE = "Nodes were changed meanwhile: look at what the file does now, then apply it."
GONE = "The preview is too old. Upload the file again."


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def node_import(request: HttpRequest, member: Member) -> HttpResponse:
    """Upload a table of nodes, see what it would do, and do it."""
    if request.method == "POST" and "table" in request.POST:
        return _apply(request, member)
    form = TableUploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        table = form.cleaned_data["file"]
        try:
            return _preview(request, member, table, _plan(member, table))
        except MissingColumns as missing:
            form.add_error(
                "file",
                f"There is no column {' or '.join(missing.names)}. Use the template's names.",
            )
    context = {
        "form": form,
        "columns": COLUMNS,
        "tabs": inventory_tabs(member, "inventory"),
    }
    status = 422 if form.errors else 200
    return render(request, "emissions/inventory/node_import.html", context, status=status)


def _apply(request: HttpRequest, member: Member) -> HttpResponse:
    table = unpack(request.POST["table"], salt=salt_of("nodes", member))
    if table is None:
        messages.error(request, GONE)
        return redirect("node_import", organisation_slug=member.organisation.slug)
    try:
        plan = apply_nodes(
            organisation=member.organisation,
            table=table,
            fingerprint=request.POST.get("fingerprint", ""),
            today=local_today(member.organisation),
            by=member.user,
            now=timezone.now(),
        )
    except PlanChanged:
        messages.warning(request, STALE)
        return _preview(request, member, table, _plan(member, table), status=409)
    counts = plan.counts
    messages.info(request, f"{counts['new']} nodes added, {counts['changed']} changed.")
    return redirect("inventory", organisation_slug=member.organisation.slug)


def _plan(member: Member, table: Table) -> NodePlan:
    today = local_today(member.organisation)
    return plan_nodes(organisation=member.organisation, table=table, today=today)


def _preview(
    request: HttpRequest, member: Member, table: Table, plan: NodePlan, *, status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {
        "plan": plan,
        "rows": [(row, TONES[row.verdict]) for row in plan.rows],
        "unknown": unknown_columns(table),
        "table": pack(table, salt=salt_of("nodes", member)),
        "tabs": inventory_tabs(member, "inventory"),
    }
    return render(request, "emissions/inventory/node_preview.html", context, status=status)


@member_required(Action.VIEW_INVENTORY)
@require_safe
def node_export(request: HttpRequest, member: Member) -> HttpResponse:
    """Send the nodes in the columns of the template; ?template=1 sends the empty template."""
    if "template" in request.GET:
        rows: Any = EXAMPLES
        name = "nodes-template"
    else:
        found = node_rows(organisation=member.organisation, on=local_today(member.organisation))
        rows = export_rows(nodes=found)
        name = f"{member.organisation.slug}-nodes"
    return download(csv_bytes(header=list(COLUMNS), rows=rows), f"{name}.csv")
