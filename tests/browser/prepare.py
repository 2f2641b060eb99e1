"""Fill the stack's database, in one process: schema, reference data, a small demo, and what the
demo has none of."""

import os
import sys

import django
from django.core.management import call_command


def main(runs: int) -> None:
    """Prepare a fresh database."""
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("load_reference")
    call_command("seed_demo", runs=runs)
    _add_what_the_demo_lacks()


def _add_what_the_demo_lacks() -> None:
    from django.utils import timezone

    from emissions.calculation.vocabulary import HardwareKind, Role
    from emissions.models import Organisation
    from emissions.services.create_organisation import create_organisation
    from emissions.services.manage_hardware import Device, create_hardware
    from emissions.services.manage_people import invite_person
    from emissions.services.tokens import create_token

    now = timezone.now()
    nordlys = Organisation.objects.get(slug="nordlys")
    create_hardware(
        organisation=nordlys,
        device=Device(
            name="Inference board",
            kind=HardwareKind.AI_ACCELERATOR,
            max_watts=75,
            source="Data sheet",
        ),
        by=None,
        now=now,
    )
    create_token(
        organisation=nordlys,
        project=nordlys.projects.get(slug="retrieval"),
        name="Slurm epilogue",
        by=None,
        now=now,
    )
    # An organisation that has nothing yet shows what to do next.
    empty = create_organisation(name="Empty", slug="empty", time_zone="UTC", by=None, now=now)
    owner = invite_person(
        organisation=empty,
        email="owner@empty.example",
        name="Eve Novak",
        role=Role.ADMIN,
        team=None,
        by=None,
        now=now,
    ).user
    owner.set_password(os.environ["TONNE_BROWSER_PASSWORD"])
    owner.save()


if __name__ == "__main__":
    main(int(sys.argv[1]))
