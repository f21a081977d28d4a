"""Rows: requests in the clear, on port 80."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.lab.device import Answer, Device, get
from tests.lab.evasion.row import Row, Verdict

THEME = "requests on port 80"
FACEBOOK, UNRELATED = "www.facebook.com", "www.unrelated.example"


def sent(*pieces: bytes, at: str = FACEBOOK, **how: bool) -> Callable[[Device], Answer]:
    return lambda device: device.say(device.at(at), *pieces, **how)


def hosts(*fields: str, target: str = "/", method: str = "GET", at: str = FACEBOOK):
    head = "\r\n".join([f"{method} {target} HTTP/1.1", *fields, "", ""])
    return sent(head.encode("latin-1"), at=at)


def refused(case: str, attempt, why: str, *, recorded: bool = True, **facts) -> Row:
    verdict = Verdict.RECORDED if recorded else Verdict.REFUSED
    return Row(THEME, case, attempt, verdict, why, **facts)


NUMBERS = (
    ("in decimal", "2649808163"),
    ("in hexadecimal", "0x9df0dd23"),
    ("in octal", "0235.0360.0335.043"),
    ("shortened", "157.15785251"),
    ("with a zero in front", "0157.240.221.35"),
    ("as IPv4 within IPv6", "[::ffff:157.240.221.35]"),
    ("as IPv6", "[2a03:2880:f158::35]"),
    ("as IPv6 written out", "[2a03:2880:f158:0000:0000:0000:0000:0035]"),
    ("as IPv6 with a zone", "[2a03:2880:f158::35%25eth0]"),
    ("with a final dot", "157.240.221.35."),
)

ALIKE = "two readers could understand it differently"
PAGE = "/BarninghamPrimarySchool"

ROWS = (
    refused(
        "the site by its name",
        hosts(f"Host: {FACEBOOK}"),
        "restricted",
        outcomes=("no-purpose",),
        six=True,
        selective=Verdict.RECORDED,
    ),
    Row(
        THEME,
        "the site, for the office's own page",
        sent(get(FACEBOOK, PAGE)),
        Verdict.OPENS,
        "a standing purpose",
        who="office",
        six=True,
    ),
    Row(
        THEME,
        "an unrelated site",
        sent(get(UNRELATED), at=UNRELATED),
        Verdict.PASSES,
        "unrelated; not recorded",
        six=True,
        selective=Verdict.PASSES,
    ),
    Row(
        THEME,
        "an unrelated name at the site's address",
        hosts(f"Host: {UNRELATED}"),
        Verdict.ELSEWHERE,
        "the name is dialled, not the address",
        six=True,
        selective=Verdict.ELSEWHERE,
    ),
    refused(
        "the site's name at an unrelated address",
        hosts(f"Host: {FACEBOOK}", at=UNRELATED),
        "the name is judged, not the address",
        six=True,
    ),
    refused("in capitals", hosts("HOST: WWW.FACEBOOK.COM"), "one canonical form"),
    refused("with a final dot", hosts(f"Host: {FACEBOOK}."), "one canonical form"),
    refused("with a port", hosts(f"Host: {FACEBOOK}:80"), "one canonical form"),
    refused("with another port", hosts(f"Host: {FACEBOOK}:8443"), "judged by its name"),
    refused(
        "with spaces and tabs around it", hosts(f"Host: \t {FACEBOOK} \t"), "one canonical form"
    ),
    refused("an unrelated user name before it", hosts(f"Host: {UNRELATED}@{FACEBOOK}"), ALIKE),
    refused(
        "as a user name before an unrelated host",
        hosts(f"Host: {FACEBOOK}@{UNRELATED}"),
        ALIKE,
        recorded=False,
    ),
    refused(
        "in wide letters (Unicode, as bytes)",
        sent("GET / HTTP/1.1\r\nHost: ｗｗｗ．ｆａｃｅｂｏｏｋ．ｃｏｍ\r\n\r\n".encode()),
        "one canonical form",
    ),
    refused(
        "two Hosts, the unrelated one first",
        hosts(f"Host: {UNRELATED}", f"Host: {FACEBOOK}"),
        ALIKE,
        recorded=False,
    ),
    refused(
        "two Hosts, the restricted one first",
        hosts(f"Host: {FACEBOOK}", f"Host: {UNRELATED}"),
        ALIKE,
        recorded=False,
    ),
    refused(
        "two Hosts in one line", hosts(f"Host: {UNRELATED}, {FACEBOOK}"), ALIKE, recorded=False
    ),
    refused(
        "the site as an address, an unrelated Host",
        hosts(f"Host: {UNRELATED}", target=f"http://{FACEBOOK}/"),
        ALIKE,
        recorded=False,
    ),
    refused(
        "an unrelated address, the site as Host",
        hosts(f"Host: {FACEBOOK}", target=f"http://{UNRELATED}/"),
        ALIKE,
        recorded=False,
    ),
    refused(
        "the site as an address, and as Host",
        hosts(f"Host: {FACEBOOK}", target=f"http://{FACEBOOK}/"),
        "a request to a proxy",
    ),
    refused(
        "the site as an https address, and as Host",
        hosts(f"Host: {FACEBOOK}", target=f"https://{FACEBOOK}/"),
        "a request to a proxy",
    ),
    refused(
        "two slashes before the site as the path",
        hosts(f"Host: {FACEBOOK}", target=f"//{UNRELATED}/"),
        "judged by its Host",
    ),
    *(
        refused(
            f"the address for a Host, {case}",
            hosts(f"Host: {number}"),
            "the address is in the site's own network",
        )
        for case, number in NUMBERS[:3]
    ),
    *(
        refused(
            f"the address for a Host, {case}",
            hosts(f"Host: {number}"),
            "a number that is not the address dialled, or none at all",
            recorded=False,
        )
        for case, number in NUMBERS[3:]
    ),
    refused(
        "no Host, HTTP/1.0",
        sent(b"GET / HTTP/1.0\r\n\r\n"),
        "the address is in the site's own network",
        six=True,
    ),
    refused(
        "no Host, HTTP/1.1",
        sent(b"GET / HTTP/1.1\r\n\r\n"),
        "the address is in the site's own network",
    ),
    refused(
        "no Host, at an unrelated address, the site as an address",
        sent(f"GET http://{FACEBOOK}/ HTTP/1.0\r\n\r\n".encode(), at=UNRELATED),
        "judged by the address",
    ),
    refused("an empty Host", hosts("Host:"), "the address is in the site's own network"),
    refused("HTTP/0.9", sent(b"GET /\r\n"), "not HTTP/1", recorded=False),
    refused(
        "a later version of HTTP/1",
        sent(f"GET / HTTP/1.9\r\nHost: {FACEBOOK}\r\n\r\n".encode()),
        "judged or refused",
        recorded=False,
    ),
    refused(
        "a Host folded over two lines",
        sent(f"GET / HTTP/1.1\r\nHost:\r\n {FACEBOOK}\r\n\r\n".encode()),
        ALIKE,
        recorded=False,
    ),
    refused("a space before the colon", hosts(f"Host : {FACEBOOK}"), ALIKE, recorded=False),
    refused(
        "a space before the field", hosts("Accept: a", f" Host: {FACEBOOK}"), ALIKE, recorded=False
    ),
    refused(
        "lines that end in LF alone",
        sent(f"GET / HTTP/1.1\nHost: {FACEBOOK}\n\n".encode()),
        "judged or refused",
        recorded=False,
    ),
    refused(
        "lines that end in CR alone",
        sent(f"GET / HTTP/1.1\rHost: {FACEBOOK}\r\r".encode()),
        "not HTTP",
        recorded=False,
    ),
    refused(
        "an empty line first", sent(b"\r\n" + get(FACEBOOK)), "judged or refused", recorded=False
    ),
    refused(
        "twenty empty lines first",
        sent(b"\r\n" * 20 + get(FACEBOOK)),
        "judged or refused",
        recorded=False,
    ),
    refused(
        "a NUL in the Host",
        sent(b"GET / HTTP/1.1\r\nHost: www.unrelated.example\0.facebook.com\r\n\r\n"),
        ALIKE,
        recorded=False,
    ),
    refused("an odd method", hosts(f"Host: {FACEBOOK}", method="SCHOOL"), "every method is judged"),
    refused(
        "a method in small letters",
        hosts(f"Host: {FACEBOOK}", method="get"),
        "every method is judged",
    ),
    refused(
        "OPTIONS *",
        hosts(f"Host: {FACEBOOK}", method="OPTIONS", target="*"),
        "every method is judged",
    ),
    refused("TRACE", hosts(f"Host: {FACEBOOK}", method="TRACE"), "every method is judged"),
    refused(
        "CONNECT to the site",
        hosts(f"Host: {FACEBOOK}:443", method="CONNECT", target=f"{FACEBOOK}:443"),
        "no tunnels",
        recorded=False,
    ),
    refused(
        "CONNECT to the site, at an unrelated address",
        hosts(f"Host: {FACEBOOK}:443", method="CONNECT", target=f"{FACEBOOK}:443", at=UNRELATED),
        "no tunnels",
        recorded=False,
    ),
    refused(
        "a Host in pieces with pauses",
        sent(b"GET / HTTP/1.1\r\nHo", b"st: www.face", b"book.com\r\n", b"\r\n"),
        "read whole before anything is decided",
    ),
    refused(
        "byte by byte up to the Host",
        lambda d: _drip(d, FACEBOOK),
        "read whole before anything is decided",
    ),
    refused(
        "20 KB of other fields before the Host",
        hosts(*(f"X-{n}: {'x' * 1000}" for n in range(20)), f"Host: {FACEBOOK}"),
        "read whole, or refused",
        recorded=False,
    ),
    refused(
        "60 KB of other fields before the Host",
        hosts(*(f"X-{n}: {'x' * 1000}" for n in range(60)), f"Host: {FACEBOOK}"),
        "larger than any honest one",
        recorded=False,
    ),
    refused(
        "a path of 20 KB before the Host",
        hosts(f"Host: {FACEBOOK}", target="/" + "a" * 20_000),
        "read whole, or refused",
        recorded=False,
    ),
    refused(
        "kept alive: an unrelated site first, then this one",
        lambda d: _kept(d, UNRELATED, [get(UNRELATED), get(FACEBOOK)]),
        "each request is judged",
        six=True,
    ),
    refused(
        "two in one go: an unrelated site first, then this one",
        sent(get(UNRELATED) + get(FACEBOOK), at=UNRELATED),
        "each request is judged",
    ),
    refused(
        "kept alive: an unrelated site, then this one, at its own address",
        lambda d: _kept(d, FACEBOOK, [get(UNRELATED), get(FACEBOOK)]),
        "each request is judged",
        selective=Verdict.RECORDED,
    ),
    refused(
        "kept alive: an unrelated site first, then no Host, at the site's address",
        lambda d: _kept(d, FACEBOOK, [get(UNRELATED), b"GET / HTTP/1.0\r\n\r\n"]),
        "each request is judged",
        recorded=False,
    ),
    refused(
        "an upload whose length is given twice, in two ways",
        sent(
            f"POST / HTTP/1.1\r\nHost: {UNRELATED}\r\nContent-Length: 4\r\n"
            f"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode()
            + get(FACEBOOK),
            at=UNRELATED,
        ),
        ALIKE,
        recorded=False,
    ),
    refused(
        "a WebSocket to the site",
        sent(
            get(
                FACEBOOK,
                "/socket",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                "Sec-WebSocket-Version: 13",
            )
        ),
        "refused at its request",
    ),
    refused(
        "said to come from the office",
        sent(
            get(
                FACEBOOK,
                PAGE,
                "X-Forwarded-For: 10.77.0.2",
                "Forwarded: for=10.77.0.2",
                "X-Real-IP: 10.77.0.2",
            )
        ),
        "who asks is known by the address",
    ),
    refused(
        "with a PROXY header in front that says the office (text)",
        sent(b"PROXY TCP4 10.77.0.2 157.240.221.35 40000 80\r\n" + get(FACEBOOK, PAGE)),
        "only the gateway itself may say so",
        recorded=False,
    ),
    refused(
        "with a PROXY header in front that says the office (binary)",
        sent(
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x4d\0\x02\x9d\xf0\xdd\x23\x9c\x40\0\x50"
            + get(FACEBOOK, PAGE)
        ),
        "only the gateway itself may say so",
        recorded=False,
    ),
    refused(
        "TLS on port 80",
        lambda d: d.tls(d.at(FACEBOOK), b"www.facebook.com", get(FACEBOOK), port=80),
        "port 80 is for HTTP",
        recorded=False,
    ),
    refused(
        "in the clear on port 443",
        lambda d: d.say(d.at(FACEBOOK), get(FACEBOOK), port=443),
        "port 443 is for TLS",
        recorded=False,
    ),
    refused(
        "in the clear on port 443, an unrelated address",
        lambda d: d.say(d.at(UNRELATED), get(FACEBOOK), port=443),
        "port 443 is for TLS",
        recorded=False,
    ),
    *(
        refused(
            f"smuggled behind the office's own page: {case}",
            sent(f"POST {PAGE} HTTP/1.1\r\nHost: {FACEBOOK}\r\n{fields}\r\n\r\n".encode() + body),
            "one request has one end",
            recorded=False,
            who="office",
            beyond=PAGE,
        )
        for case, fields, body in (
            (
                "length and chunks",
                "Content-Length: 6\r\nTransfer-Encoding: chunked",
                b"0\r\n\r\n" + get(FACEBOOK, "/secret"),
            ),
            (
                "chunks and length",
                "Transfer-Encoding: chunked\r\nContent-Length: 300",
                b"0\r\n\r\n" + get(FACEBOOK, "/secret"),
            ),
            ("two lengths", "Content-Length: 0\r\nContent-Length: 44", get(FACEBOOK, "/secret")),
            ("a list of lengths", "Content-Length: 0, 44", get(FACEBOOK, "/secret")),
            ("a length with a sign", "Content-Length: +0", get(FACEBOOK, "/secret")),
            (
                "chunked by another name",
                "Transfer-Encoding: xchunked",
                b"0\r\n\r\n" + get(FACEBOOK, "/secret"),
            ),
            (
                "chunked twice",
                "Transfer-Encoding: chunked, chunked",
                b"0\r\n\r\n" + get(FACEBOOK, "/secret"),
            ),
            (
                "chunked behind a tab",
                "Transfer-Encoding:\x0bchunked",
                b"0\r\n\r\n" + get(FACEBOOK, "/secret"),
            ),
            (
                "a chunk with an odd end",
                "Transfer-Encoding: chunked",
                b"1;a=\n\r\nx\r\n0\r\n\r\n" + get(FACEBOOK, "/secret"),
            ),
            ("a second request behind the first", "Content-Length: 0", get(FACEBOOK, "/secret")),
        )
    ),
)


def _kept(device: Device, at: str, requests: list[bytes]) -> Answer:
    """One connection, each request sent once the one before was answered."""
    said = b""
    with device.connect(device.at(at), 80) as connection:
        connection.settimeout(2)
        try:
            for request in requests:
                connection.sendall(request)
                said = connection.recv(65536)  # only what the last one got counts
        except OSError as fault:
            return Answer(fault=repr(fault))
    return Answer(said)


def _drip(device: Device, host: str) -> Answer:
    with device.connect(device.at(host), 80) as connection:
        for byte in get(host):
            connection.sendall(bytes([byte]))
            time.sleep(0.005)
        connection.settimeout(2)
        return Answer(connection.recv(65536))
