"""API tokens: made for a project or a person, shown once, revoked."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from emissions.forms.structure import TokenForm
from emissions.models import ApiToken
from emissions.permissions import Action, Member, member_required
from emissions.selectors.settings_lists import tokens
from emissions.services.tokens import create_token, revoke_token
from emissions.views.settings_tabs import settings_tabs
from emissions.views.snippets import snippets
from emissions.views.today import local_midnight, local_today

#: Stands for a token that was shown before.
PLACEHOLDER = "$TONNE_TOKEN"


@member_required(Action.MANAGE_TOKENS)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def settings_tokens(request: HttpRequest, member: Member) -> HttpResponse:
    """List the tokens; make one and show it on the page that answers, and nowhere else."""
    organisation = member.organisation
    today = local_today(organisation)
    form = TokenForm(request.POST or None, organisation=organisation, today=today)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        day = data["expires_on"]
        token, plain = create_token(
            organisation=organisation,
            project=data["project"],
            person=data["person"],
            scope=data["scope"],
            name=data["name"],
            expires_at=local_midnight(day, organisation) if day else None,
            by=member.user,
            now=timezone.now(),
        )
        return _page(request, member, token, plain=plain)
    context = {
        "form": form,
        "tokens": tokens(organisation=organisation),
        "now": timezone.now(),
        "tabs": settings_tabs(member, "settings_tokens"),
    }
    status = 422 if form.errors else 200
    return render(request, "emissions/settings/tokens.html", context, status=status)


@member_required(Action.MANAGE_TOKENS)
@require_safe
@never_cache
def settings_token(request: HttpRequest, member: Member, token_id: int) -> HttpResponse:
    """Show what a token is and how it is used; the token itself is not known any more."""
    found = tokens(organisation=member.organisation)
    return _page(request, member, get_object_or_404(found, pk=token_id))


def _page(
    request: HttpRequest, member: Member, token: ApiToken, *, plain: str = ""
) -> HttpResponse:
    organisation = member.organisation
    works = token.revoked_at is None and not (
        token.expires_at is not None and token.expires_at <= timezone.now()
    )
    code = snippets(
        url=request.build_absolute_uri(reverse("api_run_list")),
        endpoint=request.build_absolute_uri("/codecarbon"),
        secret=plain or PLACEHOLDER,
        project=token.project,
        organisation=organisation,
        today=local_today(organisation),
    )
    context = {
        "token": token,
        "plain": plain,
        "works": works,
        "snippets": code if works and token.may_add else [],
        "tabs": settings_tabs(member, "settings_tokens"),
    }
    return render(request, "emissions/settings/token.html", context)


@member_required(Action.MANAGE_TOKENS)
@require_POST
def token_revoke(request: HttpRequest, member: Member, token_id: int) -> HttpResponse:
    """Refuse a token from now on."""
    token = get_object_or_404(ApiToken, organisation=member.organisation, pk=token_id)
    revoke_token(token=token, by=member.user, now=timezone.now())
    messages.info(request, f"“{token}” was revoked: whoever uses it is refused from now on.")
    return redirect("settings_tokens", organisation_slug=member.organisation.slug)
