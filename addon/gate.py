"""The gate's parts and their life: options, policy, record, sink, and the worker's heartbeat.

It serves both ways of running: as one worker of `schoolgate run`, and under `mitmdump -s`, where
mitmproxy alone decides when things are loaded. Its options are therefore mitmproxy's own, and what
the enforcer depends on in mitmproxy's settings is set here and not left to a command line.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError

from addon.authority import AuthorityError, ensure_authority
from addon.bounds import set_bounds
from addon.off_limits import ends_here, leads_home
from addon.policy_in_force import PolicyInForce
from addon.sink import Sink
from addon.status import RecordStatus, WorkerStatus, publish, status_path
from rules.loading import SHIPPED_POLICY, PolicyError
from storage.database import RecordError, open_record
from storage.events import WORKERS, EventIds
from storage.recorder import Recorder

log = logging.getLogger("schoolgate")

REQUIRED_OPTIONS: dict[str, object] = {
    # A site that will be refused is never contacted.
    "connection_strategy": "lazy",
    # What is neither TLS nor HTTP would otherwise walk through undecided.
    "rawtcp": False,
    # Who may connect is the gateway's to say; this one turns away IPv6 clients by default.
    "block_global": False,
    # The portal hands out the certificate.
    "onboarding": False,
    # What people send and read goes through and is not kept.
    "store_streamed_bodies": False,
}
HEARTBEAT = 1.0
"""Seconds between two status files; the portal calls a worker silent after five."""

FLUSH_WITHIN = 3.0
"""Seconds that stopping waits for the record, out of the five that stopping may take."""


@dataclass(slots=True)
class Counts:
    """Since this worker started."""

    allowed: int = 0
    refused: int = 0
    passed: int = 0


class Gate:
    """mitmproxy's addon for everything that is not about one request."""

    policy: PolicyInForce
    recorder: Recorder
    event_ids: EventIds

    def __init__(self) -> None:
        self.counts = Counts()
        self.sink = Sink()
        self.portal_url = ""
        self.record_within = 2.0
        self.started_at = datetime.now(UTC)
        self._tasks: list[asyncio.Task[None]] = []

    def load(self, loader: Loader) -> None:
        """Adds the options; mitmproxy's `--options` prints their help."""
        set_bounds()
        loader.add_option(
            "schoolgate_policy",
            str,
            str(SHIPPED_POLICY),
            "The YAML file with the school's policy. Default: the shipped policy.",
        )
        loader.add_option(
            "schoolgate_state",
            str,
            "var",
            "The folder for the record, the certificate authority and the status files.",
        )
        loader.add_option(
            "schoolgate_portal",
            str,
            "http://127.0.0.1:8081",
            "The address of the portal that block pages link to.",
        )
        loader.add_option(
            "schoolgate_record_within",
            str,
            "2.0",
            "Seconds that an allowed request may wait for the record before it is refused.",
        )
        loader.add_option(
            "schoolgate_worker",
            int,
            0,
            "This worker's number, from 0 to 15, of those on one record.",
        )

    def configure(self, updated: set[str]) -> None:
        """Opens what the options name; raises OptionsError with one clear sentence."""
        if "schoolgate_portal" in updated:
            self.portal_url = ctx.options.schoolgate_portal
        if "schoolgate_record_within" in updated:
            self.record_within = _seconds(ctx.options.schoolgate_record_within)
        if not 0 <= ctx.options.schoolgate_worker < WORKERS:
            raise OptionsError(
                f"schoolgate_worker is {ctx.options.schoolgate_worker}; a worker's number is"
                f" 0 to {WORKERS - 1}."
            )
        if "schoolgate_policy" in updated:
            try:
                self.policy = PolicyInForce(Path(ctx.options.schoolgate_policy), _now)
            except PolicyError as error:
                raise OptionsError(str(error)) from error
        if "schoolgate_state" in updated:
            self._open(Path(ctx.options.schoolgate_state))
        settings = {**REQUIRED_OPTIONS, "confdir": str(self.state / "authority")}
        changed = {name: value for name, value in settings.items() if _differs(name, value)}
        if changed:
            ctx.options.update(**changed)

    def _open(self, state: Path) -> None:
        self.state = state
        try:
            database = open_record(state)
            self.recorder = Recorder(database)
            self.event_ids = EventIds(ctx.options.schoolgate_worker, database.last_event_id())
            school = self.policy.now.policy.school.name
            ensure_authority(state / "authority", school, datetime.now(UTC))
        except (RecordError, AuthorityError) as error:
            raise OptionsError(str(error)) from error

    async def running(self) -> None:
        """Everything is configured and the ports are open."""
        self.recorder.start()
        await self.sink.start()
        self._tasks = [asyncio.create_task(self._beat()), asyncio.create_task(self._watch())]

    async def done(self) -> None:
        """mitmproxy stops: what is still to be recorded is written first."""
        for task in self._tasks:
            task.cancel()
        self.sink.stop()
        unwritten = await asyncio.to_thread(self.recorder.close, FLUSH_WITHIN)
        if unwritten:
            log.error("%d events could not be written to the record before the end.", unwritten)
        with suppress(OSError):
            status_path(self.state, ctx.options.schoolgate_worker).unlink()

    async def reload(self) -> None:
        """Reads the policy again, off the event loop, so that nobody's traffic waits."""
        if faults := await asyncio.to_thread(self.policy.reload):
            log.error("The new policy has faults; the old one stays in force.\n%s", faults)
        else:
            log.info("The policy was read again and is in force.")

    async def is_off_limits(self, client: str, address: tuple[str, int]) -> bool:
        """Whether a client at an IP address may not be led to an upstream address."""
        if address == self.sink.address:
            return False
        return await leads_home(client, address, self._own_ports())

    def is_astray(self, client: str, number: str, port: int) -> bool:
        """Whether a connection has ended where this client may not be led: a name that was looked
        up twice can answer twice, each time with another address.
        """
        if (number, port) == self.sink.address:
            return False
        return ends_here(client, number, port, self._own_ports())

    def _own_ports(self) -> set[int]:
        return {known[1] for known in ctx.master.addons.get("proxyserver").listen_addrs()}

    async def _beat(self) -> None:
        path = status_path(self.state, ctx.options.schoolgate_worker)
        while True:
            try:
                publish(path, self._status())
            except OSError as error:
                log.warning("The status file %s could not be written: %s.", path, error.strerror)
            await asyncio.sleep(HEARTBEAT)

    async def _watch(self) -> None:
        """Takes up a changed policy. Not the heartbeat's work: reading takes a while."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            if self.policy.has_changed():
                await self.reload()

    def _status(self) -> WorkerStatus:
        record = self.recorder.state
        in_force = self.policy.now
        return WorkerStatus(
            worker=ctx.options.schoolgate_worker,
            pid=os.getpid(),
            started_at=self.started_at,
            at=datetime.now(UTC),
            policy=in_force.policy.digest,
            policy_loaded_at=in_force.since,
            last_reload_error=in_force.last_reload_error,
            record=RecordStatus(
                pending=record.pending,
                lag=record.lag,
                lost=record.lost,
                written=record.written,
                last_error=record.last_error,
            ),
            decided=self.counts.allowed + self.counts.refused,
            refused=self.counts.refused,
            passed=self.counts.passed,
        )


def _now() -> datetime:
    return datetime.now(UTC)


def _differs(name: str, value: object) -> bool:
    return name in ctx.options and getattr(ctx.options, name) != value


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 60:
        raise OptionsError(f"schoolgate_record_within is {text!r}; give seconds, such as 2 or 0.5.")
    return seconds
