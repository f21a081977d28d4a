"""The listener for RADIUS accounting: the source `radius`.

A flood must not starve the other sources, nor the proxy beside this process: at each turn packets
are taken from the socket for a moment only, and after a whole one there is a pause. The kernel's
buffer holds the rest or drops it; a client sends again what was not answered.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

from addon.identity.desk import Desk
from addon.identity.radius_packets import Refused, answer_to, read_packet, report_of
from addon.identity.radius_sessions import RadiusSessions
from addon.identity.secret_files import SecretError, radius_secret_name, read_secret
from rules.identity import Radius, RadiusClient, Source

log = logging.getLogger("schoolgate.identity")

_A_TURN: Final = 0.01
"""Seconds of processor time before others have their turn."""
_PAUSE: Final = 0.04
"""Seconds after a whole turn: the most that a flood can have is a fifth of one processor."""
_LOOK_EVERY: Final = 16
"""Packets between two looks at how long a turn has taken."""
_BUFFER: Final = 8 << 20
"""Bytes that the kernel may hold for us; it may allow less (net.core.rmem_max)."""
_LARGEST: Final = 4096
"""Bytes of a packet at most (RFC 2865, section 3)."""
_COMPLAIN_EVERY: Final = 60.0


class RadiusListener:
    """Listens where the policy says, for the clients it names."""

    def __init__(
        self,
        desk: Desk,
        state: Path,
        ended: Iterable[str] = (),
        known: Iterable[tuple[str, str, datetime]] = (),
    ) -> None:
        """`ended` and `known` are sessions of earlier runs: see RadiusSessions."""
        self._desk = desk
        self._state = state
        self._sessions = RadiusSessions(
            desk.tracker, lambda account: desk.policy.identity.person_of(account), ended, known
        )
        self._socket: socket.socket | None = None
        self._bound: tuple[str, int] | None = None
        self._clients: list[tuple[RadiusClient, bytes]] = []
        self._known: dict[str, tuple[RadiusClient, bytes] | None] = {}
        self._complaints: Counter[str] = Counter()
        self._complained: float = -_COMPLAIN_EVERY
        self._timeless: set[str] = set()
        self._pause: asyncio.TimerHandle | None = None

    def set_up(self, radius: Radius | None) -> None:
        """Listens as `radius` says from now on; not at all without. Raises OSError."""
        bound = (radius.host, radius.port) if radius else None
        if bound != self._bound:
            self.close()
            if bound:
                self._socket = _listen(*bound)
                asyncio.get_running_loop().add_reader(self._socket, self._turn, self._socket)
                self._bound = bound
        self._known.clear()
        self._clients = []
        self._desk.troubles.pop("radius", None)
        for client in radius.clients if radius else ():
            try:
                secret = read_secret(self._state, radius_secret_name(client.name))
            except SecretError as error:
                what = f"The RADIUS client '{client.name}' is not listened to: {error}"
                log.error("%s", what)
                self._desk.troubles["radius"] = what
            else:
                self._clients.append((client, secret))

    def close(self) -> None:
        """Stops listening."""
        if self._pause:
            self._pause.cancel()
        if self._socket:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
        self._socket, self._bound = None, None

    def _turn(self, listening: socket.socket) -> None:
        noted = False
        over = time.thread_time() + _A_TURN
        with suppress(BlockingIOError):
            while True:
                for _ in range(_LOOK_EVERY):
                    data, peer = listening.recvfrom(_LARGEST)
                    changed, answer = self._hear(data, str(peer[0]))
                    noted |= changed
                    if answer:
                        with suppress(OSError):  # the client is told when it asks again
                            listening.sendto(answer, peer)
                if time.thread_time() > over:
                    self._rest(listening)
                    break
        if noted:
            self._desk.noted()

    def _rest(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        self._pause = loop.call_later(_PAUSE, loop.add_reader, listening, self._turn, listening)

    def _hear(self, data: bytes, address: str) -> tuple[bool, bytes]:
        """Whether the packet changed anything, and the answer to it, if it deserves one."""
        known = self._client_at(address)
        if known is None:
            self._complain(f"{address} is no RADIUS client of the policy's")
            return False, b""
        client, secret = known
        try:
            packet = read_packet(data, secret, client.signature)
        except Refused as why:
            self._complain(f"a packet of '{client.name}' ({address}) does not count: {why}")
            return False, b""
        report = report_of(packet)
        now = self._desk.tracker.heard[Source.RADIUS] = self._desk.now()
        if report and report.at is None:
            self._say_that_times_are_missing(client.name)
        changed = report is not None and self._sessions.hear(
            client.name, packet.authenticator, report, now
        )
        return changed, answer_to(packet)

    def _say_that_times_are_missing(self, client: str) -> None:
        if client not in self._timeless:
            self._timeless.add(client)
            log.warning(
                "RADIUS: '%s' does not send Event-Timestamp. Have it do so if it can: then a packet"
                " that somebody has captured cannot be taken for a new one.",
                client,
            )

    def _client_at(self, address: str) -> tuple[RadiusClient, bytes] | None:
        if address not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()  # addresses are easily made up
            number = _plain(address)
            self._known[address] = next(
                (
                    (client, secret)
                    for client, secret in self._clients
                    if any(number in network for network in client.networks)
                ),
                None,
            )
        return self._known[address]

    def _complain(self, what: str) -> None:
        """Says what is wrong, once a minute at most: whoever sends it may send a lot."""
        self._complaints[what] += 1
        if time.monotonic() - self._complained < _COMPLAIN_EVERY:
            if len(self._complaints) > 1000:
                self._complaints.clear()
            return
        for said, times in self._complaints.most_common(5):
            log.warning("RADIUS: %s (%d times).", said, times)
        self._complaints.clear()
        self._complained = time.monotonic()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


def _plain(address: str) -> IPv4Address | IPv6Address:
    number = ip_address(address.partition("%")[0])
    return (number.ipv4_mapped or number) if number.version == 6 else number
