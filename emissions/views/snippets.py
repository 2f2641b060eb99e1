"""Ready pieces of code that log a run with a token, with a project's own values filled in."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from emissions.models import Organisation, Project, Run

#: Where the project has no run yet to take values from.
TYPICAL = {"hardware": "A100", "device_count": 8, "zone": "SE"}


@dataclass(frozen=True, slots=True)
class Snippet:
    """One piece of code; `key` is part of its id in the page."""

    key: str
    title: str
    noun: str
    code: str


def snippets(
    *,
    url: str,
    endpoint: str,
    secret: str,
    project: Project | None,
    organisation: Organisation,
    today: date,
) -> list[Snippet]:
    """Return how to log a run with curl, with Python and with CodeCarbon.

    A project's token needs no project; for a person's the organisation's last one is named.
    """
    run = example(project=project, organisation=organisation, today=today)
    found = [
        Snippet("curl", "With curl", "curl command", _curl(url, secret, run)),
        Snippet("python", "With Python", "Python code", _python(url, secret, run)),
    ]
    if project is not None:
        title = "With CodeCarbon, in .codecarbon.config"
        text = _codecarbon(endpoint, secret)
        found.append(Snippet("codecarbon", title, "CodeCarbon configuration", text))
    return found


def _codecarbon(endpoint: str, secret: str) -> str:
    return (
        "[codecarbon]\n"
        "save_to_api = true\n"
        f"api_endpoint = {endpoint}\n"
        "# In a Slurm job, to count it once with what sacct says of it:\n"
        '# export CODECARBON_EXPERIMENT_ID="default/$SLURM_JOB_ID"\n'
        "experiment_id = default\n"
        f"api_key = {secret}"
    )


def example(*, project: Project | None, organisation: Organisation, today: date) -> dict[str, Any]:
    """Return the fields of a run of yesterday, on the hardware and at the place of the last one."""
    named: dict[str, Any] = {}
    runs = Run.objects.of(organisation)
    if project is None:
        other = Project.objects.filter(organisation=organisation, archived_at=None).first()
        named = {"project": other.slug if other else "my-project"}
        runs = runs.filter(project=other)
    else:
        runs = runs.filter(project=project)
    last = runs.select_related("hardware", "node", "site", "cloud_region", "zone").first()
    equipment = _equipment(last) if last else {}
    place = _place(last) if last else {}
    yesterday = today - timedelta(days=1)
    return {
        **named,
        # Whoever runs the piece twice has one run; tomorrow's is another one.
        "external_id": f"example-{yesterday}",
        "name": "ViT-L, third sweep",
        **(equipment or {name: TYPICAL[name] for name in ("hardware", "device_count")}),
        "started_at": f"{yesterday}T09:00:00Z",
        "duration_hours": 12.5,
        **(place or ({} if "node" in equipment else {"zone": TYPICAL["zone"]})),
    }


def _equipment(run: Run) -> dict[str, Any]:
    count = int(run.device_count) if run.device_count.is_integer() else run.device_count
    if run.node is not None:
        return {"node": run.node.slug, "device_count": count}
    return {"hardware": run.hardware.name, "device_count": count} if run.hardware else {}


def _place(run: Run) -> dict[str, Any]:
    if run.site is not None:
        return {"site": run.site.slug}
    if run.cloud_region is not None:
        return {"cloud_region": str(run.cloud_region)}
    return {"zone": run.zone.code} if run.zone is not None else {}


def _curl(url: str, secret: str, run: dict[str, Any]) -> str:
    # Inside single quotes a shell reads everything as it is, but a single quote.
    body = json.dumps(run, indent=2, ensure_ascii=False).replace("'", "'\\''")
    return (
        f"curl {url} \\\n"
        f'  -H "Authorization: Bearer {secret}" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{body}'"
    )


def _python(url: str, secret: str, run: dict[str, Any]) -> str:
    fields = "".join(f"        {name!r}: {value!r},\n" for name, value in run.items())
    return (
        "import requests\n\n"
        "answer = requests.post(\n"
        f"    {url!r},\n"
        f"    headers={{'Authorization': {f'Bearer {secret}'!r}}},\n"
        f"    json={{\n{fields}    }},\n"
        "    timeout=30,\n"
        ")\n"
        "answer.raise_for_status()"
    )
