"""Let a command in a second terminal find the servers that `make up` started."""

import json
import os
import sys

from config.embedded.home import Home

NEEDED = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL")
WITHOUT_SERVERS = {"help", "version", "--help", "-h", "--version"}


def use_embedded(arguments: list[str]) -> None:
    """Fill in what the environment leaves out from the running installation.

    What is set stays as it is. Tests bring servers of their own.
    """
    settings = os.environ.get("DJANGO_SETTINGS_MODULE", "config.settings.production")
    if settings == "config.settings.test" or set(arguments[1:2]) <= WITHOUT_SERVERS:
        return
    if all(os.environ.get(name) for name in NEEDED):
        return
    home = Home.find()
    if home.taken() and home.environment.exists():
        for name, value in json.loads(home.environment.read_text(encoding="utf-8")).items():
            os.environ.setdefault(name, value)
    elif not os.environ.get("DATABASE_URL"):
        sys.exit(
            f"Nothing runs on {home.folder} yet. Start it with `make up` in another terminal "
            "and wait for the address, or set DATABASE_URL, REDIS_URL and SECRET_KEY."
        )
