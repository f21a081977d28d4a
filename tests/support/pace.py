"""What a promise in seconds is worth while others want the processors too.

Some promises are made in seconds: a withdrawal reaches every worker within one. They hold where a
processor is free. Where ten processes queue for two, each gets a fifth of one, and a test that held
on to the second would tell of the queue.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

ROOM = 3.0
"""How many times late is too late for a test. The load says little of a slow disk, and nothing of
what a virtual machine's neighbours take. Whether a promise holds to the second the soak tells.
"""


def promised(seconds: float) -> float:
    """Seconds as promised, with room, or as many times more as there are processes to each
    processor, over the last minute or just now.
    """
    return seconds * max(ROOM, _queue() / (os.cpu_count() or 1))


def eventually(condition: Callable[[], object], within: float = 15) -> None:
    """Returns once it holds; fails the test where it does not within so many seconds, with room."""
    end = time.monotonic() + promised(within)
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def _queue() -> float:
    """How many processes wait for a processor or a disk, or have one (proc(5), loadavg)."""
    minute, _, _, now, _ = Path("/proc/loadavg").read_text().split()
    return max(float(minute), float(now.partition("/")[0]))
