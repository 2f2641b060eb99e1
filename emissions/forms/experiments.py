"""Forms for experiments: what trackers name, and where their machines stand."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from emissions.forms.fields import NamedField
from emissions.models import Experiment, Organisation, Project
from emissions.selectors import catalogue


class ExperimentForm(forms.Form):
    """What is said of an experiment's machines."""

    name = forms.CharField(label="Name", max_length=150)
    description = forms.CharField(
        label="Description",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    place = NamedField(
        label="Where its machines stand",
        noun="site, cloud region or grid zone",
        required=False,
        placeholder="Type to search: your site, gcp:europe-west1, France…",
        help_text="What a tracker finds out about its place is not used.",
    )
    cpu_measured = forms.BooleanField(
        label="Processor energy is read from counters",
        required=False,
        help_text="RAPL or a like counter is open to the client on these machines. "
        "CodeCarbon does not say so itself; otherwise it counts as estimated.",
    )
    separate_machines = forms.BooleanField(
        label="Each tracker has a machine of its own",
        required=False,
        help_text="Trackers of a whole machine from one address on the same hardware are taken "
        "to share it, and count once. Alike nodes behind one address do not.",
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        place = self.fields["place"]
        assert isinstance(place, NamedField)
        place.find = lambda text: catalogue.find_place(text, organisation=organisation)
        place.similar = lambda text: catalogue.similar_places(text, organisation=organisation)
        place.widget.options = catalogue.place_options(organisation=organisation)


class NewExperimentForm(ExperimentForm):
    """A new experiment of one of the projects."""

    project = forms.ModelChoiceField(Project.objects.none(), empty_label="Choose a project")

    field_order = ("project",)

    def __init__(self, *args: Any, projects: QuerySet[Project], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["project"].queryset = projects  # type: ignore[attr-defined]


class EditExperimentForm(ExperimentForm):
    """An experiment that is there, and whether its runs were in the wrong place."""

    move_runs = forms.BooleanField(
        label="It was wrong: move the runs that it has already",
        required=False,
        help_text="Otherwise a new place holds for runs that begin from now on.",
    )

    def __init__(self, *args: Any, experiment: Experiment, **kwargs: Any) -> None:
        place = experiment.site or experiment.cloud_region or experiment.zone
        kwargs["initial"] = {
            "name": experiment.name,
            "description": experiment.description,
            "place": str(place) if place else "",
            "cpu_measured": experiment.cpu_measured,
            "separate_machines": experiment.separate_machines,
        }
        super().__init__(*args, organisation=experiment.organisation, **kwargs)
