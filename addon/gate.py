"""The gate's parts and their life: options, policy, record, sink, and the worker's heartbeat.

It serves both ways of running: as one worker of `schoolgate run`, and under `mitmdump -s`, where
mitmproxy alone decides when things are loaded. Its options are therefore mitmproxy's own, and what
the enforcer depends on in mitmproxy's settings is set here and not left to a command line.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError

from addon.access_in_force import AccessInForce
from addon.authority.folder import AuthorityError
from addon.bounds import set_bounds
from addon.chores import Chores
from addon.identity.directory import Directory
from addon.identity.following import BindingsInForce
from addon.identity.presence import note_whether_wanted
from addon.just_before import JustBefore
from addon.kept_policy import KeptPolicy
from addon.kept_withdrawals import KeptWithdrawals
from addon.live_access import LiveAccess
from addon.off_limits import ends_here, leads_home
from addon.options import add_options, seconds_of
from addon.policy_in_force import PolicyInForce
from addon.record_address import gateway, record_url
from addon.record_continuity import RecordContinuity, to_carry
from addon.record_watch import RecordWatch
from addon.signatory import Signatory
from addon.sink import Sink
from addon.sizes import DEFAULT_LIMIT, read_limit
from addon.state_folder import bell_of, lists_folder
from addon.status import RecordStatus, WorkerStatus, publish, status_path
from rules.loading import PolicyError
from rules.policy import Policy
from storage.database import RecordError, record_to_write
from storage.events import WORKERS, EventIds
from storage.record_file import RecordFile
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

LOOK_AGAIN = 0.25
"""Seconds between two looks at the policy's files; a change is read at the second that sees it."""

RENEWAL_EVERY = 4 * 3600
"""Of those looks, between two at how long the authority still lasts."""

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
    access: LiveAccess
    recorder: Recorder
    event_ids: EventIds
    bindings: BindingsInForce
    directory: Directory
    signatory: Signatory

    def __init__(self) -> None:
        self.counts = Counts()
        self.sink = Sink()
        self.before = JustBefore()
        self.chores = Chores()
        self._reloads = 0  # that have been asked for and are not done
        self.portal_url = ""
        self.record_within = 2.0
        self.record_limit = read_limit(DEFAULT_LIMIT)
        self.started_at = datetime.now(UTC)
        self.continuity: RecordContinuity | None = None  # of a record in a file
        self._tasks: list[asyncio.Task[None]] = []

    def load(self, loader: Loader) -> None:
        """Adds the options; mitmproxy's `--options` prints their help."""
        set_bounds()
        add_options(loader)

    def configure(self, updated: set[str]) -> None:
        """Opens what the options name; raises OptionsError with one clear sentence."""
        if "schoolgate_portal" in updated:
            self.portal_url = ctx.options.schoolgate_portal
        if "schoolgate_record_within" in updated:
            self.record_within = seconds_of(ctx.options.schoolgate_record_within)
        if "schoolgate_record_limit" in updated:
            try:
                self.record_limit = read_limit(ctx.options.schoolgate_record_limit)
            except ValueError as error:
                raise OptionsError(f"schoolgate_record_limit: {error}") from error
        if not 0 <= ctx.options.schoolgate_worker < WORKERS:
            raise OptionsError(
                f"schoolgate_worker is {ctx.options.schoolgate_worker}; a worker's number is"
                f" 0 to {WORKERS - 1}."
            )
        if "schoolgate_policy" in updated:
            path, state = Path(ctx.options.schoolgate_policy), Path(ctx.options.schoolgate_state)
            kept = KeptPolicy(state, path)
            try:
                self.policy = PolicyInForce(path, _now, lists_folder(state), bell_of(state), kept)
            except PolicyError as error:
                raise OptionsError(str(error)) from error
        if updated & {"schoolgate_state", "schoolgate_record"}:
            self._open(Path(ctx.options.schoolgate_state))
        if updated & {"schoolgate_policy", "schoolgate_state"}:
            self.policy.keep()
        self.access.set_portal(self.portal_url)
        settings = {**REQUIRED_OPTIONS, "confdir": str(self.state / "authority")}
        changed = {name: value for name, value in settings.items() if _differs(name, value)}
        if changed:
            ctx.options.update(**changed)

    def _open(self, state: Path) -> None:
        self.state = state
        try:
            url = ctx.options.schoolgate_record or record_url()
            writer = gateway(state) if url else None
            database, away = record_to_write(state, url, gateway=writer)
            # A server gives room back only when its own administrator says so, and so a record
            # there could not find out of being full by itself.
            self.recorder = Recorder(database, room=None if url else self.record_limit)
            in_force = AccessInForce(database, KeptWithdrawals(state))
            if isinstance(database, RecordFile):
                self.continuity = RecordContinuity(state, database)
                self.continuity.look_at_start()  # before what is withdrawn is read from it
                in_force.carry(to_carry(state, database))
            self.bindings = BindingsInForce(database)
            self.directory = Directory(lambda: self.policy.now.policy, self.bindings.bindings)
            last = 0
            if away:
                # Nothing can be put on record, so no restricted site opens; all others work.
                log.warning("%s", away)
            else:
                in_force.look()
                self.bindings.look()
                last = database.last_event_id()
            self.event_ids = EventIds(ctx.options.schoolgate_worker, last)
            self.access = LiveAccess(in_force, self.directory, lambda: self.policy.now.policy)
            self.signatory = Signatory(state)
            self.signatory.bring_up_to_date(self.policy.now.policy, self.portal_url, _now())
        except (RecordError, AuthorityError) as error:
            raise OptionsError(str(error)) from error

    async def running(self) -> None:
        """Everything is configured and the ports are open."""
        if not ctx.options.schoolgate_worker:
            self._note_what_is_wanted()
        self.recorder.start()
        self.bindings.follow()
        await self.sink.start()
        work = (self._beat, self._watch, self.access.follow)
        self._tasks = [asyncio.create_task(each()) for each in work]
        if self.continuity and not ctx.options.schoolgate_worker:
            self._tasks.append(asyncio.create_task(self.continuity.follow(self.chores)))

    async def done(self) -> None:
        """mitmproxy stops: what is still to be recorded is written first."""
        for task in self._tasks:
            task.cancel()
        self.sink.stop()
        self.chores.close()
        self.bindings.close()
        await asyncio.to_thread(self.access.in_force.close)
        unwritten = await asyncio.to_thread(self.recorder.close, FLUSH_WITHIN)
        if unwritten:
            log.error("%d events could not be written to the record before the end.", unwritten)
        with suppress(OSError):
            status_path(self.state, ctx.options.schoolgate_worker).unlink()

    async def reload(self) -> None:
        """Reads the policy again, off the event loop, so that nobody's traffic waits.

        The other workers and the portal read the same files, so what came of it is logged once.
        """
        self._reloads += 1
        try:
            faults = await self.chores.do(self.policy.reload)
        finally:
            self._reloads -= 1
        if ctx.options.schoolgate_worker:
            return
        if faults:
            log.error("The new policy has faults; the old one stays in force.\n%s", faults)
        else:
            log.info("The policy was read again and is in force.")
            self._note_what_is_wanted()
            await self._renew_authority()

    def _note_what_is_wanted(self) -> None:
        try:
            note_whether_wanted(self.state, self.policy.now.policy)
        except OSError as error:
            log.error("Nobody could be told who has to watch who is where: %s.", error.strerror)

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
        worker = ctx.options.schoolgate_worker
        path, watch = status_path(self.state, worker), RecordWatch(self.state, worker)
        while True:
            status = self._status()
            watch.look(status.record)
            try:
                publish(path, status)
            except OSError as error:
                log.warning("The status file %s could not be written: %s.", path, error.strerror)
            await asyncio.sleep(HEARTBEAT)

    async def _watch(self) -> None:
        """Takes up a changed policy. Not the heartbeat's work: reading takes a while."""
        looks = 0
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            if not self._reloads and self.policy.has_changed():
                await self.reload()
            looks += 1
            if looks % RENEWAL_EVERY == 0:
                await self._renew_authority()
            elif self.signatory.has_changed():
                await self._told(self.signatory.take_up)

    async def _renew_authority(self) -> None:
        await self._told(self.signatory.bring_up_to_date)

    async def _told(self, work: Callable[[Policy, str, datetime], None]) -> None:
        """Does what concerns the authority off the event loop, and says what is wrong with it."""
        try:
            await self.chores.do(work, self.policy.now.policy, self.portal_url, _now())
        except (AuthorityError, OSError) as error:
            log.error("%s", error)

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
                size=record.room.used,
                limit=record.room.limit,
            ),
            decided=self.counts.allowed + self.counts.refused,
            refused=self.counts.refused,
            passed=self.counts.passed,
            authority=self.signatory.problems,
        )


def _now() -> datetime:
    return datetime.now(UTC)


def _differs(name: str, value: object) -> bool:
    return name in ctx.options and getattr(ctx.options, name) != value
