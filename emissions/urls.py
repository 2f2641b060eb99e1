"""The pages of the emissions application, by address."""

from django.urls import URLPattern, URLResolver, path

from emissions.views import calculator, home, run, run_delete, run_form, run_list
from emissions.views.dashboards import organisation, project, project_list, team, team_list

ORGANISATION = "o/<slug:organisation_slug>/"
RUNS = "o/<slug:organisation_slug>/runs/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("calculator/", calculator.calculator, name="calculator"),
    path(RUNS, run_list.run_list, name="run_list"),
    path(f"{RUNS}csv/", run_list.run_list_csv, name="run_list_csv"),
    path(f"{RUNS}new/", run_form.run_create, name="run_create"),
    path(f"{RUNS}preview/", run_form.run_preview, name="run_preview"),
    path(f"{RUNS}<int:run_id>/", run.run, name="run"),
    path(f"{RUNS}<int:run_id>/figures/", run.run_figures, name="run_figures"),
    path(f"{RUNS}<int:run_id>/edit/", run_form.run_edit, name="run_edit"),
    path(f"{RUNS}<int:run_id>/delete/", run_delete.run_delete, name="run_delete"),
    path(ORGANISATION, organisation.organisation, name="organisation"),
    path(f"{ORGANISATION}teams/", team_list.team_list, name="team_list"),
    path(f"{ORGANISATION}teams/<slug:team_slug>/", team.team, name="team"),
    path(f"{ORGANISATION}projects/", project_list.project_list, name="project_list"),
    path(f"{ORGANISATION}projects/<slug:project_slug>/", project.project, name="project"),
]
