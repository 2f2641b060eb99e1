"""Another process that calculates, as a second bulk worker would: a batch of work per line read.

It answers each line with the largest memory that it has taken so far. [MB]
"""

import os
import resource
import sys


def memory_mb() -> float:
    """Return the largest memory that this process has taken [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Calculate what is pending whenever a line comes; end with the input."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    import django

    django.setup()
    from emissions.services.calculate import calculate_pending

    for _ in sys.stdin:
        while calculate_pending():
            pass
        print(memory_mb(), flush=True)


if __name__ == "__main__":
    main()
