"""Logging a run: a short form, and all the rest under "Advanced"."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Q

from emissions.calculation.vocabulary import RunStatus, Stage
from emissions.forms.fields import LocalDateTimeField, NamedField, NumberField, PercentField
from emissions.models import CloudRegion, GridZone, Node, Project, Run, Site
from emissions.models.choices import choices
from emissions.permissions import Action, Member
from emissions.selectors import catalogue
from emissions.services.check_run import check_run, complete_run

#: What the next run most likely shares with the last one.
KEPT = (
    "stage", "status", "device_count", "cpu_cores", "cpu_watts_per_core", "memory_gb", "stated_pue",
    "sweep", "ai_model",
)  # fmt: skip
#: Columns of Run that are fields of the form under the same name.
PLAIN = (
    "name", "stage", "status", "device_count", "started_at", "duration_hours", "device_hours",
    "energy_kwh", "energy_includes_pue", "energy_measured", "power_share", "utilisation",
    "stated_power_watts", "cpu_cores", "cpu_watts_per_core", "memory_gb", "stated_pue",
    "stated_factor_g_per_kwh", "stated_factor_source", "external_id", "ai_model", "sweep",
    "tokens", "flop", "metric_name", "metric_value", "notes",
)  # fmt: skip
#: check_run's names of things that the form asks for together.
SHOWN_AT = {
    "hardware": "equipment", "node": "equipment", "site": "place", "cloud_region": "place",
    "zone": "place",
}  # fmt: skip
TYPICAL_HOURS = 24
EXPERIMENT = "Experiment"
TAKEN = "Another run of this project has this ID."


def text(label: str, *, help_text: str = "", longest: int = 200) -> forms.CharField:
    """Return an optional line of text."""
    return forms.CharField(
        label=label, help_text=help_text, required=False, max_length=longest, strip=True
    )


class RunForm(forms.Form):
    """A run as a researcher states it; `save` hands unsaved columns to the services."""

    project = forms.ModelChoiceField(Project.objects.none(), empty_label="Choose a project")
    name = forms.CharField(
        label="What was trained",
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "e.g. ViT-L/16 on our images, seed 3"}),
    )
    stage = forms.ChoiceField(label="Life-cycle stage", choices=choices(Stage))
    status = forms.ChoiceField(choices=choices(RunStatus), help_text="How it ended.")

    equipment = NamedField(
        label="Hardware",
        noun="hardware",
        required=False,
        placeholder="Type to search: H100, TPU v4, a node…",
        help_text="From the catalogue, or one of your nodes.",
    )
    device_count = NumberField(
        label="Number of devices",
        initial=1,
        help_text="Working at the same time: all GPUs of the run, over all machines.",
    )
    started_at = LocalDateTimeField(label="Start")
    duration_hours = NumberField(
        label="Wall-clock hours",
        unit="h",
        help_text="From start to end, by the clock. Will be multiplied by the number of devices.",
    )
    device_hours = NumberField(
        label="or device-hours",
        unit="device-h",
        help_text="“GPU-hours”: summed over all devices. Not multiplied by their number again.",
    )
    stated_power_watts = NumberField(
        label="Average power",
        unit="W",
        help_text="Of one device. Empty: estimated from the hardware's maximum.",
    )
    energy_kwh = NumberField(
        label="or energy of the whole run",
        unit="kWh",
        help_text="Measured, all devices together. Replaces hours × power.",
    )
    place = NamedField(
        label="Site or cloud region",
        noun="site, cloud region or grid zone",
        required=False,
        placeholder="Type to search: your site, gcp:europe-west1, France…",
        help_text="Or a country. Empty: where the node stands, else the world average.",
    )

    power_is_total = forms.BooleanField(
        label="The power is of the whole machine",
        required=False,
        help_text="All devices together, host included: it is not multiplied by their number.",
    )
    power_share = PercentField(
        label="Average power, % of maximum",
        help_text="Where watts are unknown; a host is added.",
    )
    utilisation = PercentField(
        label="Utilisation",
        help_text="Not power: the share of time at work, as nvidia-smi shows it.",
    )
    cpu_cores = NumberField(
        label="CPU cores", help_text="Of the whole run; counted unless power or energy is stated."
    )
    cpu_watts_per_core = NumberField(label="Power per core", unit="W")
    memory_gb = NumberField(label="Memory", unit="GB", help_text="Likewise.")
    energy_measured = forms.BooleanField(
        label="The energy was read from device counters",
        required=False,
        help_text="NVML, DCGM, RAPL, Slurm or CodeCarbon where it measured.",
    )
    energy_includes_pue = forms.BooleanField(
        label="The energy includes PUE",
        required=False,
        help_text="It was metered for the facility, or a tool applied a PUE.",
    )
    stated_pue = NumberField(
        label="PUE", placeholder="e.g. 1.2", help_text="Empty: the site's. 1.0 means none."
    )
    stated_factor_g_per_kwh = NumberField(
        label="Emission factor", unit="g/kWh", help_text="Empty: chosen for place and time."
    )
    stated_factor_source = text(
        "Source of the factor", help_text="Needed with a factor.", longest=250
    )
    ai_model = text("AI model", help_text="The model that the run belongs to.")
    external_id = text("External ID", help_text="Of the job or experiment; once per project.")
    sweep = text("Sweep", help_text="The search that the run is a part of.")
    retry_of = forms.CharField(
        label="Retry of",
        required=False,
        max_length=200,
        help_text="Number or external ID of the run that this one repeats.",
    )
    tokens = NumberField(label="Tokens")
    flop = NumberField(label="Floating-point operations", unit="FLOP")
    metric_name = text("Metric", longest=100)
    metric_value = NumberField(label="Value of the metric")
    notes = forms.CharField(
        required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 3})
    )

    fieldsets = [
        ("What ran", ["name", "project", "stage", "status"]),
        ("On what, and how long", [
            "equipment", "device_count", "duration_hours", "device_hours"]),
        ("When and where", ["started_at", "place"]),
        ("Power or energy, if you know it", ["stated_power_watts", "energy_kwh"]),
    ]  # fmt: skip
    #: Of several of these one is needed: none of them is plainly optional.
    one_of_several = ("equipment", "device_count", "duration_hours", "device_hours")
    advanced = [
        ("Power and energy", [
            "power_is_total", "energy_measured", "energy_includes_pue", "power_share",
            "utilisation", "cpu_cores", "cpu_watts_per_core", "memory_gb"]),
        ("PUE and emission factor", [
            "stated_pue", "stated_factor_g_per_kwh", "stated_factor_source"]),
        (EXPERIMENT, [
            "ai_model", "external_id", "sweep", "retry_of", "tokens", "flop", "metric_name",
            "metric_value", "notes"]),
    ]  # fmt: skip

    def __init__(
        self,
        *args: Any,
        member: Member,
        now: datetime,
        run: Run | None = None,
        previewing: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.member, self.now, self.run = member, now, run
        organisation = member.organisation
        zone = ZoneInfo(organisation.time_zone)
        self.fields["started_at"].zone = zone  # type: ignore[attr-defined]
        self.fields["started_at"].help_text = f"{organisation.time_zone} time."
        self.fields["project"].queryset = _projects(member, run)  # type: ignore[attr-defined]
        self._name("equipment", catalogue.find_equipment, catalogue.similar_equipment)
        self.fields["equipment"].advise = catalogue.slice_advice  # type: ignore[attr-defined]
        self._name("place", catalogue.find_place, catalogue.similar_places)
        for wide in ("name", "equipment"):
            self.fields[wide].wide = True  # type: ignore[attr-defined]
        for field in self.one_of_several:
            self.fields[field].one_of_several = True  # type: ignore[attr-defined]
        if previewing:
            for field in ("project", "name", "stage", "status", "started_at"):
                self.fields[field].required = False

    def _name(self, field: str, find: Any, similar: Any) -> None:
        organisation = self.member.organisation
        self.fields[field].find = (  # type: ignore[attr-defined]
            lambda typed: find(typed, organisation=organisation)
        )
        self.fields[field].similar = (  # type: ignore[attr-defined]
            lambda typed: similar(typed, organisation=organisation)
        )

    def suggest(self) -> None:
        """Read the suggestions of the searchable fields; a preview needs none."""
        organisation = self.member.organisation
        self.fields["equipment"].widget.options = catalogue.equipment_options(
            organisation=organisation
        )
        self.fields["place"].widget.options = catalogue.place_options(organisation=organisation)

    @property
    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The short form: titles and their fields."""
        return [(title, [self[name] for name in names]) for title, names in self.fieldsets]

    @property
    def advanced_sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        """What is folded away: titles and their fields."""
        return [(title, [self[name] for name in names]) for title, names in self.advanced]

    @property
    def open_advanced(self) -> bool:
        """Whether something folded away is wrong, or stated and counts for the figures."""
        return any(
            field.errors or (title != EXPERIMENT and field.value() not in (None, "", False))
            for title, section in self.advanced_sections
            for field in section
        )

    def clean_retry_of(self) -> Run | None:
        """Return the run of a number or external ID that this person may see."""
        wanted = self.cleaned_data["retry_of"].removeprefix("#")
        if not wanted:
            return None
        same = Q(external_id=wanted)
        if wanted.isdecimal() and len(wanted) < 19:
            same |= Q(pk=int(wanted))
        found = self.member.runs(Action.VIEW_RUNS).filter(same).order_by("-pk").first()
        if found is None or (self.run is not None and found.pk == self.run.pk):
            raise forms.ValidationError("There is no other run with this number or ID.")
        return found

    def clean(self) -> dict[str, Any]:
        """Apply the rules that form and API share, and complete the columns."""
        super().clean()
        if set(self.errors) - {"project", "name", "retry_of"}:
            return self.cleaned_data
        values = self._columns()
        for field, messages in check_run(values, now=self.now).items():
            self.add_error(SHOWN_AT.get(field, field), messages)
        self._check_external_id(values)
        if not self.errors:
            self.columns = complete_run(values)
        return self.cleaned_data

    def _columns(self) -> dict[str, Any]:
        data = self.cleaned_data
        values = {name: data.get(name) for name in PLAIN}
        values |= {"project": data.get("project"), "retry_of": data.get("retry_of")}
        values |= dict.fromkeys(("hardware", "node", "site", "cloud_region", "zone"))
        equipment, place = data.get("equipment"), data.get("place")
        values["node" if isinstance(equipment, Node) else "hardware"] = equipment
        kinds = {Site: "site", CloudRegion: "cloud_region", GridZone: "zone"}
        if place is not None:
            values[kinds[type(place)]] = place
        values["started_at"] = values["started_at"] or self.now
        watts, count = data.get("stated_power_watts"), data.get("device_count") or 1.0
        if data.get("power_is_total") and watts is not None:
            values["stated_power_watts"] = watts / count
        return values

    def _check_external_id(self, values: dict[str, Any]) -> None:
        if not values["external_id"] or values["project"] is None:
            return
        twins = Run.objects.of(self.member.organisation).filter(
            project=values["project"], external_id=values["external_id"]
        )
        if self.run is not None:
            twins = twins.exclude(pk=self.run.pk)
        if twins.exists():
            self.add_error("external_id", TAKEN)

    def build(self) -> Run:
        """Return the run with the stated columns, unsaved: a new one, or the one edited."""
        run = self.run or Run()
        run.organisation = self.member.organisation
        for name, value in self.columns.items():
            setattr(run, name, value)
        return run


def _projects(member: Member, run: Run | None) -> Any:
    among = member.projects(Action.LOG_RUNS).filter(archived_at=None)
    if run is None or run.project_id is None:
        return among
    return Project.objects.filter(
        Q(pk__in=among.values("pk")) | Q(pk=run.project_id), organisation=member.organisation
    )


def initial_of(run: Run) -> dict[str, Any]:
    """Return the form's values of a stored run, for editing and copying."""
    initial = {name: getattr(run, name) for name in PLAIN}
    initial |= {"project": run.project_id, "retry_of": run.retry_of_id}
    initial["equipment"] = (run.node or run.hardware or "") and str(run.node or run.hardware)
    place = run.site or run.cloud_region or run.zone
    initial["place"] = str(place) if place else ""
    if run.count_assumed:
        return {**initial, "device_count": None, "duration_hours": None}
    if abs(run.device_hours - run.device_count * run.duration_hours) <= run.device_hours * 1e-9:
        initial["device_hours"] = None  # It follows from the other two.
    return initial


def initial_after(run: Run | None, *, now: datetime) -> dict[str, Any]:
    """Return defaults for a new run: what it most likely shares with the last one."""
    whole_hour = now.replace(minute=0, second=0, microsecond=0)
    if run is None:
        return {
            "started_at": whole_hour - timedelta(hours=TYPICAL_HOURS),
            "stage": Stage.PRE_TRAINING,
            "status": RunStatus.COMPLETED,
        }
    last = initial_of(run)
    initial = {name: last[name] for name in (*KEPT, "project", "equipment", "place")}
    lasted = min(run.duration_hours or TYPICAL_HOURS, 24 * 365)
    start = (now - timedelta(hours=lasted)).replace(minute=0, second=0, microsecond=0)
    return {**initial, "started_at": start}
