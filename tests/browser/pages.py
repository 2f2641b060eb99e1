"""Which pages there are. test_pages.py compares this list with the URLconf: a new address must be
named here, as a page that the other tests open or as something that is none."""

from collections.abc import Iterator
from dataclasses import dataclass
from string import Template

from django.urls import URLPattern, URLResolver, get_resolver

from tests.browser.stack import Stack

NORDLYS = "/o/nordlys/"


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
        names = template.get_identifiers()
        return template.substitute({name: stack.value(ROWS[name]) for name in names})


QUARTER = "to_char({}, 'YYYY\"-Q\"Q')"
NEXT = "max(starts_on) + interval '3 months'"

#: The rows that pages show, by placeholder.
ROWS = {
    "run": "SELECT max(id) FROM emissions_run WHERE energy_kwh IS NULL AND node_id IS NOT NULL",
    "reading": "SELECT max(id) FROM emissions_meterreading WHERE site_id ="
    " (SELECT id FROM emissions_site WHERE slug = 'frankfurt')",
    "import": "SELECT min(id) FROM emissions_runimport WHERE status = 'ready'",
    "asking": "SELECT min(id) FROM emissions_runimport WHERE status = 'asking'",
    "hardware": "SELECT id FROM emissions_hardwaremodel WHERE name = 'Inference board'",
    "instrument": "SELECT min(id) FROM emissions_energyinstrument",
    "token": "SELECT min(id) FROM emissions_apitoken",
    "factor": "SELECT max(location_factor_id) FROM emissions_cell",
    "factor_set": "SELECT id FROM emissions_factorset WHERE slug = 'eea-2025-11'",
    "load": "SELECT min(id) FROM emissions_factorload",
    "used_set": "SELECT id FROM emissions_factorset WHERE slug = 'egrid-2023'",
    "closed": f"SELECT {QUARTER.format('max(starts_on)')} FROM emissions_closedquarter",
    "next_to_close": f"SELECT {QUARTER.format(NEXT)} FROM emissions_closedquarter",
    "last_to_close": f"SELECT {QUARTER.format('now()')}",
    "account": "SELECT min(id) FROM emissions_cloudaccount",
    "experiment": "SELECT min(experiment_id) FROM emissions_energystream",
    "streamed": "SELECT max(run_id) FROM emissions_energystream",
    "membership": "SELECT min(id) FROM emissions_membership WHERE team_id IS NOT NULL",
}

PAGES = [
    Page("calculator", "/calculator/", person=""),
    Page("calculator", "/calculator/?hardware=nothing+like+it&device_count=1", variant="invalid"),
    Page("organisation", NORDLYS),
    Page("organisation", f"{NORDLYS}?period=2001", variant="nothing"),
    Page("organisation", "/o/empty/", "owner", "empty"),
    Page("behind", f"{NORDLYS}behind/"),
    Page("behind", "/o/empty/behind/", "owner", "empty"),
    Page("team_list", f"{NORDLYS}teams/"),
    Page("team_list", "/o/empty/teams/", "owner", "empty"),
    Page("team", f"{NORDLYS}teams/language/", "manager"),
    Page("project_list", f"{NORDLYS}projects/"),
    Page("project_list", "/o/empty/projects/", "owner", "empty"),
    Page("project", f"{NORDLYS}projects/aurora-base-model/"),
    Page("run_list", f"{NORDLYS}runs/"),
    Page("run_list", f"{NORDLYS}runs/?q=nothing+like+this", variant="nothing"),
    Page("run_list", "/o/empty/runs/", "owner", "empty"),
    Page("unassigned", f"{NORDLYS}runs/unassigned/"),
    Page("unassigned", f"{NORDLYS}runs/unassigned/", "manager", "of-a-team"),
    Page("unassigned", "/o/empty/runs/unassigned/", "owner", "empty"),
    Page("double_list", f"{NORDLYS}runs/doubles/"),
    Page("double_list", "/o/empty/runs/doubles/", "owner", "empty"),
    Page("run_create", f"{NORDLYS}runs/new/", "researcher"),
    Page("import_list", f"{NORDLYS}runs/imports/"),
    Page("import_list", "/o/empty/runs/imports/", "owner", "empty"),
    Page("import_detail", f"{NORDLYS}runs/imports/$import/"),
    Page("import_detail", f"{NORDLYS}runs/imports/$asking/", variant="asking"),
    Page("run", f"{NORDLYS}runs/$run/"),
    Page("run_edit", f"{NORDLYS}runs/$run/edit/"),
    Page("run_delete", f"{NORDLYS}runs/$run/delete/"),
    Page("inventory", f"{NORDLYS}inventory/"),
    Page("inventory", "/o/empty/inventory/", "owner", "empty"),
    Page("site_create", f"{NORDLYS}inventory/new-site/"),
    Page("site", f"{NORDLYS}inventory/sites/lulea/"),
    Page("site", f"{NORDLYS}inventory/sites/aws-virginia/", "researcher", "without-meter"),
    Page("reading_create", f"{NORDLYS}inventory/sites/lulea/readings/new/"),
    Page("reading_upload", f"{NORDLYS}inventory/sites/lulea/readings/upload/"),
    Page("reading_edit", f"{NORDLYS}inventory/sites/frankfurt/readings/$reading/"),
    Page("site_edit", f"{NORDLYS}inventory/sites/frankfurt/edit/"),
    Page("node_create", f"{NORDLYS}inventory/new-node/"),
    Page("node_import", f"{NORDLYS}inventory/import-nodes/"),
    Page("node", f"{NORDLYS}inventory/nodes/lul-a100/"),
    Page("node_edit", f"{NORDLYS}inventory/nodes/fra-v100/edit/"),
    Page("hardware_list", f"{NORDLYS}inventory/hardware/"),
    Page("hardware_create", f"{NORDLYS}inventory/hardware/new/"),
    Page("hardware", f"{NORDLYS}inventory/hardware/$hardware/"),
    Page("hardware_edit", f"{NORDLYS}inventory/hardware/$hardware/edit/"),
    Page("purchase_list", f"{NORDLYS}inventory/bought/"),
    Page("purchase_list", "/o/empty/inventory/bought/", "owner", "empty"),
    Page("cloud_account_list", f"{NORDLYS}inventory/cloud/"),
    Page("cloud_account_list", "/o/empty/inventory/cloud/", "owner", "empty"),
    Page("cloud_account_create", f"{NORDLYS}inventory/cloud/new/"),
    Page("cloud_account_edit", f"{NORDLYS}inventory/cloud/$account/"),
    Page("statement_upload", f"{NORDLYS}inventory/cloud/statement/"),
    Page("statement_upload", "/o/empty/inventory/cloud/statement/", "owner", "empty"),
    Page("fuel_list", f"{NORDLYS}inventory/fuel/"),
    Page("fuel_list", "/o/empty/inventory/fuel/", "owner", "empty"),
    Page("fuel_create", f"{NORDLYS}inventory/fuel/new/"),
    Page("instrument_list", f"{NORDLYS}inventory/instruments/"),
    Page("instrument_list", "/o/empty/inventory/instruments/", "owner", "empty"),
    Page("instrument_create", f"{NORDLYS}inventory/instruments/new/"),
    Page("instrument", f"{NORDLYS}inventory/instruments/$instrument/"),
    Page("instrument_edit", f"{NORDLYS}inventory/instruments/$instrument/edit/"),
    Page("factor_list", f"{NORDLYS}factors/"),
    Page("factor_list", f"{NORDLYS}factors/?q=egrid&all=1", variant="all"),
    Page("factor_list", f"{NORDLYS}factors/?q=nothing+like+this", variant="nothing"),
    Page("factor_zone", f"{NORDLYS}factors/zones/SE/"),
    Page("factor_zone", f"{NORDLYS}factors/zones/MC/", variant="nothing"),
    Page("factor", f"{NORDLYS}factors/values/$factor/"),
    Page("factor_set", f"{NORDLYS}factors/sets/$factor_set/", "officer"),
    Page("factor_set_preview", f"{NORDLYS}factors/sets/$factor_set/preview/", "officer"),
    Page(
        "factor_set_preview",
        f"{NORDLYS}factors/sets/$used_set/preview/?withdraw",
        "officer",
        "withdraw",
    ),
    Page("factor_upload", f"{NORDLYS}factors/load/", "officer"),
    Page("factor_load", f"{NORDLYS}factors/loads/$load/", "officer"),
    Page("report_list", f"{NORDLYS}reports/", "officer"),
    Page("report_list", "/o/empty/reports/", "owner", "empty"),
    Page("quarter_closing", f"{NORDLYS}reports/$closed/closing/", "auditor", "closed"),
    Page("quarter_closing", f"{NORDLYS}reports/$next_to_close/closing/", "officer"),
    Page("quarter_closing", f"{NORDLYS}reports/$last_to_close/closing/", "officer", "refused"),
    Page("quarter_closing", "/o/empty/reports/2026-Q1/closing/", "owner", "empty"),
    Page("settings", f"{NORDLYS}settings/"),
    Page("settings", f"{NORDLYS}settings/", "researcher", "read-only"),
    Page("settings_people", f"{NORDLYS}settings/people/"),
    Page("person_invite", f"{NORDLYS}settings/people/invite/"),
    Page("person_edit", f"{NORDLYS}settings/people/$membership/"),
    Page("settings_teams", f"{NORDLYS}settings/teams/"),
    Page("team_edit", f"{NORDLYS}settings/teams/language/"),
    Page("settings_projects", f"{NORDLYS}settings/projects/"),
    Page("project_create", f"{NORDLYS}settings/new-project/"),
    Page("project_edit", f"{NORDLYS}settings/projects/multimodal-dialogue/"),
    Page("settings_experiments", f"{NORDLYS}settings/experiments/"),
    Page("settings_experiments", "/o/empty/settings/experiments/", "owner", "empty"),
    Page("experiment_create", f"{NORDLYS}settings/new-experiment/"),
    Page("experiment", f"{NORDLYS}settings/experiments/$experiment/"),
    Page("experiment", f"{NORDLYS}settings/experiments/$experiment/", "auditor", "read-only"),
    Page("run", f"{NORDLYS}runs/$streamed/", variant="codecarbon"),
    Page("settings_tokens", f"{NORDLYS}settings/tokens/"),
    Page("settings_token", f"{NORDLYS}settings/tokens/$token/"),
    Page("audit_log", f"{NORDLYS}settings/audit/"),
    Page("account_login", "/accounts/login/", ""),
    Page("account_signup", "/accounts/signup/", ""),
    Page("account_inactive", "/accounts/inactive/", ""),
    Page("account_reset_password", "/accounts/password/reset/", ""),
    Page("account_reset_password_done", "/accounts/password/reset/done/", ""),
    Page("account_reset_password_from_key", "/accounts/password/reset/key/1-a/", ""),
    Page("account_reset_password_from_key_done", "/accounts/password/reset/key/done/", ""),
    Page("account_logout", "/accounts/logout/"),
    Page("account_email", "/accounts/email/", status=404),
    Page("account_change_password", "/accounts/password/change/"),
    Page("account_reauthenticate", "/accounts/reauthenticate/"),
    Page("mfa_index", "/accounts/2fa/"),
    Page("mfa_activate_totp", "/accounts/2fa/totp/activate/"),
    Page("api_docs", "/api/docs/", "", ours=False),
    Page("admin:login", "/admin/login/", "", ours=False),
    Page("not-found", "/no/such/page/", status=404),
    Page("forbidden", f"{NORDLYS}settings/people/", "researcher", status=403),
]

#: What has an address but is no page, and why.
NOT_PAGES = {
    "home": "leads to the calculator or to the organisation",
    "experiment_edit": "POST",
    "site_conditions": "POST",
    "site_archive": "POST",
    "double_find": "POST",
    "double_progress": "a fragment",
    "double_merge": "POST",
    "double_keep": "POST",
    "double_reopen": "POST",
    "alias_add": "POST",
    "alias_remove": "POST",
    "node_export": "a file",
    "reading_delete": "POST",
    "node_row": "a fragment",
    "instrument_retire": "POST",
    "instrument_true_up": "POST",
    "instrument_lapse": "POST",
    "instrument_delete": "POST",
    "instrument_use": "POST",
    "node_place": "POST",
    "cloud_account_figure": "POST",
    "statement_load": "POST",
    "fuel_remove": "POST",
    "node_life": "POST",
    "node_dispose": "POST",
    "adopt_factor_set": "POST",
    "factor_template": "a file",
    "factor_load_progress": "a fragment",
    "factor_load_cancel": "POST",
    "factor_preview_start": "POST",
    "factor_preview_progress": "a fragment",
    "factor_preview_cancel": "POST",
    "withdraw_factor_set": "POST",
    "report_export": "a file",
    "quarter_close": "POST",
    "settings_edit": "POST",
    "person_link": "POST",
    "person_remove": "POST",
    "team_create": "POST",
    "team_archive": "POST",
    "project_assign": "POST",
    "project_archive": "POST",
    "token_revoke": "POST",
    "run_list_csv": "a file",
    "import_template": "a file",
    "import_refused": "a file",
    "import_progress": "a fragment",
    "import_zone": "POST",
    "import_names": "POST",
    "import_start": "POST",
    "import_cancel": "POST",
    "import_undo": "POST",
    "import_discard": "POST",
    "name_forget": "POST",
    "run_preview": "a fragment, sent by POST",
    "run_figures": "a fragment",
    "api_calculator": "the API",
    "api_run_list": "the API",
    "api_run": "the API",
    "api_run_by_external_id": "the API",
    "api_organisation": "the API",
    "api_team_list": "the API",
    "api_team": "the API",
    "api_project_list": "the API",
    "api_project": "the API",
    "api_site_list": "the API",
    "api_site": "the API",
    "api_hardware_model_list": "the API",
    "api_hardware_model": "the API",
    "api_node_list": "the API",
    "api_node": "the API",
    "api_factor_list": "the API",
    "api_factor": "the API",
    "api_token_list": "the API",
    "api_token": "the API",
    "api_totals": "the API",
    "api_import_list": "the API",
    "api_import": "the API",
    "api_report_list": "the API",
    "api_report": "the API",
    "api_report_file": "the API",
    "api_nowhere": "the API",
    **{
        f"codecarbon_{name}": "for CodeCarbon clients"
        for name in (
            "runs",
            "emissions",
            "totals",
            "check",
            "organizations",
            "organization",
            "organization_projects",
            "projects",
            "project",
            "project_experiments",
            "project_tokens",
            "experiments",
            "experiment",
        )
    },
    "api_schema": "a file",
    "account_email_verification_sent": "no addresses are verified",
    "account_confirm_email": "no addresses are verified",
    "unnamed accounts/email/": "what hides account_email",
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
    """Yield the name of each address in the URLconf; the admin's is Django's own.

    An address of the API that stands there without its slash, too, is one address.
    """
    patterns = (resolver or get_resolver()).url_patterns
    named = {str(entry.pattern) for entry in patterns if getattr(entry, "name", None)}
    for entry in patterns:
        if isinstance(entry, URLPattern):
            if not entry.name and f"{entry.pattern}/" in named:
                continue
            yield f"{namespace}{entry.name}" if entry.name else f"unnamed {entry.pattern}"
        elif entry.namespace != "admin":
            yield from addresses(entry, f"{entry.namespace}:" if entry.namespace else namespace)
