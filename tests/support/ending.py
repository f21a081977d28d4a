"""For commands that set up much and run for long: told to end, they clear up first."""

from __future__ import annotations

import signal
import sys


def clear_up_when_told_to_end() -> None:
    """Makes SIGTERM and SIGINT end the program as an error does, through every `finally`.

    A program that a shell started in the background has been told to ignore SIGINT.
    """

    def end(number: int, _: object) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
