"""The pages of the emissions application, by address."""

from django.urls import URLPattern, URLResolver, path

from emissions.views import (
    audit_log,
    behind,
    calculator,
    cloud_accounts,
    doubles,
    factor_pages,
    factor_sets,
    factor_upload,
    factors,
    fuel,
    hardware,
    home,
    imports,
    instruments,
    inventory,
    machine_pages,
    node_import,
    nodes,
    purchases,
    readings,
    run,
    run_delete,
    run_form,
    run_list,
    settings,
    settings_experiments,
    settings_people,
    settings_projects,
    settings_teams,
    settings_tokens,
    sites,
    statements,
    unassigned,
)
from emissions.views.dashboards import organisation, project, project_list, team, team_list

ORGANISATION = "o/<slug:organisation_slug>/"
RUNS = "o/<slug:organisation_slug>/runs/"
DOUBLE = f"{RUNS}doubles/<int:pair_id>/"
IMPORT = f"{RUNS}imports/<int:import_id>/"
INVENTORY = "o/<slug:organisation_slug>/inventory/"
SITE = f"{INVENTORY}sites/<slug:site_slug>/"
READING = f"{SITE}readings/<int:reading_id>/"
NODE = f"{INVENTORY}nodes/<slug:node_slug>/"
INSTRUMENTS = f"{INVENTORY}instruments/"
INSTRUMENT = f"{INSTRUMENTS}<int:instrument_id>/"
HARDWARE = f"{INVENTORY}hardware/"
CLOUD = f"{INVENTORY}cloud/"
FUEL = f"{INVENTORY}fuel/"
FACTORS = "o/<slug:organisation_slug>/factors/"
FACTOR_LOAD = f"{FACTORS}loads/<int:load_id>/"
FACTOR_PREVIEW = f"{FACTORS}previews/<int:preview_id>/"
FACTOR_SET = f"{FACTORS}sets/<int:factor_set_id>/"
SETTINGS = "o/<slug:organisation_slug>/settings/"
PERSON = f"{SETTINGS}people/<int:membership_id>/"
TEAM_SETTINGS = f"{SETTINGS}teams/<slug:team_slug>/"
EXPERIMENT = f"{SETTINGS}experiments/<int:experiment_id>/"
PROJECT_SETTINGS = f"{SETTINGS}projects/<slug:project_slug>/"
TOKEN = f"{SETTINGS}tokens/<int:token_id>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("calculator/", calculator.calculator, name="calculator"),
    path(RUNS, run_list.run_list, name="run_list"),
    path(f"{RUNS}csv/", run_list.run_list_csv, name="run_list_csv"),
    path(f"{RUNS}new/", run_form.run_create, name="run_create"),
    path(f"{RUNS}preview/", run_form.run_preview, name="run_preview"),
    path(f"{RUNS}unassigned/", unassigned.unassigned, name="unassigned"),
    path(f"{RUNS}doubles/", doubles.double_list, name="double_list"),
    path(f"{RUNS}doubles/find/", doubles.double_find, name="double_find"),
    path(f"{RUNS}doubles/progress/", doubles.double_progress, name="double_progress"),
    path(f"{DOUBLE}merge/", doubles.double_merge, name="double_merge"),
    path(f"{DOUBLE}keep/", doubles.double_keep, name="double_keep"),
    path(f"{DOUBLE}reopen/", doubles.double_reopen, name="double_reopen"),
    path(f"{RUNS}imports/", imports.import_list, name="import_list"),
    path(f"{RUNS}imports/template/", imports.import_template, name="import_template"),
    path(f"{RUNS}imports/names/<int:mapping_id>/forget/", imports.name_forget, name="name_forget"),
    path(IMPORT, imports.import_detail, name="import_detail"),
    path(f"{IMPORT}progress/", imports.import_progress, name="import_progress"),
    path(f"{IMPORT}zone/", imports.import_zone, name="import_zone"),
    path(f"{IMPORT}names/", imports.import_names, name="import_names"),
    path(f"{IMPORT}start/", imports.import_start, name="import_start"),
    path(f"{IMPORT}cancel/", imports.import_cancel, name="import_cancel"),
    path(f"{IMPORT}undo/", imports.import_undo, name="import_undo"),
    path(f"{IMPORT}discard/", imports.import_discard, name="import_discard"),
    path(f"{IMPORT}refused/", imports.import_refused, name="import_refused"),
    path(f"{RUNS}<int:run_id>/", run.run, name="run"),
    path(f"{RUNS}<int:run_id>/figures/", run.run_figures, name="run_figures"),
    path(f"{RUNS}<int:run_id>/edit/", run_form.run_edit, name="run_edit"),
    path(f"{RUNS}<int:run_id>/delete/", run_delete.run_delete, name="run_delete"),
    path(ORGANISATION, organisation.organisation, name="organisation"),
    path(f"{ORGANISATION}behind/", behind.behind, name="behind"),
    path(f"{ORGANISATION}teams/", team_list.team_list, name="team_list"),
    path(f"{ORGANISATION}teams/<slug:team_slug>/", team.team, name="team"),
    path(f"{ORGANISATION}projects/", project_list.project_list, name="project_list"),
    path(f"{ORGANISATION}projects/<slug:project_slug>/", project.project, name="project"),
    path(INVENTORY, inventory.inventory, name="inventory"),
    path(f"{INVENTORY}new-site/", sites.site_create, name="site_create"),
    path(SITE, machine_pages.site, name="site"),
    path(f"{SITE}readings/new/", readings.reading_create, name="reading_create"),
    path(f"{SITE}readings/upload/", readings.reading_upload, name="reading_upload"),
    path(READING, readings.reading_edit, name="reading_edit"),
    path(f"{READING}delete/", readings.reading_delete, name="reading_delete"),
    path(f"{SITE}edit/", sites.site_edit, name="site_edit"),
    path(f"{SITE}conditions/", sites.site_conditions, name="site_conditions"),
    path(f"{SITE}archive/", sites.site_archive, name="site_archive"),
    path(f"{INVENTORY}new-node/", nodes.node_create, name="node_create"),
    path(f"{INVENTORY}import-nodes/", node_import.node_import, name="node_import"),
    path(f"{INVENTORY}export-nodes/", node_import.node_export, name="node_export"),
    path(NODE, machine_pages.node, name="node"),
    path(f"{NODE}edit/", nodes.node_edit, name="node_edit"),
    path(f"{NODE}row/", nodes.node_row, name="node_row"),
    path(f"{NODE}place/", nodes.node_place, name="node_place"),
    path(f"{NODE}life/", nodes.node_life, name="node_life"),
    path(f"{NODE}dispose/", nodes.node_dispose, name="node_dispose"),
    path(INSTRUMENTS, instruments.instrument_list, name="instrument_list"),
    path(f"{INSTRUMENTS}new/", instruments.instrument_create, name="instrument_create"),
    path(f"{INSTRUMENTS}true-up/", instruments.instrument_true_up, name="instrument_true_up"),
    path(INSTRUMENT, instruments.instrument, name="instrument"),
    path(f"{INSTRUMENT}edit/", instruments.instrument_edit, name="instrument_edit"),
    path(f"{INSTRUMENT}retire/", instruments.instrument_retire, name="instrument_retire"),
    path(f"{INSTRUMENT}lapse/", instruments.instrument_lapse, name="instrument_lapse"),
    path(f"{INSTRUMENT}delete/", instruments.instrument_delete, name="instrument_delete"),
    path(f"{INSTRUMENT}use/", instruments.instrument_use, name="instrument_use"),
    path(HARDWARE, hardware.hardware_list, name="hardware_list"),
    path(f"{HARDWARE}new/", hardware.hardware_create, name="hardware_create"),
    path(f"{HARDWARE}<int:hardware_id>/", hardware.hardware, name="hardware"),
    path(f"{HARDWARE}<int:hardware_id>/edit/", hardware.hardware_edit, name="hardware_edit"),
    path(f"{HARDWARE}<int:hardware_id>/aliases/", hardware.alias_add, name="alias_add"),
    path(
        f"{HARDWARE}<int:hardware_id>/aliases/<int:alias_id>/remove/",
        hardware.alias_remove,
        name="alias_remove",
    ),
    path(f"{INVENTORY}bought/", purchases.purchase_list, name="purchase_list"),
    path(CLOUD, cloud_accounts.cloud_account_list, name="cloud_account_list"),
    path(f"{CLOUD}new/", cloud_accounts.cloud_account_create, name="cloud_account_create"),
    path(f"{CLOUD}statement/", statements.statement_upload, name="statement_upload"),
    path(f"{CLOUD}statement/load/", statements.statement_load, name="statement_load"),
    path(f"{CLOUD}<int:account_id>/", cloud_accounts.cloud_account_edit, name="cloud_account_edit"),
    path(
        f"{CLOUD}<int:account_id>/figure/",
        cloud_accounts.cloud_account_figure,
        name="cloud_account_figure",
    ),
    path(FUEL, fuel.fuel_list, name="fuel_list"),
    path(f"{FUEL}new/", fuel.fuel_create, name="fuel_create"),
    path(f"{FUEL}<int:fuel_id>/remove/", fuel.fuel_remove, name="fuel_remove"),
    path(FACTORS, factors.factor_list, name="factor_list"),
    path(f"{FACTORS}zones/<slug:zone_code>/", factor_pages.factor_zone, name="factor_zone"),
    path(f"{FACTORS}values/<int:factor_id>/", factor_pages.factor, name="factor"),
    path(f"{FACTORS}load/", factor_upload.factor_upload, name="factor_upload"),
    path(f"{FACTORS}load/template/", factor_upload.factor_template, name="factor_template"),
    path(FACTOR_LOAD, factor_upload.factor_load, name="factor_load"),
    path(f"{FACTOR_LOAD}progress/", factor_upload.load_progress, name="factor_load_progress"),
    path(f"{FACTOR_LOAD}cancel/", factor_upload.load_cancel, name="factor_load_cancel"),
    path(FACTOR_SET, factor_sets.factor_set, name="factor_set"),
    path(f"{FACTOR_SET}preview/", factor_sets.factor_set_preview, name="factor_set_preview"),
    path(f"{FACTOR_SET}preview/start/", factor_sets.preview_start, name="factor_preview_start"),
    path(
        f"{FACTOR_PREVIEW}progress/",
        factor_sets.preview_progress,
        name="factor_preview_progress",
    ),
    path(f"{FACTOR_PREVIEW}cancel/", factor_sets.preview_cancel, name="factor_preview_cancel"),
    path(f"{FACTOR_SET}adopt/", factor_sets.adopt, name="adopt_factor_set"),
    path(f"{FACTOR_SET}withdraw/", factor_sets.withdraw, name="withdraw_factor_set"),
    path(SETTINGS, settings.settings, name="settings"),
    path(f"{SETTINGS}edit/", settings.settings_edit, name="settings_edit"),
    path(f"{SETTINGS}people/", settings_people.settings_people, name="settings_people"),
    path(f"{SETTINGS}people/invite/", settings_people.person_invite, name="person_invite"),
    path(PERSON, settings_people.person_edit, name="person_edit"),
    path(f"{PERSON}link/", settings_people.person_link, name="person_link"),
    path(f"{PERSON}remove/", settings_people.person_remove, name="person_remove"),
    path(f"{SETTINGS}teams/", settings_teams.settings_teams, name="settings_teams"),
    path(f"{SETTINGS}new-team/", settings_teams.team_create, name="team_create"),
    path(TEAM_SETTINGS, settings_teams.team_edit, name="team_edit"),
    path(f"{TEAM_SETTINGS}archive/", settings_teams.team_archive, name="team_archive"),
    path(f"{SETTINGS}projects/", settings_projects.settings_projects, name="settings_projects"),
    path(f"{SETTINGS}new-project/", settings_projects.project_create, name="project_create"),
    path(PROJECT_SETTINGS, settings_projects.project_edit, name="project_edit"),
    path(f"{PROJECT_SETTINGS}assign/", settings_projects.project_assign, name="project_assign"),
    path(f"{PROJECT_SETTINGS}archive/", settings_projects.project_archive, name="project_archive"),
    path(
        f"{SETTINGS}experiments/",
        settings_experiments.settings_experiments,
        name="settings_experiments",
    ),
    path(
        f"{SETTINGS}new-experiment/",
        settings_experiments.experiment_create,
        name="experiment_create",
    ),
    path(EXPERIMENT, settings_experiments.experiment, name="experiment"),
    path(f"{EXPERIMENT}edit/", settings_experiments.experiment_edit, name="experiment_edit"),
    path(f"{SETTINGS}tokens/", settings_tokens.settings_tokens, name="settings_tokens"),
    path(
        f"{SETTINGS}tokens/<int:token_id>/", settings_tokens.settings_token, name="settings_token"
    ),
    path(
        f"{SETTINGS}tokens/<int:token_id>/revoke/",
        settings_tokens.token_revoke,
        name="token_revoke",
    ),
    path(f"{SETTINGS}audit/", audit_log.audit_log, name="audit_log"),
]
