"""Keeps child processes running: starts them, hears that they answer, restarts, reloads, stops.

A child that dies before all have answered is a fault of the set-up, and everything stops. One that
dies later is started again, after a pause that doubles with each death and is forgotten after a
while of health. One that no longer answers is ended, so that it is started again too.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from addon.journal_lines import warn
from addon.lifeline import ALIVE, READY
from scripts.chores import Chore
from scripts.service_notices import ServiceNotices

READY_WITHIN = 60.0
STOP_WITHIN = 4.5
"""Seconds; stopping takes at most five in all."""

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
HEALTHY_AFTER = 30.0

SILENT_AFTER = 30.0
"""Seconds without a sign of life after which a child hangs; it gives one every five."""

LOOK_EVERY = 5.0

WANTED_EVERY = 0.5
"""Seconds between two looks whether a child is wanted."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running, which says on standard output when it answers."""

    name: str
    command: Sequence[str]
    reloads: bool = True  # on SIGHUP
    after: Sequence[str] = ()  # others that answer before it is first started
    silent_after: float | None = SILENT_AFTER  # None: it gives no signs of life
    wanted: Path | None = None  # it runs only while this file is there


class Supervisor:
    """Runs until SIGTERM or SIGINT; SIGHUP goes on to the children."""

    def __init__(self, children: Sequence[Child], ready: str, chores: Sequence[Chore] = ()) -> None:
        self._children = children
        self._chores = chores
        self._ready = ready
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._ready_children = {child.name: asyncio.Event() for child in children}
        self._owed: set[str] = set()  # a reload, to children that could not take one yet
        self._answered = False
        self._heard: dict[str, float] = {}  # when, of those that run and have answered
        self._systemd = ServiceNotices()

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
                self._systemd.ready()
                watch = asyncio.create_task(self._watch())
                chores = [asyncio.create_task(chore.do(self._stopping)) for chore in self._chores]
                await stop
                self._systemd.stopping()
                watch.cancel()
                await asyncio.gather(*chores)
            else:
                if ready.done():
                    warn(
                        f"Schoolgate did not answer within {READY_WITHIN:.0f} seconds"
                        " and was stopped."
                    )
                status = 1
        self._stopping.set()
        ready.cancel()
        await self._stop_all()
        await asyncio.gather(*keepers, ready, return_exceptions=True)
        return status

    async def _keep(self, child: Child) -> None:
        pause = FIRST_PAUSE
        await self._others(child.after)
        while await self._is_wanted(child):
            started = time.monotonic()
            self._ready_children[child.name].clear()
            process = await asyncio.create_subprocess_exec(
                # The open pipe is the child's lifeline: it ends when this process does.
                *child.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone
            )
            known = child.name in self._processes
            self._processes[child.name] = process
            leave = asyncio.create_task(self._end_when_unwanted(child, process))
            assert process.stdout
            while line := await process.stdout.readline():
                word = line.decode(errors="replace").strip()
                if word in (READY, ALIVE) and child.silent_after:
                    self._heard[child.name] = time.monotonic()
                if word == READY:
                    self._ready_children[child.name].set()
                    if self._answered and known:
                        warn(f"The {child.name} is back.")
                    if child.name in self._owed:
                        self._reload(child.name)
            code = await process.wait()
            leave.cancel()
            self._heard.pop(child.name, None)
            if self._stopping.is_set():
                return
            if child.wanted and not child.wanted.exists():
                pause = FIRST_PAUSE
                continue
            if not self._answered:
                warn(
                    f"The {child.name} stopped before it was ready ({_how(code)}),"
                    " so nothing was started."
                )
                return
            if time.monotonic() - started > HEALTHY_AFTER:
                pause = FIRST_PAUSE
            warn(f"The {child.name} stopped ({_how(code)}); starting it again in {pause:g} s.")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _is_wanted(self, child: Child) -> bool:
        """Waits until a child is wanted; False when it is time to stop."""
        while not self._stopping.is_set():
            if child.wanted is None or child.wanted.exists():
                return True
            self._ready_children[child.name].set()  # there is nothing to wait for
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), WANTED_EVERY)
        return False

    async def _end_when_unwanted(self, child: Child, process: asyncio.subprocess.Process) -> None:
        while child.wanted is None or child.wanted.exists():
            await asyncio.sleep(WANTED_EVERY)
        with suppress(ProcessLookupError):
            process.terminate()

    async def _others(self, names: Sequence[str]) -> None:
        """Waits until others answer, or until it is time to stop."""
        if names:
            ready = [self._ready_children[name].wait() for name in names]
            answer: asyncio.Future[Any] = asyncio.gather(*ready)
            stop: asyncio.Future[Any] = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait([answer, stop], return_when=asyncio.FIRST_COMPLETED)
            answer.cancel()
            stop.cancel()

    async def _wait_until_ready(self) -> bool:
        """Whether every child says in time that it answers."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_WITHIN):
                for ready in self._ready_children.values():
                    await ready.wait()
                return True
        return False

    async def _watch(self) -> None:
        """Ends what hangs, and tells systemd that we live while nothing does."""
        patience = [child.silent_after / 3 for child in self._children if child.silent_after]
        every = min(LOOK_EVERY, self._systemd.beat or LOOK_EVERY, *patience)
        while True:
            now = time.monotonic()
            hanging = [
                child
                for child in self._children
                if child.silent_after
                and now - self._heard.get(child.name, now) > child.silent_after
            ]
            if not hanging:
                self._systemd.alive()
            for child in hanging:
                warn(f"The {child.name} no longer answers, so it is ended.")
                self._heard.pop(child.name)
                with suppress(ProcessLookupError):
                    self._processes[child.name].kill()
            await asyncio.sleep(every)

    def _reload_all(self) -> None:
        self._systemd.reloading()
        for child in self._children:
            if child.reloads:
                self._reload(child.name)
        self._systemd.ready()

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
