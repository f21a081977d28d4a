"""Where the portal reports to the identity process: sign-ins, sign-outs and logons.

A Unix socket in the state folder, which only the folder's owner can reach. A report is a line of
JSON; the answer is a line once it is on record, so that whoever signed in can go on at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from addon.identity.desk import Desk
from addon.identity.reporting import LONGEST, WITHIN, reachable
from addon.identity.sessions import Session
from addon.state_folder import identity_socket
from rules.hosts import HostError, canonical_address
from rules.identity import Source

log = logging.getLogger("schoolgate.identity")


class Counter:
    """The listening side, in the identity process."""

    def __init__(self, desk: Desk, state: Path) -> None:
        self._desk = desk
        self._state = state
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begins to listen. Raises OSError."""
        path = identity_socket(self._state)
        path.unlink(missing_ok=True)
        with reachable(path) as short:
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listening.bind(short)
        path.chmod(0o600)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=LONGEST)

    async def close(self) -> None:
        """Stops listening."""
        if self._server:
            self._server.close()
        identity_socket(self._state).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(WITHIN):
                line = await reader.readline()
            try:
                report = json.loads(line)
                changed = self._hear(report)
            except (ValueError, KeyError, TypeError, AttributeError, HostError):
                log.warning("The portal reported what makes no sense.")
                return
            self._desk.noted()
            if await self._desk.written(WITHIN):
                writer.write(json.dumps({"changed": changed}).encode() + b"\n")
                await writer.drain()
            else:
                self._take_back(report)
        except (TimeoutError, OSError):
            pass  # the portal says that it did not work
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _hear(self, report: dict[str, Any]) -> bool:
        source = Source(report["source"])
        address = canonical_address(report["address"])
        now = self._desk.now()
        if report["what"] == "left":
            return self._leave(source, address, report.get("person"), now)
        if report["what"] == "still-there":
            return self._stay(source, address, report["person"], now)
        ends = report.get("ends")
        until = datetime.fromisoformat(ends) if ends else None
        person = str(report["person"])
        self._desk.tracker.arrive(
            Session(source, address, person, now, address=address, ends=until), now
        )
        return True

    def _take_back(self, report: dict[str, Any]) -> None:
        """Whoever was told that they could not sign in must not be signed in a moment later, when
        the record can be written again: perhaps they have left the device to somebody else.
        """
        if report["what"] == "arrived":
            address = canonical_address(report["address"])
            self._desk.tracker.leave(Source(report["source"]), address, self._desk.now())
            self._desk.noted()

    def _stay(self, source: Source, address: str, person: str, now: datetime) -> bool:
        """Vouches for a person's session once more. One of somebody else's there ends: the arrival
        in between was missed, and only the next one can tell who of the two is there.
        """
        others = [one for one in self._there(source, address) if one.person != person]
        for other in others:
            self._desk.tracker.leave(source, other.key, now, "disputed")
        known = self._desk.tracker.session(source, address)
        return bool(others) or (
            known is not None and self._desk.tracker.refresh(source, address, now, now)
        )

    def _leave(self, source: Source, address: str, person: str | None, now: datetime) -> bool:
        """Ends the session at an address, or at the device there, if it is that person's."""
        found = [s for s in self._there(source, address) if person in (None, s.person)]
        for session in found:
            self._desk.tracker.leave(source, session.key, now)
        return bool(found)

    def _there(self, source: Source, address: str) -> list[Session]:
        """A source's sessions at an address, or at the device there."""
        tracker = self._desk.tracker
        seen = tracker.whereabouts.device_at(address)
        return [
            session
            for session in tracker.sessions(source)
            if session.address == address or (seen and session.hardware == seen.hardware)
        ]
