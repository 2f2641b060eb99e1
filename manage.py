#!/usr/bin/env python
"""Django's command line."""

import importlib.util
import os
import sys
from pathlib import Path

ENVIRONMENT = Path(__file__).resolve().parent / ".venv" / "bin" / "python"


def main() -> None:
    """Run a management command with the settings named in the environment."""
    if importlib.util.find_spec("django") is None and ENVIRONMENT.exists():
        # Called with the system's Python: use the one that `make` prepared.
        os.execv(ENVIRONMENT, [str(ENVIRONMENT), *sys.argv])
    from config.embedded.environment import use_embedded

    use_embedded(sys.argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
