"""What the supervisor does now and then, beside keeping its children running."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from addon.journal_lines import warn
from scripts.common import LATER

AGAIN_AFTER: Final = 300.0
"""Seconds until what could not be done just then is tried again."""


@dataclass(frozen=True, slots=True)
class Chore:
    """A command to run again and again beside the children; if `wanted` is given, while that file
    is there.
    """

    name: str
    command: Sequence[str]
    wanted: Path | None
    every: float = 3600.0
    again_after: float = AGAIN_AFTER  # where its exit status says that it may be possible soon

    async def do(self, stopping: asyncio.Event) -> None:
        """Runs now and then. That it fails concerns whoever reads what it says, not us."""
        waits = False
        while not stopping.is_set():
            pause = self.every
            if self.wanted is None or self.wanted.exists():
                status, said = await self._once(stopping)
                again = status == LATER
                if status and not stopping.is_set() and not (again and waits):
                    more = ", and is tried again every few minutes" * again
                    warn(f"{self.name} did not go well{more}:\n{said}")
                elif waits and not status:
                    warn(f"{self.name} has gone well now.")
                waits = again
                pause = min(pause, self.again_after) if again else pause
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)

    async def _once(self, stopping: asyncio.Event) -> tuple[int, str]:
        """The exit status, and what it said; ended early when it is time to stop."""
        process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        stopped = asyncio.create_task(stopping.wait())
        ended = asyncio.create_task(process.communicate())
        await asyncio.wait([stopped, ended], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not ended.done():
            process.terminate()
        said, _ = await ended
        return process.returncode or 0, said.decode(errors="replace").strip()
