"""Take what trackers send, as it comes: one INSERT per post, nothing is updated or waited for.

A post and the row that says it waits are one statement. Which posts are still to be folded
is then a question of rows: no post is lost because ids commit out of order.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.db import connection

from emissions.models import EnergyStream, Experiment, User


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker:
    """What a tracker says of itself and its machine when it begins."""

    sent_at: datetime
    address: str
    is_whole_machine: bool
    name: str = ""
    job_id: str = ""
    client_version: str = ""
    os: str = ""
    cpu_model: str = ""
    cpu_count: int | None = None
    gpu_model: str = ""
    gpu_count: int | None = None
    memory_gb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Energy since the last post, or since the start where the stream is cumulative."""

    sent_at: datetime
    duration_seconds: float
    energy_kwh: float
    cpu_energy_kwh: float
    gpu_energy_kwh: float
    memory_energy_kwh: float
    reported_kg: float
    cpu_watts: float | None = None
    gpu_watts: float | None = None
    memory_watts: float | None = None
    cpu_utilisation: float | None = None
    gpu_utilisation: float | None = None
    memory_utilisation: float | None = None


def host_of(tracker: Tracker) -> str:
    """Return what tells machines apart, hashed: a tracker sends no name of its machine.

    Address and hardware; trackers that share both are taken to share the machine.
    """
    known = (
        tracker.address, tracker.os, tracker.cpu_model, tracker.cpu_count, tracker.gpu_model,
        tracker.gpu_count, tracker.memory_gb,
    )  # fmt: skip
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def open_stream(
    *, experiment: Experiment, tracker: Tracker, by: User | None, now: datetime
) -> EnergyStream:
    """Note that a tracker has begun; its run appears with its first post."""
    return EnergyStream.objects.create(**_columns(experiment, tracker, by, now))


def receive_post(*, stream_id: int, post: Post, now: datetime) -> bool:
    """Store a post; return whether it is new. The same post again changes nothing."""
    values = asdict(post)
    said = json.dumps([str(value) for value in values.values()])
    row = {
        "stream_id": stream_id,
        "digest": hashlib.sha256(said.encode()).hexdigest(),
        "received_at": now,
        **values,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH fresh AS (INSERT INTO emissions_energypost ({', '.join(row)})"
            f" VALUES ({', '.join(['%s'] * len(row))})"
            " ON CONFLICT (stream_id, sent_at, digest) DO NOTHING RETURNING id, stream_id)"
            " INSERT INTO emissions_unfoldedpost (post_id, stream_id)"
            " SELECT id, stream_id FROM fresh",
            list(row.values()),
        )
        return bool(cursor.rowcount)


def receive_total(
    *,
    experiment: Experiment,
    tracker: Tracker,
    key: str,
    post: Post,
    by: User | None,
    now: datetime,
) -> EnergyStream:
    """Store a tracker's total since its start; the stream is known by the client's own id."""
    uuid = uuid5(UUID(int=experiment.project_id), key)
    columns = {**_columns(experiment, tracker, by, now), "is_cumulative": True}
    EnergyStream.objects.bulk_create([EnergyStream(uuid=uuid, **columns)], ignore_conflicts=True)
    stream = EnergyStream.objects.get(uuid=uuid)
    receive_post(stream_id=stream.pk, post=post, now=now)
    return stream


def _columns(
    experiment: Experiment, tracker: Tracker, by: User | None, now: datetime
) -> dict[str, object]:
    columns = asdict(tracker)
    del columns["address"]
    return {
        "organisation_id": experiment.organisation_id,
        "experiment": experiment,
        "host": host_of(tracker),
        "received_at": now,
        "created_by": by,
        **columns,
    }
