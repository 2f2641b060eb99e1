"""Forms for cloud accounts and the statements of their providers."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db.models import Q, QuerySet

from emissions.calculation.vocabulary import CloudProvider, InventoryFigure, SiteKind
from emissions.models import CloudAccount, Organisation, Project, Site, Team
from emissions.models.choices import choices
from emissions.services.manage_cloud_accounts import USAGE, Usage

MEGABYTE = 1024 * 1024


class CloudAccountForm(forms.Form):
    """Which account it is, and which runs are its own."""

    provider = forms.ChoiceField(label="Provider", choices=choices(CloudProvider))
    account_id = forms.CharField(
        label="Account",
        max_length=100,
        help_text="As the statement names it: an AWS account, a Google Cloud project or billing"
        " account, an Azure subscription or billing account.",
    )
    name = forms.CharField(label="Name", max_length=150)
    project = forms.ModelChoiceField(
        label="Runs of the project",
        queryset=Project.objects.none(),
        required=False,
        empty_label="Any project",
    )
    team = forms.ModelChoiceField(
        label="Runs of the team",
        queryset=Team.objects.none(),
        required=False,
        empty_label="Any team",
        help_text="Leave it open where a project is chosen.",
    )
    site = forms.ModelChoiceField(
        label="Runs at the site",
        queryset=Site.objects.none(),
        required=False,
        empty_label="Any region of the provider",
    )

    fieldsets = [
        ("The account", ["provider", "account_id", "name"]),
        ("Which runs are its own", ["project", "team", "site"]),
    ]

    def __init__(
        self,
        *args: Any,
        organisation: Organisation,
        account: CloudAccount | None = None,
        **kwargs: Any,
    ) -> None:
        initial = dict(kwargs.pop("initial", {}))
        if account is not None:
            initial |= {name: getattr(account, name) for name in USAGE}
        super().__init__(*args, **{**kwargs, "initial": initial})
        self.organisation, self.account = organisation, account
        own = {"organisation": organisation}
        self._offer("project", Project.objects.filter(**own))
        self._offer("team", Team.objects.filter(**own))
        self._offer("site", Site.objects.filter(**own, kind=SiteKind.CLOUD))

    def _offer(self, name: str, rows: QuerySet[Any]) -> None:
        """Offer what is not archived, and what was chosen before."""
        chosen = getattr(self.account, f"{name}_id", None)
        found = rows.filter(Q(archived_at=None) | Q(pk=chosen)).order_by("name")
        self.fields[name].queryset = found  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """An account is named once, and no other has exactly the same runs."""
        cleaned = super().clean() or {}
        if cleaned.get("project") and cleaned.get("team"):
            self.add_error("team", "A project has its team. Choose one of the two.")
        site = cleaned.get("site")
        provider = cleaned.get("provider")
        if site and site.cloud_region and site.cloud_region.provider != provider:
            self.add_error("site", "This site is another provider's.")
        if self.errors:
            return cleaned
        others = CloudAccount.objects.filter(organisation=self.organisation, provider=provider)
        if self.account is not None:
            others = others.exclude(pk=self.account.pk)
        if others.filter(account_id=cleaned["account_id"]).exists():
            self.add_error("account_id", "This account is listed already.")
        same = others.filter(**{name: cleaned[name] for name in ("project", "team", "site")})
        if (other := same.first()) is not None:
            raise ValidationError(
                f"“{other}” has exactly these runs. Narrow one of the two to a project, a team or"
                " a site: no run belongs to two accounts."
            )
        return cleaned

    def usage(self) -> Usage:
        """Return what was stated, for the service."""
        values = {name: self.cleaned_data[name] for name in USAGE}
        return Usage(**{**values, "provider": CloudProvider(values["provider"])})


class FigureForm(forms.Form):
    """Which figure of an account is the inventory's."""

    figure = forms.ChoiceField(choices=choices(InventoryFigure))


class StatementForm(forms.Form):
    """The export of a provider."""

    file = forms.FileField(
        label="File",
        help_text="CSV or XLSX: the AWS carbon emissions export, the Google Cloud Carbon Footprint"
        " export, the Azure emissions of a billing account, or a report of Azure carbon"
        " optimization with all three scopes (JSON, too). Up to 20 MB.",
    )
    month = forms.CharField(
        label="Month",
        required=False,
        validators=[RegexValidator(r"^20\d\d-(0[1-9]|1[0-2])$", "Give a month as 2026-03.")],
        widget=forms.TextInput(attrs={"placeholder": "2026-03", "autocomplete": "off"}),
        help_text="Where the file does not name it: details of Azure carbon optimization are of"
        " one month.",
    )
    version = forms.CharField(
        label="Version of the provider's method",
        max_length=64,
        required=False,
        help_text="Where the file does not name it, as Azure's does not.",
    )

    def clean_file(self) -> Any:
        """Refuse a file that is too large before it is read."""
        file = self.cleaned_data["file"]
        if file.size > 20 * MEGABYTE:
            raise ValidationError("This file is larger than 20 MB. Split it by month.")
        return file
