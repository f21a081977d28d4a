"""Rows: HTTP/2, where one connection carries requests to several names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error

from tests.lab.device import Answer, Device, Tls, get
from tests.lab.evasion.row import Row, Verdict

THEME = "HTTP/2"
FACEBOOK, UNRELATED, X = "www.facebook.com", "www.unrelated.example", "x.com"

type Fields = Sequence[tuple[str, str]]


def asked(authority: str, path: str = "/", method: str = "GET", *more: tuple[str, str]) -> Fields:
    return (
        (":method", method), (":scheme", "https"), (":authority", authority), (":path", path), *more
    )  # fmt: skip


class _Talk:
    """A client's HTTP/2 over any stream of bytes; says every answer as `STATUS BODY` lines."""

    def __init__(self, send: Callable[[bytes], None], receive: Callable[[], bytes]) -> None:
        self._send, self._receive = send, receive
        self.h2 = H2Connection(
            H2Configuration(
                header_encoding="utf-8", validate_outbound_headers=False,
                normalize_outbound_headers=False, validate_inbound_headers=False,
            )
        )  # fmt: skip

    def run(self, requests: Sequence[Fields], one_by_one: bool = True) -> bytes:
        said: dict[int, bytes] = {}
        self.h2.initiate_connection()
        waiting: set[int] = set()
        for fields in requests:
            stream = self.h2.get_next_available_stream_id()
            said[stream] = b""
            waiting.add(stream)
            self.h2.send_headers(stream, list(fields), end_stream=True)
            self._send(self.h2.data_to_send())
            if one_by_one:
                self._until(waiting, said)
        self._until(waiting, said)
        return b"\n".join(answer.strip() for answer in said.values())

    def _until(self, waiting: set[int], said: dict[int, bytes]) -> None:
        while waiting:
            try:
                data = self._receive()
            except (OSError, EOFError):
                return
            if not data:
                return
            try:
                events = self.h2.receive_data(data)
            except H2Error:
                return
            for event in events:
                match event:
                    case ResponseReceived():
                        status = dict(event.headers)[":status"]
                        said[event.stream_id] += f"HTTP/2 {status} ".encode()
                    case DataReceived():
                        said[event.stream_id] += event.data
                        self.h2.acknowledge_received_data(
                            event.flow_controlled_length, event.stream_id
                        )
                    case StreamEnded() | StreamReset():
                        waiting.discard(event.stream_id)
                    case ConnectionTerminated():
                        return
            self._send(self.h2.data_to_send())


def over_tls(
    name: str, *requests: Fields, at: str | None = None, last: bool = True, one_by_one: bool = True,
    alpn: Sequence[bytes] = (b"h2",),
) -> Callable[[Device], Answer]:  # fmt: skip
    """Requests on one connection under a name; the answer is the last one's, or all of them."""

    def talk(tls: Tls) -> bytes:
        said = _Talk(tls.send, lambda: tls.read(enough=bool)).run(requests, one_by_one)
        return said.rpartition(b"\n")[2] if last else said

    return lambda device: device.tls(device.at(at or name), name.encode(), alpn=alpn, talk=talk)


def in_the_clear(
    *requests: Fields, at: str, port: int = 80, before: bytes = b""
) -> Callable[[Device], Answer]:
    def attempt(device: Device) -> Answer:
        with device.connect(device.at(at), port) as connection:
            connection.settimeout(2)
            try:
                if before:
                    connection.sendall(before)
                    first = connection.recv(65536)
                    if b" 101 " not in first[:20]:
                        return Answer(first)
                return Answer(
                    _Talk(connection.sendall, lambda: connection.recv(65536)).run(requests)
                )
            except OSError as fault:
                return Answer(fault=repr(fault))

    return attempt


def refused(case: str, attempt, why: str, *, recorded: bool = True, **facts) -> Row:
    verdict = Verdict.RECORDED if recorded else Verdict.REFUSED
    return Row(THEME, case, attempt, verdict, why, **facts)


UPGRADE = get(
    FACEBOOK,
    "/",
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABkAAQAAP__",
)

ROWS = (
    refused("the site by its name", over_tls(FACEBOOK, asked(FACEBOOK)), "restricted", six=True),
    Row(
        THEME,
        "an unrelated site",
        over_tls(UNRELATED, asked(UNRELATED)),
        Verdict.PASSES,
        "unrelated; not decrypted",
        six=True,
    ),
    Row(
        THEME,
        "an allowed site",
        over_tls(X, asked(X)),
        Verdict.OPENS,
        "a standing purpose",
        who="office",
        target="x",
    ),
    refused(
        "one connection: an allowed site, then the restricted one (coalescing)",
        over_tls(X, asked(X), asked(FACEBOOK)),
        "each stream is judged",
        who="office",
        outcomes=("mismatch",),
    ),
    refused(
        "one connection: both at the same moment",
        over_tls(X, asked(X), asked(FACEBOOK), one_by_one=False),
        "each stream is judged",
        who="office",
        outcomes=("mismatch",),
    ),
    refused(
        "one connection, no name outside: an unrelated site, then the restricted one",
        lambda d: d.tls(
            d.at(UNRELATED),
            None,
            alpn=(b"h2",),
            talk=lambda tls: _Talk(tls.send, lambda: tls.read(enough=bool)).run(
                [asked(UNRELATED), asked(FACEBOOK)]
            ),
        ),
        "each stream is judged",
    ),
    refused(
        "an allowed :authority, the restricted site as Host",
        over_tls(X, asked(X, "/", "GET", ("host", FACEBOOK))),
        "names must agree",
        who="office",
        recorded=False,
    ),
    refused(
        "no :authority, the restricted site as Host",
        over_tls(X, ((":method", "GET"), (":scheme", "https"), (":path", "/"), ("host", FACEBOOK))),
        "names must agree",
        who="office",
        recorded=False,
    ),
    refused(
        "a path that is an address of the restricted site",
        over_tls(X, asked(X, f"https://{FACEBOOK}/")),
        "not a path",
        who="office",
        recorded=False,
    ),
    refused(
        "a :method with a whole request in it",
        over_tls(X, asked(X, "/", f"GET / HTTP/1.1\r\nHost: {FACEBOOK}\r\n\r\nGET")),
        "no line breaks",
        who="office",
        recorded=False,
    ),
    refused(
        "a header with a whole request in it",
        over_tls(
            X, asked(X, "/", "GET", ("x-a", f"b\r\n\r\nGET / HTTP/1.1\r\nHost: {FACEBOOK}\r\n"))
        ),
        "no line breaks",
        who="office",
        recorded=False,
    ),
    refused(
        "CONNECT to the restricted site inside an allowed one",
        over_tls(X, ((":method", "CONNECT"), (":authority", f"{FACEBOOK}:443"))),
        "no tunnels",
        who="office",
        recorded=False,
    ),
    refused(
        "a WebSocket by CONNECT (RFC 8441) to the restricted site",
        over_tls(
            FACEBOOK,
            (
                (":method", "CONNECT"),
                (":protocol", "websocket"),
                (":scheme", "https"),
                (":authority", FACEBOOK),
                (":path", "/socket"),
            ),
        ),
        "judged or refused",
        recorded=False,
    ),
    refused(
        "without saying so in the ClientHello (prior knowledge within TLS)",
        over_tls(FACEBOOK, asked(FACEBOOK), alpn=()),
        "not HTTP/1",
        recorded=False,
    ),
    refused(
        "HTTP/1 after saying HTTP/2",
        lambda d: d.tls(d.at(FACEBOOK), b"www.facebook.com", get(FACEBOOK), alpn=(b"h2",)),
        "not HTTP/2",
        recorded=False,
    ),
    refused(
        "h2c: prior knowledge",
        in_the_clear(asked(FACEBOOK), at=FACEBOOK),
        "HTTP/2 in the clear is refused",
        recorded=False,
        six=True,
    ),
    refused(
        "h2c: prior knowledge, at an unrelated address",
        in_the_clear(asked(FACEBOOK), at=UNRELATED),
        "HTTP/2 in the clear is refused",
        recorded=False,
    ),
    refused(
        "h2c: prior knowledge, an unrelated site first, then this one, at its address",
        in_the_clear(asked(UNRELATED), asked(FACEBOOK), at=FACEBOOK),
        "HTTP/2 in the clear is refused",
        recorded=False,
    ),
    refused(
        "h2c: prior knowledge on port 443",
        in_the_clear(asked(FACEBOOK), at=FACEBOOK, port=443),
        "HTTP/2 in the clear is refused",
        recorded=False,
    ),
    refused(
        "h2c: upgrade",
        in_the_clear(asked(FACEBOOK), at=FACEBOOK, before=UPGRADE),
        "no upgrade to what cannot be judged",
    ),
    refused(
        "h2c: upgrade of an unrelated request, then the restricted site",
        in_the_clear(
            asked(FACEBOOK),
            at=FACEBOOK,
            before=UPGRADE.replace(b"facebook.com", b"unrelated.example"),
        ),
        "no upgrade to what cannot be judged",
        recorded=False,
    ),
)
