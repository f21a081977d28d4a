"""Rows: other protocols, tunnels, and services that lead round a gate."""

from __future__ import annotations

import socket
from collections.abc import Callable

from tests.lab.device import Answer, Device, Tls, get
from tests.lab.evasion.plain_http import sent
from tests.lab.evasion.row import Row, Verdict

THEME = "tunnels and other protocols"
FACEBOOK, UNRELATED, X = "www.facebook.com", "www.unrelated.example", "x.com"
OWN = "a server of somebody's own, under a name that nobody knows; known ones come with a list"

SSH = b"SSH-2.0-OpenSSH_9.2\r\n"
SOCKET = get(
    X,
    "/socket",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)
CONNECT = f"CONNECT {FACEBOOK}:443 HTTP/1.1\r\nHost: {FACEBOOK}:443\r\n\r\n".encode()
CONNECT_80 = f"CONNECT {FACEBOOK}:80 HTTP/1.1\r\nHost: {FACEBOOK}:80\r\n\r\n".encode()


def spoken(data: bytes, at: str, port: int) -> Callable[[Device], Answer]:
    return lambda device: device.say(device.at(at), data, port=port)


def through(
    name: str, first: bytes, then: bytes, at: str | None = None
) -> Callable[[Device], Answer]:
    """TLS under a name, one request inside, and more behind its answer."""

    def talk(tls: Tls) -> bytes:
        tls.send(first)
        tls.read(enough=lambda said: b"\r\n\r\n" in said)
        return tls.ask(then)

    return lambda device: device.tls(device.at(at or name), name.encode(), talk=talk)


def _within(device: Device) -> Answer:
    """TLS to a proxy of somebody's own, a tunnel in it, and in that TLS to the site."""

    def talk(outer: Tls) -> bytes:
        outer.send(CONNECT)
        outer.read(enough=lambda said: b"\r\n\r\n" in said)
        near, far = socket.socketpair()
        with near, far:
            inner = Tls(near, FACEBOOK.encode())
            inner.engine.set_connect_state()
            return _carry(inner, outer)

    return device.tls(device.at("proxy.example"), b"proxy.example", talk=talk)


def _carry(inner: Tls, outer: Tls) -> bytes:
    """The inner handshake and a request, each flight carried by hand."""
    from OpenSSL import SSL

    for step in (inner.engine.do_handshake, lambda: inner.engine.sendall(get(FACEBOOK))):
        while True:
            try:
                step()
                break
            except SSL.WantReadError:
                outer.send(inner._outgoing())
                inner.engine.bio_write(outer.read(enough=bool))
        if flight := inner._outgoing():
            outer.send(flight)
    said = b""
    while not said:
        try:
            said = inner.engine.recv(65536)
        except SSL.WantReadError:
            inner.engine.bio_write(outer.read(enough=bool))
    return said


def refused(case: str, attempt, why: str, target: str, **facts) -> Row:
    return Row(THEME, case, attempt, Verdict.REFUSED, why, target=target, **facts)


ROWS = (
    refused(
        "SSH on port 443",
        spoken(SSH, "ssh.example", 443),
        "neither TLS nor HTTP",
        "ssh.example",
        six=True,
        selective=Verdict.GAP,
    ),
    refused(
        "SSH on port 80", spoken(SSH, "ssh.example", 80), "neither TLS nor HTTP", "ssh.example"
    ),
    refused(
        "a server that speaks first, on port 443",
        lambda d: d.say(d.at("ssh.example"), port=443),
        "neither TLS nor HTTP",
        "ssh.example",
    ),
    refused(
        "a protocol of one's own on port 443",
        spoken(b"\0\1\2\3" * 200, "echo.example", 443),
        "neither TLS nor HTTP",
        "echo.example",
    ),
    refused(
        "a protocol of one's own on port 80",
        spoken(b"\0\1\2\3" * 200, "echo.example", 80),
        "neither TLS nor HTTP",
        "echo.example",
    ),
    refused(
        "a protocol of one's own that begins like TLS",
        spoken(b"\x16\x03\x01\x00\x40" + b"x" * 64, "echo.example", 443),
        "no ClientHello in it",
        "echo.example",
    ),
    refused(
        "a protocol of one's own that begins like HTTP",
        spoken(b"GET me out\r\n" + b"\1" * 900, "echo.example", 80),
        "no request in it",
        "echo.example",
        says=b"Your browser sent an invalid request.",
    ),
    refused(
        "WireGuard on port 443",
        lambda d: d.datagram(d.at("echo.example"), 443, b"\1\0\0\0" + b"x" * 144),
        "UDP to 443 is refused at once",
        "echo.example",
    ),
    refused(
        "a proxy in the clear on port 443",
        spoken(CONNECT, "proxy.example", 443),
        "port 443 is for TLS",
        "proxy.example",
    ),
    refused(
        "a proxy in the clear on port 80",
        spoken(CONNECT, "proxy.example", 80),
        "no tunnels",
        "facebook",
        says=b"does not pass this kind of request on",
    ),
    refused(
        "a proxy in the clear on port 80, to port 80 of the site",
        spoken(CONNECT_80, "proxy.example", 80),
        "no tunnels",
        "facebook",
    ),
    Row(
        THEME,
        "CONNECT inside an allowed site",
        through(X, CONNECT, b"\x16\x03\x01"),
        Verdict.REFUSED,
        "no tunnels",
        who="office",
    ),
    Row(
        THEME,
        "a WebSocket to an allowed site",
        lambda d: d.tls(d.at(X), b"x.com", talk=lambda tls: tls.ask(get(X)) + tls.ask(SOCKET)),
        Verdict.OPENS,
        "its request is judged and recorded",
        who="office",
        target="x",
    ),
    Row(
        THEME,
        "an odd method to an allowed site",
        lambda d: d.tls(d.at(X), b"x.com", get(FACEBOOK).replace(b"GET", b"TUNNEL")),
        Verdict.RECORDED,
        "every method is judged",
        who="office",
    ),
    Row(
        THEME,
        "a proxy over TLS of somebody's own, TLS to the site inside TLS",
        _within,
        Verdict.GAP,
        OWN,
    ),
    Row(
        THEME,
        "a protocol of one's own behind an honest ClientHello",
        lambda d: d.tls(d.at("echo.example"), b"echo.example", b""),
        Verdict.GAP,
        OWN,
        target="echo.example",
    ),
    Row(
        THEME,
        "a proxy of somebody's own on another port, set by hand or by a PAC file",
        spoken(CONNECT, "proxy.example", 8080),
        Verdict.GAP,
        "other ports are the school's firewall's; to restricted networks they are closed",
    ),
    Row(
        THEME,
        "a VPN service from a list",
        lambda d: d.tls(d.at("nordvpn.com"), b"nordvpn.com", get("nordvpn.com")),
        Verdict.RECORDED,
        "the policy restricts the list's category",
        target="nord",
    ),
    Row(
        THEME,
        "a web proxy from a list",
        lambda d: d.tls(
            d.at("www.croxyproxy.com"), b"www.croxyproxy.com", get("www.croxyproxy.com")
        ),
        Verdict.RECORDED,
        "the policy restricts the list's category",
        target="croxy",
    ),
    Row(
        THEME,
        "a web proxy from a list, in the clear",
        sent(get("www.croxyproxy.com"), at="www.croxyproxy.com"),
        Verdict.RECORDED,
        "the policy restricts the list's category",
        target="croxy",
    ),
)
