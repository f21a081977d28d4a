"""What a determined person at a device can send: any bytes, any ClientHello, any names.

Sockets are opened by a thread that lives in the device's namespace (setns(2)), so that a row of the
evasion table is a few lines of Python and not a program to start. OpenSSL's state machine speaks
through memory, so that the first flight can be cut, slowed and repacked before it leaves.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from OpenSSL import SSL

from tests.lab.internet import Client
from tests.lab.world import NAMES
from tests.support.pace import promised

type Shape = Callable[[bytes], Iterable[bytes]]
"""The first flight, in the pieces that it leaves in. An empty piece is a pause of 0.3 s."""

PATIENCE = 0.5
"""Seconds without a word after which an answer counts as whole, where nothing else is done."""


@dataclass(frozen=True)
class Answer:
    """What came back. `issuer` is who vouched for the server, where TLS was spoken."""

    body: bytes = b""
    issuer: str = ""
    fault: str = ""

    @property
    def status(self) -> int:
        """The first HTTP status in it, or 0."""
        words = self.body.split(b" ", 2)
        numeric = len(words) > 1 and words[0].startswith(b"HTTP/") and words[1][:3].isdigit()
        return int(words[1][:3]) if numeric else 0


class Device:
    """A client of the lab, and what is done on it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.six = False
        path = f"/run/netns/{client.namespace.name}"
        self._inside = ThreadPoolExecutor(1, initializer=_enter, initargs=(path,))

    def close(self) -> None:
        self._inside.shutdown()

    def do[T](self, what: Callable[[Device], T]) -> T:
        """Runs something with the device's network."""
        return self._inside.submit(what, self).result(120)

    def at(self, name: str) -> str:
        """Where a name truly leads, in the family that this device uses just now."""
        return next(address for address in NAMES[name] if (":" in address) == self.six)

    def connect(self, address: str, port: int, within: float = 2.0) -> socket.socket:
        """A TCP connection. Raises OSError."""
        return socket.create_connection((address, port), promised(within))

    def say(self, address: str, *pieces: bytes, port: int = 80, whole: bool = False) -> Answer:
        """Sends bytes as they are, piece by piece, and reads what comes back.

        With `whole`, the sending side is closed before reading.
        """
        try:
            with self.connect(address, port) as connection:
                for number, piece in enumerate(pieces):
                    if number:
                        time.sleep(0.3)
                    connection.sendall(piece)
                if whole:
                    connection.shutdown(socket.SHUT_WR)
                return Answer(_read(connection))
        except OSError as fault:
            return Answer(fault=type(fault).__name__)

    def datagram(self, address: str, port: int, data: bytes, within: float = 0.7) -> Answer:
        """Sends one UDP datagram; a refusal is a fault, and so is silence."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as knocking:
            knocking.settimeout(promised(within))
            try:
                knocking.connect((address, port))
                knocking.send(data)
                return Answer(knocking.recv(65535))
            except OSError as fault:
                return Answer(fault=type(fault).__name__)

    def after_a_stray(self, address: str, port: int, name: str, request: bytes) -> Answer:
        """Like `tls`, or `say` on port 80, once a lone packet from the middle of no connection has
        gone ahead between the same two ports: the gateway sees it, and the server does not.
        """
        with socket.socket(socket.AF_INET6 if self.six else socket.AF_INET) as connection:
            connection.bind(("", 0))
            _stray(connection.getsockname()[1], address, port)
            time.sleep(0.1)
            try:
                connection.settimeout(promised(2.0))
                connection.connect((address, port))
                if port == 80:
                    connection.sendall(request)
                    return Answer(_read(connection))
                tls = Tls(connection, name.encode())
                tls.shake_hands(lambda hello: [hello])
                return Answer(tls.ask(request), tls.issuer)
            except (OSError, SSL.Error, EOFError) as fault:
                return Answer(fault=repr(fault)[:200])

    def tls(
        self,
        address: str,
        name: bytes | None,
        *requests: bytes,
        port: int = 443,
        shape: Shape = lambda hello: [hello],
        alpn: Sequence[bytes] = (),
        newest: int = SSL.TLS1_3_VERSION,
        before: bytes = b"",
        talk: Callable[[Tls], bytes] | None = None,
        session: Any = None,
    ) -> Answer:
        """A TLS connection under any name, and what is asked on it, one request after the other.

        `before` leaves before the ClientHello, in the clear. Instead of `requests`, `talk` holds
        the conversation.
        """
        tls: Tls | None = None
        try:
            with self.connect(address, port) as connection:
                tls = Tls(connection, name, alpn, newest, session)
                tls.shake_hands(shape, before)
                body = talk(tls) if talk else b"".join(tls.ask(request) for request in requests)
                return Answer(body, tls.issuer)
        except (OSError, SSL.Error, EOFError) as fault:
            return Answer(tls.heard if tls else b"", tls.issuer if tls else "", repr(fault)[:200])


def _stray(source: int, address: str, port: int) -> None:
    """Sends a TCP packet with nothing but the ACK flag, which dies one step behind the gateway."""
    six = ":" in address
    with socket.socket(
        socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP
    ) as raw:
        if six:
            raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 2)
        else:
            raw.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 2)
        raw.connect((address, 0))
        own = raw.getsockname()[0]
        family = socket.AF_INET6 if six else socket.AF_INET
        ends = socket.inet_pton(family, own) + socket.inet_pton(family, address)
        packet = struct.pack("!HHIIBBHHH", source, port, 1, 1, 5 << 4, 0x10, 1024, 0, 0)
        length = struct.pack("!I" if six else "!H", len(packet))
        pseudo = ends + (length + b"\0\0\0\x06" if six else b"\0\x06" + length)
        words = struct.unpack(f"!{len(pseudo + packet) // 2}H", pseudo + packet)
        total = sum(words)
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        raw.send(packet[:16] + struct.pack("!H", ~total & 0xFFFF) + packet[18:])


class Tls:
    """A client's side of TLS on a connected socket."""

    def __init__(
        self,
        connection: socket.socket,
        name: bytes | None,
        alpn: Sequence[bytes] = (),
        newest: int = SSL.TLS1_3_VERSION,
        session: Any = None,
    ) -> None:
        self.socket = connection
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_verify(SSL.VERIFY_NONE, lambda *_: True)
        context.set_max_proto_version(newest)
        if alpn:
            context.set_alpn_protos(list(alpn))
        self.engine = SSL.Connection(context, None)
        self.engine.set_connect_state()
        if name is not None:
            self.engine.set_tlsext_host_name(name)
        if session is not None:
            self.engine.set_session(session)
        self.heard = b""

    @property
    def issuer(self) -> str:
        """Who vouches for the server: the organisation or common name, or nothing yet."""
        certificate = self.engine.get_peer_certificate()
        if certificate is None:
            return ""
        issuer = certificate.get_issuer()
        return str(issuer.O or issuer.CN or "")

    def shake_hands(self, shape: Shape = lambda hello: [hello], before: bytes = b"") -> None:
        """Until both are agreed. Raises OSError, EOFError or SSL.Error."""
        first = True
        while True:
            try:
                self.engine.do_handshake()
                self._flush()
                return
            except SSL.WantReadError:
                if first:
                    self._shaped(shape, before)
                first = False
                self._flush()
                self._feed()

    def ask(self, request: bytes) -> bytes:
        """Sends a request and gives back what is said until silence or the end."""
        self.send(request)
        return self.read()

    def send(self, data: bytes) -> None:
        self.engine.sendall(data)
        self._flush()

    def read(self, enough: Callable[[bytes], bool] = lambda heard: _is_whole(heard)) -> bytes:
        """What comes until it is enough, or the peer falls silent or ends."""
        said = b""
        self.socket.settimeout(promised(PATIENCE))
        while not enough(said):
            try:
                said += self.engine.recv(65536)
            except SSL.WantReadError:
                try:
                    self._feed()
                except (OSError, EOFError):
                    break
            except SSL.Error:
                break
        self.heard += said
        return said

    def _shaped(self, shape: Shape, before: bytes) -> None:
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if before:
            self.socket.sendall(before)
        for piece in shape(self._outgoing()):
            if piece:
                self.socket.sendall(piece)
            else:
                time.sleep(0.3)

    def _outgoing(self) -> bytes:
        data = b""
        while True:
            try:
                data += self.engine.bio_read(65536)
            except SSL.WantReadError:
                return data

    def _flush(self) -> None:
        if data := self._outgoing():
            self.socket.sendall(data)

    def _feed(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the peer closed")
        self.engine.bio_write(data)


def get(host: str, path: str = "/", *headers: str) -> bytes:
    """A request as any browser would send it."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _is_whole(said: bytes) -> bool:
    """Whether one answer with a known length is all there."""
    head, mark, body = said.partition(b"\r\n\r\n")
    if not mark:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return False


def _read(connection: socket.socket) -> bytes:
    said = b""
    connection.settimeout(promised(PATIENCE))
    try:
        while chunk := connection.recv(65536):
            said += chunk
            if _is_whole(said):
                connection.settimeout(promised(0.15))  # there may be a second answer
    except OSError:
        pass
    return said


def _enter(path: str) -> None:
    with open(path) as namespace:  # noqa: PTH123 - a descriptor is wanted
        os.setns(namespace.fileno(), os.CLONE_NEWNET)
