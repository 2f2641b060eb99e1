"""Who is in the organisation, as what, and how they get in."""

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib import messages
from django.core.mail import send_mail
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from emissions.calculation.vocabulary import Role
from emissions.forms.structure import InvitationForm, RoleForm
from emissions.models import Membership, User
from emissions.permissions import Action, Member, member_required
from emissions.selectors.settings_lists import people
from emissions.services.manage_people import (
    AlreadyMember,
    LastAdmin,
    LinkRefused,
    change_role,
    invite_person,
    issue_password_link,
    may_set_password,
    remove_person,
)
from emissions.views.settings_tabs import settings_tabs

ONLY_ADMIN = "An organisation keeps at least one admin. Make somebody else admin first."


@member_required(Action.MANAGE_PEOPLE)
@require_safe
def settings_people(request: HttpRequest, member: Member) -> HttpResponse:
    """List the members."""
    context = {
        "people": people(organisation=member.organisation),
        "tabs": settings_tabs(member, "settings_people"),
    }
    return render(request, "emissions/settings/people.html", context)


@member_required(Action.MANAGE_PEOPLE)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def person_invite(request: HttpRequest, member: Member) -> HttpResponse:
    """Make somebody a member and show, once, the link with which they choose a password."""
    form = InvitationForm(request.POST or None, organisation=member.organisation)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            membership = invite_person(
                organisation=member.organisation,
                email=data["email"],
                name=data["name"],
                role=Role(data["role"]),
                team=data["team"],
                by=member.user,
                now=timezone.now(),
            )
        except AlreadyMember:
            form.add_error("email", "This person is in the organisation already.")
        else:
            return _invited(request, member, membership)
    context = {"form": form, "tabs": settings_tabs(member, "settings_people")}
    status = 422 if form.errors else 200
    return render(request, "emissions/settings/person_invite.html", context, status=status)


@member_required(Action.MANAGE_PEOPLE)
@require_http_methods(["GET", "HEAD", "POST"])
def person_edit(request: HttpRequest, member: Member, membership_id: int) -> HttpResponse:
    """Change what a person is in the organisation."""
    membership = _member(member, membership_id)
    form = RoleForm(request.POST or None, organisation=member.organisation, membership=membership)
    if request.method == "POST" and form.is_valid():
        try:
            change_role(
                membership=membership,
                role=Role(form.cleaned_data["role"]),
                team=form.cleaned_data["team"],
                by=member.user,
            )
        except LastAdmin:
            form.add_error("role", ONLY_ADMIN)
        else:
            messages.info(request, f"Saved for {membership.user}.")
            return _to_list(member)
    context = {
        "form": form,
        "person": membership,
        "may_set_password": may_set_password(membership),
        "tabs": settings_tabs(member, "settings_people"),
    }
    status = 422 if form.errors else 200
    return render(request, "emissions/settings/person_edit.html", context, status=status)


@member_required(Action.MANAGE_PEOPLE)
@require_POST
@never_cache
def person_link(request: HttpRequest, member: Member, membership_id: int) -> HttpResponse:
    """Show, once, a new link with which a person chooses a password."""
    membership = _member(member, membership_id)
    try:
        user = issue_password_link(membership=membership, by=member.user)
    except LinkRefused:
        messages.error(
            request, f"{membership.user} also signs in elsewhere and asks for a new password there."
        )
        return _to_list(member)
    return _link_page(request, member, membership, _password_url(request, user))


@member_required(Action.MANAGE_PEOPLE)
@require_POST
def person_remove(request: HttpRequest, member: Member, membership_id: int) -> HttpResponse:
    """Take a person out of the organisation."""
    membership = _member(member, membership_id)
    try:
        remove_person(membership=membership, by=member.user)
    except LastAdmin:
        messages.error(request, ONLY_ADMIN)
        return _to_list(member)
    if membership.user == member.user:
        return redirect("home")
    messages.info(request, f"{membership.user} was removed. Their runs stay.")
    return _to_list(member)


def _member(member: Member, membership_id: int) -> Membership:
    members = Membership.objects.filter(organisation=member.organisation)
    return get_object_or_404(members.select_related("user", "team"), pk=membership_id)


def _to_list(member: Member) -> HttpResponse:
    return redirect("settings_people", organisation_slug=member.organisation.slug)


def _invited(request: HttpRequest, member: Member, membership: Membership) -> HttpResponse:
    user = membership.user
    if user.has_usable_password() or not may_set_password(membership):
        messages.info(request, f"{user} was added and signs in as before.")
        return _to_list(member)
    return _link_page(request, member, membership, _password_url(request, user))


def _link_page(
    request: HttpRequest, member: Member, membership: Membership, url: str
) -> HttpResponse:
    context = {
        "person": membership,
        "url": url,
        "mailed": _mail_link(member, membership.user, url),
        "days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
        "tabs": settings_tabs(member, "settings_people"),
    }
    return render(request, "emissions/settings/person_link.html", context)


def _password_url(request: HttpRequest, user: User) -> str:
    kwargs = {
        "uidb36": user_pk_to_url_str(user),
        "key": default_token_generator.make_token(user),
    }
    return request.build_absolute_uri(reverse("account_reset_password_from_key", kwargs=kwargs))


def _mail_link(member: Member, user: User, url: str) -> bool:
    """Send the link where a mail server is configured; return whether it left."""
    if settings.EMAIL_HOST in ("", "localhost"):
        return False
    context = {"organisation": member.organisation, "by": member.user, "url": url}
    text = render_to_string("emissions/settings/invitation.txt", context)
    try:
        return bool(send_mail(f"{member.organisation.name} on Tonne", text, None, [user.email]))
    except OSError:
        return False
