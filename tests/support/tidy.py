"""Runs a command and leaves nothing of it behind: `python -m tests.support.tidy COMMAND...`.

Whatever the command starts becomes a child of this process when its own parent is gone
(PR_SET_CHILD_SUBREAPER, prctl(2)), so nothing can hide. An interruption is handed on, so that tests
can end what they began; what is still there afterwards is ended here, and named. Something left by
a run that went well is a fault of the tests.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.support.namespace import clear_dead

PATIENCE = 60
"""Seconds for an interrupted command to end by itself."""
GRACE = 10.0
"""Seconds for what it started to follow it."""
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SUBREAPER = 36


def main(command: list[str]) -> int:
    """The command's exit status, or 1 where it was 0 and something was left behind."""
    ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)
    interrupted: list[int] = []
    begun: list[int] = []

    def hand_on(number: int, _: object) -> None:
        interrupted.append(number)
        if begun:
            _interrupt(begun[0])

    # Before the command begins: what a shell starts in the background ignores SIGINT, and so would
    # whatever it starts, for good; a signal that is handled is an ordinary one to a new program.
    for number in INTERRUPTIONS:
        signal.signal(number, hand_on)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(begun[0], signal.SIGKILL))
    process = subprocess.Popen(command, process_group=0)
    signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTIONS)
    begun.append(process.pid)
    if interrupted:  # before there was anything to interrupt
        _interrupt(process.pid)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTIONS)
    _give_the_terminal_to(process.pid)
    status = _wait_for(process.pid)
    process.returncode = status
    signal.alarm(0)
    left = _end_what_is_left()
    clear_dead()
    if interrupted:
        return 128 + interrupted[0]
    if left:
        print("Left behind:", *left, sep="\n  ", file=sys.stderr)
        status = status or 1
    return status if status >= 0 else 128 - status


def _interrupt(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGINT)
    signal.alarm(PATIENCE)


def _wait_for(wanted: int) -> int:
    """The exit status of a child; others that end meanwhile are collected, as init would."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == wanted:
            return os.waitstatus_to_exitcode(status)


def _give_the_terminal_to(group: int) -> None:
    """Ctrl-C on the keyboard then goes to the command, as if nothing stood around it."""
    if sys.stdin and sys.stdin.isatty():
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        with suppress(OSError):
            os.tcsetpgrp(sys.stdin.fileno(), group)


def _end_what_is_left() -> list[str]:
    """Waits for all descendants, ends those that stay, and gives back what those were."""
    if _gone_within(GRACE, lambda: not _descendants()):
        return []
    left = [f"{pid}: {_command_of(pid)}" for pid in _descendants()]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _descendants():
            with suppress(OSError):
                os.kill(pid, number)
        if _gone_within(GRACE / 2, lambda: not _descendants()):
            break
    return left


def _gone_within(seconds: float, gone: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not gone():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _descendants() -> list[int]:
    """All processes below this one that still run; those that ended are collected."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    found, parents = [], {os.getpid()}
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            facts = (folder / "stat").read_text().rpartition(")")[2].split()
            children.setdefault(int(facts[1]), []).append(int(folder.name))
    while parents:
        below = [pid for parent in parents for pid in children.get(parent, ())]
        found += below
        parents = set(below)
    return found


def _command_of(pid: int) -> str:
    with suppress(OSError):
        return Path("/proc", str(pid), "cmdline").read_text().replace("\0", " ")[:200]
    return "gone"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
