"""Devices that the policy names, seen in the kernel's neighbour table: IPv4 and all of their IPv6.

`ip -s -j neigh` says when each neighbour was last confirmed to be there (ip-neighbour(8)). A bell
of the kernel's own (rtnetlink(7), RTMGRP_NEIGH) says that the table has changed; what rang is not
read, only the table itself.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final

from addon.identity.desk import Desk
from addon.identity.sessions import Session
from rules.identity import Source
from rules.readers import parse_hardware_address

log = logging.getLogger("schoolgate.identity")

_EVERY: Final = 5.0
"""Seconds between two looks when no bell rings."""
_REST: Final = 0.1
_NEWS: Final = timedelta(seconds=30)
"""How much newer a sighting has to be to be news, where nothing else has changed."""
_RTMGRP_NEIGH: Final = 4
_THERE: Final = frozenset({"REACHABLE", "DELAY", "PROBE", "STALE", "PERMANENT"})
_COMMAND: Final = ("ip", "-s", "-j", "neigh", "show")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A device beside this machine. `at` is when it was last confirmed to be there, aware UTC."""

    address: str
    hardware: str
    at: datetime


def neighbours_in(text: str | bytes, now: datetime) -> Iterator[Neighbour]:
    """The neighbours that `ip -s -j neigh` has printed. Raises ValueError for anything else.

    Addresses that only exist on one cable (link-local) are left out: nobody browses with them.
    """
    for entry in json.loads(text or "[]"):
        if not _THERE.intersection(entry.get("state", ())) or "lladdr" not in entry:
            continue
        address = ip_address(entry["dst"])
        if address.is_link_local:
            continue
        try:
            hardware = parse_hardware_address(entry["lladdr"])
        except ValueError:
            continue  # no Ethernet
        age = timedelta(seconds=int(entry.get("confirmed", 0)))
        yield Neighbour(str(address), hardware, now - age)


class Neighbours:
    """The source `device`; for the others, it tells which device is at an address."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._told: dict[str, Neighbour] = {}
        self._bell = asyncio.Event()
        self._failed = False

    async def run(self) -> None:
        """Looks at the table now, whenever it changes, and every few seconds."""
        with self._listening() as bell:
            if bell:
                asyncio.get_running_loop().add_reader(bell, self._ring, bell)
            try:
                while True:
                    await self.look()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._bell.wait(), _EVERY)
                        await asyncio.sleep(_REST)
                    self._bell.clear()
            finally:
                if bell:
                    asyncio.get_running_loop().remove_reader(bell)

    async def look(self) -> None:
        """Reads the table and reports what is new in it."""
        try:
            process = await asyncio.create_subprocess_exec(
                *_COMMAND, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
            )
            printed, _ = await process.communicate()
            found = list(neighbours_in(printed, self._desk.now()))
        except (OSError, ValueError) as error:
            if not self._failed:
                log.error("The neighbour table cannot be read with '%s': %s", _COMMAND[0], error)
            self._failed = True
            self._desk.troubles["neighbours"] = "The neighbour table cannot be read."
            return
        self._failed = False
        self._desk.troubles.pop("neighbours", None)
        self._desk.tracker.heard[Source.DEVICE] = self._desk.now()
        for neighbour in found:
            self._report(neighbour)
        there = {neighbour.address for neighbour in found}
        # A device can go through addresses without end; those that have left the table are let go.
        self._told = {address: told for address, told in self._told.items() if address in there}

    def _report(self, neighbour: Neighbour) -> None:
        policy, tracker, now = self._desk.policy, self._desk.tracker, self._desk.now()
        person = policy.devices.get(neighbour.hardware)
        told = self._told.get(neighbour.address)
        seen = tracker.whereabouts.device_at(neighbour.address)
        taken = seen is not None and seen.hardware != neighbour.hardware
        if (
            told
            and told.hardware == neighbour.hardware
            and _close(told.at, neighbour.at)
            and not taken
        ):
            return
        self._told[neighbour.address] = neighbour
        # The kernel calls an entry that another device has just taken over a minute old. It sends
        # there all the same, so whoever was there is not any more.
        at = now if taken else neighbour.at
        tracker.sighted(neighbour.address, neighbour.hardware, at, now)
        if person and not tracker.whereabouts.is_crowded(neighbour.hardware):
            tracker.arrive(
                Session(
                    Source.DEVICE, neighbour.address, person, neighbour.at,
                    neighbour.address, neighbour.hardware,
                ),
                now,
            )  # fmt: skip
        else:
            tracker.leave(Source.DEVICE, neighbour.address, now, "moved")
        self._desk.noted()

    def forget(self) -> None:
        """Reports everything anew at the next look: the policy has changed."""
        self._told.clear()
        self._bell.set()

    def _ring(self, bell: socket.socket) -> None:
        with suppress(BlockingIOError):
            while bell.recv(65536):
                pass
        self._bell.set()

    def _listening(self) -> socket.socket:
        bell = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        bell.bind((0, _RTMGRP_NEIGH))
        return bell


def _close(one: datetime, other: datetime) -> bool:
    return abs(other - one) < _NEWS
