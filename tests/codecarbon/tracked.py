"""A script that somebody tracks, with the package as it is: `tracked.py seconds arguments`."""

import json
import logging
import sys
import time
from pathlib import Path

from codecarbon import EmissionsTracker, OfflineEmissionsTracker


def main(seconds: float, arguments: dict[str, object]) -> None:
    """Work for so long under a tracker, or until a file says that it is enough."""
    kind = OfflineEmissionsTracker if arguments.pop("offline", False) else EmissionsTracker
    tracker = kind(log_level=logging.WARNING, allow_multiple_runs=True, **arguments)
    tracker.start()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not Path("enough").exists():
        sum(number * number for number in range(20_000))
        time.sleep(0.05)
    tracker.stop()


if __name__ == "__main__":
    main(float(sys.argv[1]), json.loads(sys.argv[2]))
