"""Rows: look-ups that go elsewhere, names that are hidden, and HTTP/3."""

from __future__ import annotations

import struct
from collections.abc import Callable

from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

from tests.lab.device import Answer, Device, get
from tests.lab.evasion.row import Row, Verdict
from tests.lab.internet import GATEWAY, GATEWAY_6

THEME = "look-ups, hidden names and QUIC"
KINDS = {"A": 1, "AAAA": 28, "HTTPS": 65}
FULL = "everything goes by the name in the connection, whoever looked it up"


def question(name: str, kind: str) -> bytes:
    """A query as it goes over UDP (RFC 1035, section 4)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + labels + b"\0" + struct.pack("!HH", KINDS[kind], 1)


def told(answer: Answer) -> Answer:
    """The answer in a word: its code and how many records it has."""
    if len(answer.body) < 12:
        return answer
    count = int.from_bytes(answer.body[6:8], "big")
    return Answer(f"code {answer.body[3] & 15}, {count} records".encode())


def asked(name: str, kind: str, server: str = "") -> Callable[[Device], Answer]:
    def attempt(device: Device) -> Answer:
        to = device.at(server) if server else (GATEWAY_6 if device.six else GATEWAY)
        return told(device.datagram(to, 53, question(name, kind)))

    return attempt


def asked_over_tcp(name: str, kind: str, server: str) -> Callable[[Device], Answer]:
    query = question(name, kind)

    def attempt(device: Device) -> Answer:
        said = device.say(device.at(server), len(query).to_bytes(2, "big") + query, port=53)
        return told(Answer(said.body[2:], fault=said.fault))

    return attempt


def over_https(server: str, name: bytes | None, host: str) -> Callable[[Device], Answer]:
    query = question("www.facebook.com", "A")
    request = (
        f"POST /dns-query HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/dns-message\r\n"
        f"Content-Length: {len(query)}\r\n\r\n"
    ).encode() + query
    return lambda device: device.tls(device.at(server), name, request)


def quic(name: str, port: int = 443) -> Callable[[Device], Answer]:
    """The first flight of a real QUIC client."""

    def attempt(device: Device) -> Answer:
        client = QuicConnection(
            configuration=QuicConfiguration(server_name=name, alpn_protocols=["h3"])
        )
        client.connect((device.at(name), port), now=0.0)
        ((flight, _), *_) = client.datagrams_to_send(now=0.0)
        answer = device.datagram(device.at(name), port, flight)
        return Answer(answer.body, fault=answer.fault)

    return attempt


def refused(case: str, attempt, why: str, target: str = "facebook", **facts) -> Row:
    return Row(THEME, case, attempt, Verdict.REFUSED, why, target=target, **facts)


RESOLVER = "dns.google"
ROWS = (
    Row(
        THEME,
        "another name server, over UDP",
        asked("www.facebook.com", "A", RESOLVER),
        Verdict.OURS,
        "look-ups are redirected to the gateway's name server",
        says=b"code 0, 1 records",
        six=True,
        selective=Verdict.OURS,
    ),
    Row(
        THEME,
        "another name server, over TCP",
        asked_over_tcp("www.facebook.com", "A", RESOLVER),
        Verdict.OURS,
        "look-ups are redirected to the gateway's name server",
        says=b"code 0, 1 records",
    ),
    Row(
        THEME,
        "a record with a key for hidden names (ECH)",
        asked("hidden.example", "HTTPS"),
        Verdict.OURS,
        "HTTPS records are left out",
        says=b"code 0, 0 records",
        six=True,
        selective=Verdict.OURS,
    ),
    Row(
        THEME,
        "the same, of another name server",
        asked("hidden.example", "HTTPS", RESOLVER),
        Verdict.OURS,
        "HTTPS records are left out",
        says=b"code 0, 0 records",
    ),
    *(
        Row(
            THEME,
            f"{name}: the sign that look-ups may be encrypted",
            asked(name, "A"),
            Verdict.OURS,
            "the browser is told that they stay with this network",
            says=b"code 3",
        )
        for name in ("use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com")
    ),
    Row(
        THEME,
        "wpad, under which somebody's PAC file could be found",
        asked("wpad", "A"),
        Verdict.OURS,
        "nobody else says where the proxy is",
        says=b"code 3",
    ),
    *(
        Row(
            THEME,
            f"{name}: the address of a resolver",
            asked(name, "A"),
            Verdict.OURS,
            "known resolvers for encrypted look-ups are not found",
            says=b"code 3",
        )
        for name in ("dns.google", "cloudflare-dns.com", "mozilla.cloudflare-dns.com")
    ),
    refused(
        "encrypted look-ups over TLS (DoT)",
        lambda d: d.tls(d.at("one.one.one.one"), b"one.one.one.one", b"", port=853),
        "port 853 is refused at once",
        "one.one.one.one",
        six=True,
        selective=Verdict.REFUSED,
    ),
    refused(
        "encrypted look-ups over TLS, of an unlisted server",
        lambda d: d.tls(d.at("dns.unlisted.example"), b"dns.unlisted.example", b"", port=853),
        "port 853 is refused at once",
        "dns.unlisted.example",
    ),
    refused(
        "encrypted look-ups over QUIC", quic(RESOLVER, 853), "port 853 is refused at once", RESOLVER
    ),
    refused(
        "encrypted look-ups over HTTPS (DoH), by address",
        over_https(RESOLVER, None, "8.8.8.8"),
        "known addresses are refused",
        RESOLVER,
        six=True,
        selective=Verdict.REFUSED,
    ),
    refused(
        "encrypted look-ups over HTTPS, by name at its address",
        over_https(RESOLVER, b"dns.google", "dns.google"),
        "known addresses are refused",
        RESOLVER,
    ),
    refused(
        "encrypted look-ups over HTTPS, by name at an address nobody listed",
        over_https("cloudflare-dns.com", b"cloudflare-dns.com", "cloudflare-dns.com"),
        "known names are refused",
        "cloudflare-dns.com",
    ),
    refused(
        "encrypted look-ups over HTTPS, Firefox's own",
        over_https(
            "mozilla.cloudflare-dns.com",
            b"mozilla.cloudflare-dns.com",
            "mozilla.cloudflare-dns.com",
        ),
        "known names are refused",
        "mozilla.cloudflare-dns.com",
    ),
    refused(
        "encrypted look-ups over HTTPS, of an unlisted server by address",
        over_https("dns.unlisted.example", None, "199.232.7.94"),
        "a connection without a name is looked into, and refused",
        "dns.unlisted.example",
        selective=Verdict.GAP,
    ),
    Row(
        THEME,
        "encrypted look-ups over HTTPS, of an unlisted server by name",
        over_https("dns.unlisted.example", b"dns.unlisted.example", "dns.unlisted.example"),
        Verdict.GAP,
        FULL,
        target="dns.unlisted.example",
    ),
    refused(
        "the public name of hidden names (ECH)",
        lambda d: d.tls(d.at("cloudflare-ech.com"), b"cloudflare-ech.com", get("hidden.example")),
        "what is behind it cannot be told",
        "cloudflare-ech.com",
        six=True,
    ),
    refused(
        "QUIC to the site",
        quic("www.facebook.com"),
        "UDP to 443 is refused at once",
        six=True,
        selective=Verdict.REFUSED,
    ),
    refused(
        "QUIC to an unrelated site",
        quic("www.unrelated.example"),
        "UDP to 443 is refused at once, and browsers take TCP",
        "www.unrelated.example",
        six=True,
    ),
    refused("QUIC to the site on port 80", quic("www.facebook.com", 80), "refused too"),
    refused(
        "QUIC to the site on another port",
        quic("www.facebook.com", 8443),
        "nothing but what is redirected goes to a restricted network",
    ),
)
