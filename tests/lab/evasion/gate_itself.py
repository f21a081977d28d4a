"""Rows: the gateway's own ports, and other ports of the site's."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

from tests.lab.device import Answer, Device, get
from tests.lab.evasion.row import Row, Verdict
from tests.lab.internet import GATEWAY, GATEWAY_6, WAN, WAN_6

THEME = "the gateway's own ports, and others"
FACEBOOK, X = "www.facebook.com", "x.com"
PAGE = "/BarninghamPrimarySchool"


def header(device: Device) -> bytes:
    """A PROXY header, version 2, that says: this is the office's computer, going to the site."""
    to = device.at(FACEBOOK)
    four = ":" not in to
    family = socket.AF_INET if four else socket.AF_INET6
    own = "10.77.0.2" if four else "fd77::2"
    addresses = socket.inet_pton(family, own) + socket.inet_pton(family, to)
    addresses += struct.pack("!HH", 40000, 80)
    kind = b"\x21\x11" if four else b"\x21\x21"
    return b"\r\n\r\n\0\r\nQUIT\n" + kind + struct.pack("!H", len(addresses)) + addresses


def straight(
    port: int, *, forged: bool, tls: bool = False, wan: bool = False
) -> Callable[[Device], Answer]:
    def attempt(device: Device) -> Answer:
        to = (WAN_6 if wan else GATEWAY_6) if device.six else (WAN if wan else GATEWAY)
        before = header(device) if forged else b""
        if tls:
            return device.tls(to, FACEBOOK.encode(), get(FACEBOOK, PAGE), port=port, before=before)
        return device.say(to, before + get(FACEBOOK, PAGE), port=port)

    return attempt


def refused(case: str, attempt, why: str, **facts) -> Row:
    return Row(THEME, case, attempt, Verdict.REFUSED, why, **facts)


def after_a_stray(port: int) -> Callable[[Device], Answer]:
    return lambda d: d.after_a_stray(d.at(X), port, X, get(X))


REDIRECTED = "only what is redirected reaches it"
ROWS = (
    refused("HAProxy's port for 80", straight(8080, forged=False), REDIRECTED, six=True),
    refused(
        "HAProxy's port for 443",
        straight(8443, forged=False, tls=True),
        REDIRECTED,
        six=True,
        selective=Verdict.REFUSED,
    ),
    refused(
        "HAProxy's port for 80, at its outer address",
        straight(8080, forged=False, wan=True),
        REDIRECTED,
    ),
    refused(
        "HAProxy's port for 443, at its outer address",
        straight(8443, forged=False, tls=True, wan=True),
        REDIRECTED,
    ),
    *(
        refused(
            f"worker {number}'s port, with a PROXY header that says the office",
            straight(18080 + number, forged=True),
            "on loopback only",
            six=number == 0,
        )
        for number in range(2)
    ),
    refused("HAProxy's port for 80, with such a header", straight(8080, forged=True), REDIRECTED),
    refused(
        "the site's address, TLS behind such a header",
        lambda d: d.tls(d.at(FACEBOOK), FACEBOOK.encode(), get(FACEBOOK, PAGE), before=header(d)),
        "only the gateway itself may say so",
        six=True,
        selective=Verdict.REFUSED,
    ),
    *(
        refused(
            f"a connection to port {port} that a stray packet goes ahead of",
            after_a_stray(port),
            "the kernel takes it for one under way, and no web connection begins past HAProxy",
            target="x",
            six=True,
        )
        for port in (443, 80)
    ),
    refused(
        "the gateway's address on port 80 with the site's name",
        straight(80, forged=False),
        "nothing listens there",
        six=True,
    ),
    refused(
        "the gateway's address on port 443 with the site's name",
        straight(443, forged=False, tls=True),
        "nothing listens there",
    ),
    refused(
        "the gateway's outer address on port 443 with the site's name",
        straight(443, forged=False, tls=True, wan=True),
        "nothing listens there",
    ),
    *(
        refused(
            f"the site on port {port}",
            lambda d, port=port: d.tls(d.at(FACEBOOK), FACEBOOK.encode(), get(FACEBOOK), port=port),
            "nothing but what is redirected goes to a restricted network",
            six=port == 8443,
        )
        for port in (8443, 853)
    ),
    *(
        refused(
            f"the site in the clear on port {port}",
            lambda d, port=port: d.say(d.at(FACEBOOK), get(FACEBOOK), port=port),
            "nothing but what is redirected goes to a restricted network",
        )
        for port in (8080, 5222)
    ),
)
