"""A node: what it is, where it stood from when, and that it left."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from emissions.calculation.vocabulary import Tenure
from emissions.forms.nodes import (
    DisposalForm,
    LifeForm,
    NewNodeForm,
    NodeForm,
    NodeRowForm,
    PlacementForm,
)
from emissions.models import Node, NodePlacement, Site
from emissions.permissions import Action, Member, member_required
from emissions.selectors.inventory import life_history, placement_history
from emissions.selectors.inventory import node_row as inventory_row
from emissions.selectors.lives import lives_of_node
from emissions.services.change_life import set_life
from emissions.services.manage_nodes import create_node, dispose_node, edit_node, place_node
from emissions.views.inventory import inventory_tabs
from emissions.views.today import local_today, start_of_year


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def node_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Create a node and place it."""
    since = start_of_year(local_today(member.organisation))
    form = NewNodeForm(request.POST or None, organisation=member.organisation, today=since)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        node = create_node(
            organisation=member.organisation,
            name=data["name"],
            machine=form.machine(),
            site=data["site"],
            owner=data["owner"],
            tenure=Tenure(data["tenure"]),
            starts_on=data["starts_on"],
            life_years=data["life_years"],
            by=member.user,
            now=timezone.now(),
        )
        messages.info(request, f"Node {node} was created.")
        return redirect("inventory", organisation_slug=member.organisation.slug)
    context = {
        "form": form,
        "sites": Site.objects.filter(organisation=member.organisation, archived_at=None).exists(),
        "tabs": inventory_tabs(member, "inventory"),
    }
    status = 422 if form.errors else 200
    return render(request, "emissions/inventory/node_create.html", context, status=status)


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def node_edit(request: HttpRequest, member: Member, node_slug: str) -> HttpResponse:
    """Show where a node stood; change what it is."""
    node = _node(member, node_slug)
    form = NodeForm(request.POST or None, organisation=member.organisation, node=node)
    if request.method == "POST" and form.is_valid():
        edit_node(node=node, name=form.cleaned_data["name"], machine=form.machine(), by=member.user)
        messages.info(request, "Saved.")
        return _to_node(node)
    return _page(request, member, node, form=form)


@member_required(Action.EDIT_INVENTORY)
@require_http_methods(["GET", "HEAD", "POST"])
def node_row(request: HttpRequest, member: Member, node_slug: str) -> HttpResponse:
    """Show a node's row of the list; ?edit=1 shows it to be edited, POST saves it.

    What is wrong comes with 200: htmx leaves the page as it is after an error.
    """
    node, today = _node(member, node_slug), local_today(member.organisation)
    data = request.POST if request.method == "POST" else None
    form = NodeRowForm(data, organisation=member.organisation, node=node, prefix=node.slug)
    if data is not None and form.is_valid():
        name = form.cleaned_data["name"]
        node = edit_node(node=node, name=name, machine=form.machine(), by=member.user)
        data = None
    context = {"row": inventory_row(node=node, on=today), "form": form, "focus": True}
    editing = data is not None or "edit" in request.GET
    template = "_node_row_form" if editing else "_node_row"
    return render(request, f"emissions/inventory/{template}.html", context)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def node_place(request: HttpRequest, member: Member, node_slug: str) -> HttpResponse:
    """Place a node from a day on."""
    node = _node(member, node_slug)
    form = PlacementForm(
        request.POST, organisation=member.organisation, today=local_today(member.organisation)
    )
    if not form.is_valid():
        return _page(request, member, node, placement_form=form)
    data = form.cleaned_data
    fact = place_node(
        node=node,
        site=data["site"],
        owner=data["owner"],
        tenure=Tenure(data["tenure"]),
        starts_on=data["starts_on"],
        by=member.user,
        now=timezone.now(),
    )
    messages.info(request, f"{node} stands at {fact.site} from {fact.starts_on:%-d %B %Y}.")
    return _to_node(node)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def node_life(request: HttpRequest, member: Member, node_slug: str) -> HttpResponse:
    """Change how long a node is to serve, from a day on."""
    node = _node(member, node_slug)
    today = local_today(member.organisation)
    form = LifeForm(request.POST, node=node, lives=lives_of_node(node), today=today)
    if not form.is_valid():
        return _page(request, member, node, life_form=form)
    years, day = form.cleaned_data["life_years"], form.cleaned_data["life_from"]
    set_life(node=node, life_years=years, starts_on=day, by=member.user, now=timezone.now())
    messages.info(request, "Saved. What its life moves is calculated again.")
    return _to_node(node)


@member_required(Action.EDIT_INVENTORY)
@require_POST
def node_dispose(request: HttpRequest, member: Member, node_slug: str) -> HttpResponse:
    """Record that a node left."""
    node = _node(member, node_slug)
    form = DisposalForm(request.POST, node=node, today=local_today(member.organisation))
    if not form.is_valid():
        return _page(request, member, node, disposal_form=form)
    dispose_node(
        node=node,
        disposed_on=form.cleaned_data["disposed_on"],
        by=member.user,
        now=timezone.now(),
    )
    return redirect("inventory", organisation_slug=member.organisation.slug)


def _node(member: Member, node_slug: str) -> Node:
    nodes = Node.objects.select_related("hardware", "organisation")
    return get_object_or_404(nodes, organisation=member.organisation, slug=node_slug)


def _to_node(node: Node) -> HttpResponse:
    return redirect("node_edit", organisation_slug=node.organisation.slug, node_slug=node.slug)


def _page(
    request: HttpRequest,
    member: Member,
    node: Node,
    *,
    form: NodeForm | None = None,
    placement_form: PlacementForm | None = None,
    life_form: LifeForm | None = None,
    disposal_form: DisposalForm | None = None,
) -> HttpResponse:
    organisation, today = member.organisation, local_today(member.organisation)
    facts = NodePlacement.objects.current().on(today).filter(node=node)
    current = facts.select_related("site", "owner").first()
    lives = lives_of_node(node)
    context = {
        "node": node,
        "current": current,
        "today": today,
        "form": form or NodeForm(organisation=organisation, node=node),
        "placement_form": placement_form
        or PlacementForm(organisation=organisation, today=today, placement=current),
        "lives": lives,
        "life": lives.on(today),
        "life_form": life_form or LifeForm(node=node, lives=lives, today=today),
        "life_history": life_history(node=node),
        "disposal_form": disposal_form or DisposalForm(node=node, today=today),
        "history": placement_history(node=node),
        "tabs": inventory_tabs(member, "inventory"),
    }
    forms = (form, placement_form, life_form, disposal_form)
    invalid = any(one is not None and one.errors for one in forms)
    return render(
        request, "emissions/inventory/node_edit.html", context, status=422 if invalid else 200
    )
