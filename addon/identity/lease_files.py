"""DHCP leases, watched live: the policy's devices at the addresses they were given.

A server may rewrite its file in place, so a reading can catch it half-way. What is new counts at
once; what is missing counts as gone only when the next reading misses it too. Two leases of one
address at one time cannot both be right, so that address is nobody's by lease.

That a lease still stands in its file is no news of it: a server that has died leaves its file as it
was, and a lease without an end is never renewed. What is news is a later end, and a sight of the
device itself at its address (see `neighbours`); one that comes back after days is known again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from addon.identity.desk import Desk
from addon.identity.intervals import AHEAD, TRUST
from addon.identity.lease_formats import FOREVER, Lease, leases_in
from addon.identity.sessions import Session
from rules.identity import LeaseFile, LeaseFormat, Source

log = logging.getLogger("schoolgate.identity")

_EVERY: Final = 0.25
"""Seconds between two looks at a file's size and time."""
_MOST_BYTES: Final = 64 << 20
_NEWS: Final = timedelta(minutes=10)
"""How much newer than what is known a sight of the device has to be to be news."""

type _Look = tuple[tuple[int, int, int] | None, ...]


class LeaseFiles:
    """The source `lease`; for the others, it tells which device has an address."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen: dict[LeaseFile, _Look] = {}
        self._held: dict[LeaseFile, list[Lease]] = {}
        self._told: dict[str, Lease] = {}
        self._since: dict[str, datetime] = {}  # when what is told of an address was first read
        self._now: datetime | None = None
        self._anew = False
        self._missing: set[str] = set()
        self._failed: set[LeaseFile] = set()

    async def run(self) -> None:
        """Looks at the files again and again."""
        while True:
            await self.look()
            await asyncio.sleep(_EVERY)

    async def look(self) -> None:
        """Reads the files that have changed, and reports what is new."""
        files = self._desk.policy.identity.leases
        changed = False
        for file in files:
            look = tuple(_look_of(path) for path in _parts(file))
            if self._seen.get(file) != look:
                held = await asyncio.to_thread(self._read, file)
                if held is not None:
                    self._held[file] = held
                    self._seen[file] = look
                changed = True
        for gone in self._held.keys() - set(files):
            del self._held[gone]
            self._desk.troubles.pop(gone.path, None)
            changed = True
        now = self._desk.now()
        self._clock(now)
        if changed or self._missing or any(lease.ends <= now for lease in self._told.values()):
            self._report(now)
        self._look_around(now)

    def forget(self) -> None:
        """Reports everything anew at the next look: the policy has changed."""
        self._anew = True
        self._seen.clear()

    def _read(self, file: LeaseFile) -> list[Lease] | None:
        found: list[Lease] = []
        try:
            for path in _parts(file):
                if path == Path(file.path) or path.exists():
                    with path.open("rb") as opened:
                        data = opened.read(_MOST_BYTES)
                    found += leases_in(data.decode("utf-8", "replace"), file.format)
        except OSError as error:
            if file not in self._failed:
                log.error(
                    "The leases in %s cannot be read (%s): until they can, they tell nothing new.",
                    file.path,
                    error.strerror,
                )
            self._failed.add(file)
            self._desk.troubles[file.path] = f"The leases in {file.path} cannot be read."
            return None
        self._failed.discard(file)
        self._desk.troubles.pop(file.path, None)
        if file.format is LeaseFormat.KEA:
            return list({lease.address: lease for lease in found}.values())
        return found

    def _clock(self, now: datetime) -> None:
        """When the clock goes back, leases stay as old as they were, as in the tracker."""
        before, self._now = self._now, now
        if before is None or now >= before - AHEAD:
            return
        for address in self._since:
            self._since[address] -= before - now

    def _report(self, now: datetime) -> None:
        active: dict[str, dict[str, Lease]] = defaultdict(dict)
        for leases in self._held.values():
            for lease in leases:
                if lease.ends > now:
                    active[lease.address][lease.hardware] = lease
        sole = {a: next(iter(on.values())) for a, on in active.items() if len(on) == 1}
        tracker, devices = self._desk.tracker, self._desk.policy.devices
        for address, lease in sole.items():
            told = self._told.get(address)
            if told == lease and not self._anew:
                continue
            if told != lease:
                self._told[address], self._since[address] = lease, now
            fresh = told is None or told.hardware != lease.hardware
            # Who asks for an IPv6 address says itself which device it is (RFC 8415, section 11):
            # anybody could have a colleague's sign-in follow to an address of their own.
            if fresh and ":" not in address:
                tracker.sighted(address, lease.hardware, now, now, heard=True)
            if lease.hardware in devices:
                self._arrive(lease, self._since[address], now)
            else:
                tracker.leave(Source.LEASE, address, now, "moved")
        gone = self._told.keys() - sole.keys()
        for address in gone:
            disputed = len(active.get(address, ())) > 1
            if disputed or address in self._missing or self._told[address].ends <= now:
                ends = min(now, self._told.pop(address).ends)
                del self._since[address]
                tracker.leave(Source.LEASE, address, ends, "disputed" if disputed else "over")
        self._missing = gone & self._told.keys()
        self._anew = False
        self._desk.noted()

    def _look_around(self, now: datetime) -> None:
        """Takes the sight of a device at the address of its lease for news of the lease."""
        tracker, devices = self._desk.tracker, self._desk.policy.devices
        for address, lease in self._told.items():
            if lease.hardware not in devices:
                continue
            seen = tracker.whereabouts.device_at(address)
            if seen is None or seen.heard or seen.hardware != lease.hardware:
                continue
            known = tracker.session(Source.LEASE, address)
            others = known is not None and known.person != devices[lease.hardware]
            if known is None or others or seen.at - known.vouched >= _NEWS:
                self._arrive(lease, seen.at, now)
                self._desk.noted()

    def _arrive(self, lease: Lease, vouched: datetime, now: datetime) -> None:
        tracker, person = self._desk.tracker, self._desk.policy.devices[lease.hardware]
        if now - vouched >= TRUST[Source.LEASE].gone:
            # Sights of the device may have held it up until now, for whoever owned it before.
            known = tracker.session(Source.LEASE, lease.address)
            if known is not None and known.person != person:
                tracker.leave(Source.LEASE, lease.address, now, "replaced")
            return
        ends = None if lease.ends == FOREVER else lease.ends
        tracker.arrive(
            Session(
                Source.LEASE, lease.address, person, vouched, lease.address, lease.hardware, ends
            ),
            now,
        )


def _parts(file: LeaseFile) -> tuple[Path, ...]:
    """The files to read, the newest last. Kea cleans up by setting its file aside first."""
    path = Path(file.path)
    if file.format is LeaseFormat.KEA:
        return (*(path.with_name(f"{path.name}.{part}") for part in ("completed", "2", "1")), path)
    return (path,)


def _look_of(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
