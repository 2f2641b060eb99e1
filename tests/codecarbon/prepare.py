"""Fill a fresh database for trackers and print what they need, as JSON."""

import json

import django

if __name__ == "__main__":
    django.setup()

from django.utils import timezone

from emissions.calculation.vocabulary import TokenScope
from emissions.services.manage_experiments import create_experiment, setup_at
from emissions.services.tokens import create_token
from tests import factories


def main() -> None:
    """Make an organisation with a site, a project, an experiment and two tokens."""
    factories.make_reference()
    organisation = factories.make_organisation("Laboratory", slug="laboratory")
    project = factories.make_project(organisation=organisation, name="Vision", slug="vision")
    site = factories.make_site(organisation, name="Basement", pue=1.5)
    now = timezone.now()
    experiment = create_experiment(
        project=project, name="Trackers", setup=setup_at(site), by=None, now=now
    )
    tokens = {
        name: create_token(
            organisation=organisation, project=project, scope=scope, by=None, now=now
        )[1]
        for name, scope in (("token", TokenScope.WRITE), ("ingest", TokenScope.INGEST))
    }
    print(json.dumps({"experiment": str(experiment.uuid), **tokens}))


if __name__ == "__main__":
    main()
