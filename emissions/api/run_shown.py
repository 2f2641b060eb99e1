"""How runs are shown: what was stated, what the ledger holds, and their addresses."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from rest_framework.request import Request

from emissions.api.access import Access
from emissions.api.fields import RUN
from emissions.api.run_rows import COLUMNS
from emissions.models import Run
from emissions.selectors.posted import Posted, posted, with_pending

FIGURES = (
    "energy_it_kwh",
    "energy_facility_kwh",
    "location_based_kg",
    "market_based_kg",
    "upstream_kg",
    "losses_kg",
    "embodied_kg",
)
RELATED = ("project", "hardware", "node", "site", "cloud_region", "zone", "state")


def with_all(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Read along what an answer shows of runs."""
    return with_pending(runs.select_related(*RELATED))


class Shown:
    """How a request's runs are shown: with the addresses of this server."""

    def __init__(self, request: Request, access: Access) -> None:
        pages = reverse("run_list", kwargs={"organisation_slug": access.organisation.slug})
        self.url = request.build_absolute_uri(reverse("api_run_list"))
        self.page_url = request.build_absolute_uri(pages)

    def all(self, runs: Iterable[Run], fields: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return everything of runs that `with_all` read, or some fields of it."""
        runs = list(runs)
        needed = fields is None or not {*FIGURES, "calculated"}.isdisjoint(fields)
        figures = posted(run_ids=[run.pk for run in runs]) if needed else {}
        shown = (
            self.full(run, figures.get(run.pk), pending=bool(getattr(run, "is_pending", True)))
            for run in runs
        )
        if fields is None:
            return list(shown)
        return [{name: one[name] for name in fields} for one in shown]

    def brief(self, run: Run, figures: Posted | None, *, pending: bool) -> dict[str, Any]:
        """Return which run it is and its figures."""
        amounts: dict[str, float | None] = dict.fromkeys(FIGURES)
        if figures is not None:
            amounts = {name: float(getattr(figures, name)) for name in FIGURES}
            if not figures.embodied_known:
                amounts["embodied_kg"] = None
        return {
            "id": run.pk,
            "url": f"{self.url}{run.pk}/",
            "page_url": f"{self.page_url}{run.pk}/",
            "external_id": run.external_id,
            "calculated": figures is not None and not pending,
            **amounts,
        }

    def full(self, run: Run, figures: Posted | None, *, pending: bool) -> dict[str, Any]:
        """Return everything of a run: what was stated, and what the ledger holds."""
        return {
            **self.brief(run, figures, pending=pending),
            **stated(run),
            "source": run.source_kind,
            "calculation_error": "" if figures is None and pending else run.state.error,
            "created_at": run.created_at,
            "updated_at": run.updated_at,
        }


def stated(run: Run) -> dict[str, Any]:
    """Return what was stated of a run, under the names of the API."""
    related = {
        "project": run.project and run.project.slug,
        "hardware": run.hardware and run.hardware.name,
        "node": run.node and run.node.slug,
        "site": run.site and run.site.slug,
        "cloud_region": run.cloud_region and str(run.cloud_region),
        "zone": run.zone and run.zone.code,
    }
    return {
        name: related[name] if name in related else getattr(run, COLUMNS.get(name, name))
        for name in RUN
    }
