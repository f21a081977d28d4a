"""`python -m addon.gateway.become PROGRAM CONFIG`: becomes HAProxy, which ends with its parent.

HAProxy watches no lifeline, so the kernel is asked to do it; that holds across the exec. While
HAProxy is down the school is offline, so this loads next to nothing.
"""

import ctypes
import os
import signal
import sys

from addon.lifeline import say_ready

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    """Does not come back."""
    program, config = sys.argv[1:]
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)
    say_ready()  # that it answers too is for the keeper of its tables to find out
    os.execv(program, [program, "-f", config])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
