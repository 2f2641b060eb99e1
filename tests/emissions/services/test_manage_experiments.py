"""Experiments: one default per project, one place each, and runs that can be moved."""

import pytest

from emissions.models import AuditEvent, Experiment, GridZone
from emissions.services.manage_experiments import (
    ExperimentError,
    Setup,
    create_experiment,
    default_experiment,
    edit_experiment,
    setup_at,
)
from emissions.services.streams.fold import fold_streams
from tests.factories import (
    NOW,
    calculate_all,
    make_post,
    make_project,
    make_run,
    make_site,
    make_stream,
)

pytestmark = pytest.mark.django_db


def make_experiment(project, name="Cluster", **setup) -> Experiment:
    return create_experiment(project=project, name=name, setup=Setup(**setup), by=None, now=NOW)


class TestTheDefault:
    def test_there_is_one(self):
        project = make_project()
        first, again = (default_experiment(project=project, by=None, now=NOW) for _ in range(2))
        assert first == again
        assert first.is_default

    def test_it_has_no_place_where_there_are_several(self):
        project = make_project()
        for _ in range(2):
            make_site(project.organisation)
        assert default_experiment(project=project, by=None, now=NOW).site is None

    def test_it_finds_a_name_that_is_free(self):
        project = make_project()
        make_experiment(project, "Default")
        assert default_experiment(project=project, by=None, now=NOW).is_default


class TestWhatIsRefused:
    def test_a_name_twice_in_a_project(self):
        project = make_project()
        make_experiment(project)
        with pytest.raises(ExperimentError, match="has an experiment"):
            make_experiment(project)
        assert make_experiment(make_project(organisation=project.organisation))

    def test_another_organisation_s_site(self):
        with pytest.raises(ExperimentError, match="another organisation"):
            make_experiment(make_project(), site=make_site())

    def test_two_places(self):
        project = make_project()
        zone = GridZone.objects.get(code="FR")
        with pytest.raises(ExperimentError, match="one place"):
            make_experiment(project, site=make_site(project.organisation), zone=zone)

    def test_no_name(self):
        with pytest.raises(ExperimentError, match="a name"):
            make_experiment(make_project(), " ")


class TestEditing:
    @pytest.mark.parametrize("move_runs", [False, True])
    def test_runs_move_only_when_their_place_was_wrong(self, move_runs):
        project = make_project()
        experiment = make_experiment(project)
        stream = make_stream(experiment=experiment)
        make_post(stream)
        fold_streams(now=NOW)
        other = make_run(project=project, calculated=False)
        site = make_site(project.organisation)
        edit_experiment(
            experiment=experiment,
            name="Cluster",
            description="",
            setup=setup_at(site),
            by=None,
            now=NOW,
            move_runs=move_runs,
        )
        calculate_all()
        stream.refresh_from_db()
        other.refresh_from_db()
        assert stream.run.site == (site if move_runs else None)
        assert other.site is None

    def test_it_is_written_down(self):
        experiment = make_experiment(make_project())
        for name in ("Other", "Other"):
            edit_experiment(
                experiment=experiment,
                name=name,
                description="",
                setup=Setup(cpu_measured=True),
                by=None,
                now=NOW,
            )
        event = AuditEvent.objects.get(action="experiment edited")
        assert event.after == {"name": "Other", "cpu_measured": True}
