"""Keeps child processes running: starts them, hears that they answer, restarts, reloads, stops.

A child that dies before all have answered is a fault of the set-up, and everything stops. One that
dies later is started again, after a pause that doubles with each death and is forgotten after a
while of health.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import click

from addon.lifeline import READY

READY_WITHIN = 60.0
STOP_WITHIN = 4.5
"""Seconds; stopping takes at most five in all."""

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
HEALTHY_AFTER = 30.0


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running, which says on standard output when it answers."""

    name: str
    command: Sequence[str]


class Supervisor:
    """Runs until SIGTERM or SIGINT; SIGHUP goes on to the children."""

    def __init__(self, children: Sequence[Child], ready: str) -> None:
        self._children = children
        self._ready = ready
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._ready_children = {child.name: asyncio.Event() for child in children}
        self._owed: set[str] = set()  # a reload, to children that could not take one yet
        self._answered = False

    async def run(self) -> int:
        """The exit status: 0 after a wanted stop, 1 if the children never came up."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_all)
        keepers = [asyncio.create_task(self._keep(child)) for child in self._children]
        stop = asyncio.create_task(self._stopping.wait())
        ready = asyncio.create_task(self._wait_until_ready())
        await asyncio.wait([stop, ready, *keepers], return_when=asyncio.FIRST_COMPLETED)
        status = 0
        if not stop.done():
            if ready.done() and ready.result():
                self._answered = True
                click.echo(self._ready)
                await stop
            else:
                if ready.done():
                    click.echo(
                        f"Schoolgate did not answer within {READY_WITHIN:.0f} seconds"
                        " and was stopped.",
                        err=True,
                    )
                status = 1
        self._stopping.set()
        ready.cancel()
        await self._stop_all()
        await asyncio.gather(*keepers, ready, return_exceptions=True)
        return status

    async def _keep(self, child: Child) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            started = time.monotonic()
            self._ready_children[child.name].clear()
            process = await asyncio.create_subprocess_exec(
                # The open pipe is the child's lifeline: it ends when this process does.
                *child.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone
            )
            self._processes[child.name] = process
            assert process.stdout
            while line := await process.stdout.readline():
                if line.decode(errors="replace").strip() == READY:
                    self._ready_children[child.name].set()
                    if child.name in self._owed:
                        self._reload(child.name)
            code = await process.wait()
            if self._stopping.is_set():
                return
            if not self._answered:
                click.echo(
                    f"The {child.name} stopped before it was ready ({_how(code)}),"
                    " so nothing was started.",
                    err=True,
                )
                return
            if time.monotonic() - started > HEALTHY_AFTER:
                pause = FIRST_PAUSE
            click.echo(
                f"The {child.name} stopped ({_how(code)}); starting it again in {pause:g} s.",
                err=True,
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _wait_until_ready(self) -> bool:
        """Whether every child says in time that it answers."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_WITHIN):
                for ready in self._ready_children.values():
                    await ready.wait()
                return True
        return False

    def _reload_all(self) -> None:
        for child in self._children:
            self._reload(child.name)

    def _reload(self, name: str) -> None:
        """Passes SIGHUP on, but never to a child that is still starting: it would die of it."""
        process = self._processes.get(name)
        if process is None or not self._ready_children[name].is_set():
            self._owed.add(name)
            return
        self._owed.discard(name)
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGHUP)

    def _signal_all(self, number: signal.Signals) -> None:
        for process in self._processes.values():
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.send_signal(number)

    async def _stop_all(self) -> None:
        self._signal_all(signal.SIGTERM)
        running = [p.wait() for p in self._processes.values() if p.returncode is None]
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await asyncio.gather(*running)
        except TimeoutError:
            self._signal_all(signal.SIGKILL)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"
