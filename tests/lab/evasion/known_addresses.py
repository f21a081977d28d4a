"""Rows: a look-up first, or none, which is where selective mode differs."""

from __future__ import annotations

from collections.abc import Callable

from tests.lab.device import Answer, Device, get
from tests.lab.evasion.names_and_quic import question
from tests.lab.evasion.row import Row, Verdict
from tests.lab.internet import GATEWAY, GATEWAY_6

THEME = "sites without networks of their own"
REMEMBERED = "the name server hands what it finds to the packet filter"


def looked_up(
    *names: str, host: str = "", claim: str = "", path: str = "/"
) -> Callable[[Device], Answer]:
    """Asks for names as any browser would, then for a page of the last of them, or of `host`.

    `claim` is the name in the ClientHello, where it is another.
    """
    host = host or names[-1]

    def attempt(device: Device) -> Answer:
        for name in names:
            kind = "AAAA" if device.six else "A"
            server = GATEWAY_6 if device.six else GATEWAY
            device.datagram(server, 53, question(name, kind))
        return device.tls(device.at(host), (claim or host).encode(), get(host, path))

    return attempt


ROWS = (
    Row(
        THEME,
        "looked up, then called",
        looked_up("www.linkedin.com"),
        Verdict.RECORDED,
        REMEMBERED,
        target="linkedin",
        selective=Verdict.RECORDED,
        six=True,
    ),
    Row(
        THEME,
        "called at an address that was looked up elsewhere",
        lambda d: d.tls(d.at("www.reddit.com"), b"www.reddit.com", get("www.reddit.com")),
        Verdict.RECORDED,
        "full mode needs no look-up; in selective mode what was never looked up is not known",
        target="reddit",
        selective=Verdict.GAP,
    ),
    Row(
        THEME,
        "a name that leads nowhere, at an address that was looked up",
        looked_up("www.linkedin.com", claim="nowhere.example"),
        Verdict.REFUSED,
        f"{REMEMBERED}; there the name is dialled, not the address",
        target="linkedin",
        selective=Verdict.REFUSED,
        six=True,
    ),
    Row(
        THEME,
        "an unrelated name at an address that was looked up",
        looked_up("www.linkedin.com", claim="www.unrelated.example"),
        Verdict.ELSEWHERE,
        f"{REMEMBERED}; there the name is dialled, not the address",
        target="linkedin",
        selective=Verdict.ELSEWHERE,
    ),
    Row(
        THEME,
        "a name that leads nowhere, at an address that nobody has looked up here",
        lambda d: d.tls(d.at("www.reddit.com"), b"nowhere.example", get("www.reddit.com")),
        Verdict.GAP,
        "joined to the address chosen; it takes an address from elsewhere, that nobody here uses",
        target="reddit",
    ),
    Row(
        THEME,
        "an archive, looked up, then asked for a copy",
        looked_up("web.archive.org", path="/web/2026/https://www.facebook.com/"),
        Verdict.RECORDED,
        REMEMBERED,
        selective=Verdict.RECORDED,
    ),
    Row(
        THEME,
        "an address that is shared with a restricted site which was looked up",
        looked_up("www.pinterest.com", host="shop.example"),
        Verdict.PASSES,
        "the name tells apart what shares an address",
        target="pinterest",
        selective=Verdict.PASSES,
    ),
    Row(
        THEME,
        "a restricted name at that address",
        looked_up("www.pinterest.com"),
        Verdict.RECORDED,
        "the name tells apart what shares an address",
        target="pinterest",
        selective=Verdict.RECORDED,
    ),
)
