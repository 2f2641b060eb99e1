"""`make up`: run the whole product on this machine until Ctrl-C."""

import argparse
import errno
import os
import sys

from config.embedded.children import DISK_IS_FULL, end_with_parent
from config.embedded.errors import CannotStart
from config.embedded.home import Home
from config.embedded.screen import Screen
from config.embedded.supervisor import Stopped, Supervisor, raise_when_asked_to_end


def main() -> int:
    """Start, watch, stop; return the exit status."""
    parser = argparse.ArgumentParser(prog="make up", description=__doc__)
    parser.add_argument("--no-demo", action="store_true", help="seed no demo organisation")
    arguments = parser.parse_args()
    if "MAKELEVEL" in os.environ:
        end_with_parent()
    screen = Screen()
    home = Home.find()
    try:
        home.prepare()
        if not home.take():
            screen.say(f"Tonne already runs: {home.address()}  (data in {home.folder})")
            return 0
        return run(Supervisor(home, screen, demo=not arguments.no_demo))
    except CannotStart as error:
        screen.complain(str(error))
        return 1


def run(supervisor: Supervisor) -> int:
    """Run until somebody asks for the end; whatever happens, stop what was started."""
    screen = supervisor.screen
    raise_when_asked_to_end()
    screen.say(f"Tonne starts. Data and logs are in {supervisor.home.folder}")
    try:
        supervisor.start()
        if supervisor.sign_ins:
            screen.say(f"\n{supervisor.sign_ins.strip()}")
        screen.say(f"\nTonne runs: {supervisor.address}    (Ctrl-C stops it)")
        supervisor.watch()
    except Stopped:
        screen.say("\nStopping.")
        return 0
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise CannotStart(f"{DISK_IS_FULL} (Data: {supervisor.home.folder})") from error
    finally:
        supervisor.stop()


if __name__ == "__main__":
    sys.exit(main())
