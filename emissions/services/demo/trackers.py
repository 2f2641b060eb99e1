"""A CodeCarbon tracker of the demo: three hours of posts up to now, and a second one beside it."""

from datetime import datetime, timedelta

from emissions.models import EnergyStream, Experiment, Project, Site, User
from emissions.services.manage_experiments import create_experiment, setup_at
from emissions.services.streams.fold import fold_streams
from emissions.services.streams.receive import Post, Tracker, open_stream, receive_post

EVERY = timedelta(minutes=2)
LASTS = timedelta(hours=3)
UNFOLDED = timedelta(minutes=20)
GPU_WATTS, CPU_WATTS, MEMORY_WATTS = 4900.0, 350.0, 200.0
"""Of a node with eight H100 at work. [W]"""

REPORTED_G_PER_KWH = 41.0
"""What the client took for Sweden. [g CO2e/kWh]"""


def track(*, project: Project, site: Site, by: User, now: datetime) -> Experiment:
    """Make an experiment whose node two trackers watch; what came last is not folded yet."""
    experiment = create_experiment(
        project=project,
        name="Luleå H100 nodes",
        description="Trackers on the nodes of the own data centre.",
        setup=setup_at(site),
        by=by,
        now=now,
    )
    begins = now.replace(second=0, microsecond=0) - LASTS
    trackers = [
        (_begin(experiment, by, begins), begins),
        (_begin(experiment, by, now - LASTS / 3), now - LASTS / 3),
    ]
    folded = now - UNFOLDED
    for stream, since in trackers:
        _post(stream, since, folded)
    fold_streams(now=folded, organisation=experiment.organisation, at_once=True)
    for stream, _ in trackers[:1]:
        _post(stream, folded, now)
    return experiment


def _begin(experiment: Experiment, by: User, now: datetime) -> EnergyStream:
    tracker = Tracker(
        sent_at=now,
        address="192.0.2.17",
        is_whole_machine=True,
        client_version="3.3.2",
        os="Linux-6.8.0-x86_64-with-glibc2.39",
        cpu_model="Intel(R) Xeon(R) Platinum 8480+",
        cpu_count=224,
        gpu_model="8 x NVIDIA H100 80GB HBM3",
        gpu_count=8,
        memory_gb=2015.6,
    )
    return open_stream(experiment=experiment, tracker=tracker, by=by, now=now)


def _post(stream: EnergyStream, since: datetime, until: datetime) -> None:
    """Post every two minutes, with the node at work more and less."""
    hours = EVERY / timedelta(hours=1)
    number = 0
    while (ends := since + (number + 1) * EVERY) <= until:
        load = 0.8 + 0.05 * (number % 5)
        gpu, cpu, memory = (
            watts * hours / 1000 for watts in (GPU_WATTS * load, CPU_WATTS, MEMORY_WATTS)
        )
        kwh = gpu + cpu + memory
        post = Post(
            sent_at=ends,
            duration_seconds=EVERY.total_seconds(),
            energy_kwh=kwh,
            cpu_energy_kwh=cpu,
            gpu_energy_kwh=gpu,
            memory_energy_kwh=memory,
            reported_kg=kwh * REPORTED_G_PER_KWH / 1000,
        )
        receive_post(stream_id=stream.pk, post=post, now=ends)
        number += 1
