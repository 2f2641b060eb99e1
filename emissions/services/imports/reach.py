"""How far an import goes: which projects its rows may enter, and which runs they may change."""

from dataclasses import dataclass

from emissions.models import Membership, Project, RunImport
from emissions.permissions import Action, Member, Reach, reach


class NoLongerMember(Exception):
    """Whoever uploaded the file has left the organisation."""


@dataclass(frozen=True, slots=True)
class Within:
    """What an import may touch.

    Attributes
    ----------
    projects : frozenset of int
        Projects that rows may enter; archived ones are not among them.
    only_project_id : int or None
        All rows go into this project, whatever they say.
    default_project_id : int or None
        Rows of no known project go here; None is the Unassigned inbox.
    editor_id : int or None
        Only runs that this person recorded may be changed; None: any run of the projects.
    """

    projects: frozenset[int]
    only_project_id: int | None
    default_project_id: int | None
    editor_id: int | None


def reach_of(run_import: RunImport) -> Within:
    """Return what an import may touch now.

    A person's file goes as far as the person's role, at this moment. Without a person it came
    with a project's token, and goes into that project, or from the command line.

    Raises
    ------
    NoLongerMember
        The person has left.
    """
    projects = Project.objects.filter(organisation=run_import.organisation)
    editor_id = None
    if run_import.only_project:
        projects = projects.filter(pk=run_import.project_id or 0)
    elif run_import.created_by_id is not None:
        membership = (
            Membership.objects.select_related("organisation", "team", "user")
            .filter(organisation=run_import.organisation_id, user=run_import.created_by_id)
            .first()
        )
        if membership is None or reach(membership.role, Action.IMPORT_RUNS) is Reach.NONE:
            raise NoLongerMember
        projects = Member(membership).projects(Action.IMPORT_RUNS)
        if reach(membership.role, Action.EDIT_RUNS) is Reach.OWN:
            editor_id = run_import.created_by_id
    allowed = frozenset(projects.filter(archived_at=None).values_list("pk", flat=True))
    return Within(
        allowed,
        run_import.project_id if run_import.only_project else None,
        run_import.project_id,
        editor_id,
    )
