"""Load a factor file as a private set of the organisation."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from emissions.forms.factors import FactorUploadForm
from emissions.importers.factors import FORMATS
from emissions.importers.factors.rows import RowError
from emissions.permissions import Action, Member, member_required
from emissions.services.load_factors import (
    FileRejected,
    LoadedAlready,
    Publication,
    SourceMissing,
    load_factor_set,
)

ERRORS_SHOWN = 100


@member_required(Action.ADOPT_FACTORS)
@require_http_methods(["GET", "HEAD", "POST"])
def factor_upload(request: HttpRequest, member: Member) -> HttpResponse:
    """Load a file, or show what is wrong with it, row by row."""
    form = FactorUploadForm(request.POST or None, request.FILES or None)
    errors: list[RowError] = []
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            loaded = load_factor_set(
                organisation=member.organisation,
                format_name=data["format"],
                content=data["file"].read(),
                publication=Publication(
                    edition=data["edition"],
                    published_on=data["published_on"],
                    name=data["name"],
                    source=data["source"],
                    source_url=data["source_url"],
                    licence=data["licence"],
                ),
                by=member.user,
                now=timezone.now(),
            )
        except SourceMissing:
            form.add_error("source", "Name the set and its source: they are not the format's.")
        except LoadedAlready:
            form.add_error(
                "edition", "This name and edition are loaded already: sets never change."
            )
        except FileRejected as rejected:
            errors = rejected.errors
            form.add_error("file", "This file holds errors; nothing was loaded.")
        else:
            left_out = " ".join(f"Left out: {text}" for text in loaded.left_out)
            messages.info(
                request,
                f"{loaded.factor_set} was loaded with {loaded.contents}. It moves no"
                f" figure until it is adopted. {left_out}".strip(),
            )
            return redirect(
                "factor_set",
                organisation_slug=member.organisation.slug,
                factor_set_id=loaded.factor_set.pk,
            )
    context = {
        "form": form,
        "formats": FORMATS.values(),
        "errors": errors[:ERRORS_SHOWN],
        "more": max(len(errors) - ERRORS_SHOWN, 0),
    }
    status = 422 if form.errors else 200
    return render(request, "emissions/factors/upload.html", context, status=status)
