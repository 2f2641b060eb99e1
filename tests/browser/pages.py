"""Which pages there are. test_pages.py compares this list with the URLconf: a new address must be
named here, as a page that the other tests open or as something that is none."""

from collections.abc import Iterator
from dataclasses import dataclass
from string import Template
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from tests.browser.stack import Stack

ORGANISATION = "/o/nordlys/"


@dataclass(frozen=True)
class Page:
    """A page as somebody opens it; `$run` and the like in the path are known once the demo is.

    `person` is the local part of a demo person's address, "" for a stranger. `status` is what
    the page answers. `ours` is False where the markup is a dependency's, so that we cannot
    mend it.
    """

    name: str
    path: str
    person: str = "admin"
    variant: str = ""
    status: int = 200
    ours: bool = True

    @property
    def id(self) -> str:
        """The page's name in test reports and file names."""
        return "-".join(filter(None, [self.name.replace(":", "-"), self.variant]))

    def address(self, stack: Stack) -> str:
        """Return the path with its placeholders filled."""
        template = Template(self.path)
        return template.substitute({name: known(stack, name) for name in _names(template)})


#: The rows that pages show, by placeholder.
ROWS = {
    "run": "SELECT max(id) FROM emissions_run WHERE energy_kwh IS NULL AND node_id IS NOT NULL",
}


def _names(template: Template) -> list[str]:
    return template.get_identifiers()


def known(stack: Stack, name: str) -> Any:
    """Return the key of the row that a placeholder stands for."""
    return stack.value(ROWS[name])


PAGES = [
    Page("home", "/", person=""),
    Page("calculator", "/calculator/", person=""),
    Page("calculator", "/calculator/", variant="member"),
    Page("organisation", ORGANISATION),
    Page("organisation", f"{ORGANISATION}?period=2001", variant="empty"),
    Page("team_list", f"{ORGANISATION}teams/"),
    Page("team", f"{ORGANISATION}teams/language/"),
    Page("project_list", f"{ORGANISATION}projects/"),
    Page("project", f"{ORGANISATION}projects/aurora-base-model/"),
    Page("run_list", f"{ORGANISATION}runs/"),
    Page("run_list", f"{ORGANISATION}runs/?q=nothing+like+this", variant="empty"),
    Page("run_create", f"{ORGANISATION}runs/new/"),
    Page("run", f"{ORGANISATION}runs/$run/"),
    Page("run_edit", f"{ORGANISATION}runs/$run/edit/"),
    Page("run_delete", f"{ORGANISATION}runs/$run/delete/"),
    Page("account_login", "/accounts/login/", person=""),
    Page("account_signup", "/accounts/signup/", person=""),
    Page("account_inactive", "/accounts/inactive/", person=""),
    Page("account_reset_password", "/accounts/password/reset/", person=""),
    Page("account_reset_password_done", "/accounts/password/reset/done/", person=""),
    Page("account_reset_password_from_key", "/accounts/password/reset/key/1-a/", person=""),
    Page("account_reset_password_from_key_done", "/accounts/password/reset/key/done/", person=""),
    Page("account_logout", "/accounts/logout/"),
    Page("account_email", "/accounts/email/"),
    Page("account_change_password", "/accounts/password/change/"),
    Page("account_reauthenticate", "/accounts/reauthenticate/"),
    Page("mfa_index", "/accounts/2fa/"),
    Page("mfa_activate_totp", "/accounts/2fa/totp/activate/"),
    Page("api_docs", "/api/docs/", person="", ours=False),
    Page("admin:index", "/admin/", ours=False),
    Page("not found", "/no/such/page/", status=404),
]

#: What has an address but is no page, and why.
NOT_PAGES = {
    "run_list_csv": "a file",
    "run_preview": "a fragment, sent by POST",
    "run_figures": "a fragment",
    "api_calculator": "the API",
    "api_run_list": "the API",
    "api_run": "the API",
    "api_schema": "a file",
    "account_email_verification_sent": "no addresses are verified",
    "account_confirm_email": "no addresses are verified",
    "account_set_password": "shown to people without a password only",
    "account_confirm_login_code": "sign-in by code is off",
    "mfa_authenticate": "within a sign-in that waits for its second factor",
    "mfa_reauthenticate": "for people with a second factor",
    "mfa_deactivate_totp": "for people with a second factor",
    "mfa_view_recovery_codes": "for people with a second factor",
    "mfa_generate_recovery_codes": "for people with a second factor",
    "mfa_download_recovery_codes": "a file",
}


def addresses(resolver: URLResolver | None = None, namespace: str = "") -> Iterator[str]:
    """Yield the name of each address in the URLconf; the admin's is Django's own."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name}"
        elif entry.namespace != "admin":
            yield from addresses(entry, f"{entry.namespace}:" if entry.namespace else namespace)
