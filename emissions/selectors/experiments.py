"""Experiments with what their trackers have sent."""

from datetime import datetime

from django.db.models import Count, Max, Q, QuerySet

from emissions.models import EnergyStream, Experiment, Project, Run


def experiments(*, projects: QuerySet[Project]) -> QuerySet[Experiment]:
    """Return the experiments of projects with `run_count` and `last_received_at`."""
    return (
        Experiment.objects.filter(project__in=projects)
        .select_related("organisation", "project", "site", "cloud_region", "zone")
        .annotate(
            run_count=Count(
                "streams__run",
                filter=Q(streams__run__deleted_at__isnull=True),
                distinct=True,
            ),
            last_received_at=Max("streams__last_received_at"),
        )
        .order_by("project__name", "-is_default", "name")
    )


def streams_of_run(*, run: Run) -> list[EnergyStream]:
    """Return the trackers that a run comes from."""
    return list(EnergyStream.objects.filter(run=run).select_related("experiment").order_by("pk"))


def others_on_the_machine(*, stream: EnergyStream, among: QuerySet[Run]) -> list[Run]:
    """Return the runs of other whole-machine trackers of the machine at the same time."""
    if not stream.is_whole_machine or stream.first_at is None or stream.last_at is None:
        return []
    others = EnergyStream.objects.filter(
        organisation=stream.organisation_id,
        host=stream.host,
        is_whole_machine=True,
        first_at__lt=stream.last_at,
        last_at__gt=stream.first_at,
        run__deleted_at__isnull=True,
    ).exclude(pk=stream.pk)
    return list(among.filter(streams__in=others).order_by("pk").distinct()[:20])


def last_received_at(*, stream: EnergyStream) -> datetime | None:
    """Return when the last post of a tracker came, folded or not."""
    found: datetime | None = stream.posts.aggregate(last=Max("received_at"))["last"]
    return found
