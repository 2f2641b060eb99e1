"""The demo's files: one that was imported, one to look at, one whose time zone is asked for."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from emissions.calculation.vocabulary import NameKind
from emissions.models import Organisation, Project, RunImport, Site, User
from emissions.services.demo.plan import TIME_ZONE
from emissions.services.imports.mapping import Meaning, map_names
from emissions.services.imports.run import start_import, work
from emissions.services.imports.stage import open_import

SEED = 1_284
HEADER = (
    "JobID|JobName|User|Account|Partition|State|Start|End|Elapsed|NNodes|NCPUS|AllocTRES|"
    "ConsumedEnergyRaw|NodeList"
)
STATES = ("COMPLETED", "COMPLETED", "COMPLETED", "TIMEOUT", "CANCELLED by 1001")


def bring_files(
    *,
    organisation: Organisation,
    project: Project,
    sites: dict[str, Site],
    by: User,
    now: datetime,
) -> None:
    """Upload the files, and import the first of them."""
    meanings = [
        Meaning(NameKind.PROJECT, "speech", project),
        Meaning(NameKind.PLACE, "partition gpu", next(iter(sites.values()))),
    ]
    map_names(organisation=organisation, meanings=meanings, by=by, now=now)
    last_week = _upload(organisation, "sacct-last-week.txt", _sacct(now, 40, days=14), by, now)
    start_import(run_import=last_week, by=by, now=now)
    while work(now=now, run_import=last_week):
        pass
    _upload(organisation, "sacct-this-week.txt", _sacct(now, 60, days=7), by, now)
    _upload(organisation, "emissions.csv", _emissions(now), by, now, time_zone="")


def _upload(
    organisation: Organisation,
    name: str,
    content: str,
    by: User,
    now: datetime,
    *,
    time_zone: str = TIME_ZONE,
) -> RunImport:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(content, encoding="utf-8")
        return open_import(
            organisation=organisation,
            path=path,
            file_name=name,
            project=None,
            only_project=False,
            time_zone=time_zone,
            asks=True,
            by=by,
            now=now,
        )


def _sacct(now: datetime, jobs: int, *, days: int) -> str:
    return "\n".join([HEADER, *_jobs(now, jobs, days)]) + "\n"


def _jobs(now: datetime, jobs: int, days: int) -> Iterator[str]:
    random = Random(SEED + days)
    for at in range(jobs):
        minutes = random.randint(20, 1500)
        start = now - timedelta(days=days) + timedelta(minutes=random.randint(0, 5 * 24 * 60))
        end = start + timedelta(minutes=minutes)
        count = random.choice((1, 2, 4, 8))
        account = random.choice(("speech", "speech", "vision-lab" if days == 7 else "speech"))
        elapsed = f"{minutes // 1440}-{minutes // 60 % 24:02}:{minutes % 60:02}:00"
        joules = round(count * minutes * 60 * random.uniform(280, 460))
        # A line that was cut off: refused, and said why.
        ended = "2026" if days == 7 and at == 0 else f"{end:%Y-%m-%dT%H:%M:%S}"
        yield (
            f"{40_000 + days * 1000 + at}|train-{at:03}|u{at % 7}|{account}|gpu|"
            f"{random.choice(STATES)}|{start:%Y-%m-%dT%H:%M:%S}|{ended}|{elapsed}|1|{16 * count}|"
            f"cpu={16 * count},gres/gpu:a100={count},mem={64 * count}G,node=1|"
            f"{joules if at % 3 else 0}|fra-a{at % 9:02}"
        )


def _emissions(now: datetime) -> str:
    columns = "timestamp,project_name,run_id,duration,emissions,energy_consumed,country_name"
    rows = [
        f"{now - timedelta(hours=at):%Y-%m-%dT%H:%M:%S},probe,run-{at},3600,0.2,1.5,Sweden"
        for at in range(1, 6)
    ]
    return "\n".join([columns, *rows]) + "\n"
