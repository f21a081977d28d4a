"""Rows: who is at a device, and somebody whose web access is withdrawn."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.lab.device import Answer, Device, get
from tests.lab.evasion.row import Row, Verdict
from tests.lab.internet import GATEWAY, LAN

THEME = "who is at a device"
WITHDRAWN = "somebody whose web access is withdrawn"
FACEBOOK, BBC, GOV = "www.facebook.com", "www.bbc.co.uk", "www.gov.uk"
PAGE = "/BarninghamPrimarySchool"

ABSENT = "10.77.0.9"
"""Where somebody of the office is known by a fixed address; the computer is switched off."""
LAPTOP = "02:77:00:00:00:0a"
"""The hardware address by which another is known; that one is at home."""
FREE = "10.77.0.10"
_KNOWN_WITHIN = 8.0
_NETWORK = LAN.partition("/")[2]


def _ip(*words: str) -> None:
    """Changes the device's own network; this thread's namespace is the device's."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def posing(address: str, hardware: str, own_hardware: str) -> Iterator[None]:
    """The device with another address, and if wanted with another hardware address."""
    if hardware:
        _ip("link", "set", "eth0", "address", hardware)
    _ip("address", "add", f"{address}/{_NETWORK}", "dev", "eth0")
    _ip("route", "replace", "default", "via", GATEWAY, "src", address)
    try:
        yield
    finally:
        _ip("route", "replace", "default", "via", GATEWAY)
        _ip("address", "delete", f"{address}/{_NETWORK}", "dev", "eth0")
        if hardware:
            _ip("link", "set", "eth0", "address", own_hardware)


def as_another(address: str, hardware: str = "") -> Callable[[Device], Answer]:
    """Asks for the office's page in a name that is not one's own, until it opens or for a while."""

    def attempt(device: Device) -> Answer:
        with posing(address, hardware, device.client.hardware):
            end = time.monotonic() + _KNOWN_WITHIN
            while True:
                answer = device.say(device.at(FACEBOOK), get(FACEBOOK, PAGE))
                if answer.status == 200 or time.monotonic() > end:
                    return answer
                time.sleep(1)

    return attempt


def asked_for(host: str, *, tls: bool) -> Callable[[Device], Answer]:
    def attempt(device: Device) -> Answer:
        if tls:
            return device.tls(device.at(host), host.encode(), get(host))
        return device.say(device.at(host), get(host))

    return attempt


def withdrawn(case: str, attempt, verdict: Verdict, why: str, **facts) -> Row:
    return Row(WITHDRAWN, case, attempt, verdict, why, who="withdrawn", **facts)


CLOSED = "everything but the essentials is closed"
ROWS = (
    Row(
        THEME,
        "a device that takes the fixed address of an office computer that is switched off",
        as_another(ABSENT),
        Verdict.GAP,
        "an address is no proof; hardware addresses, a sign-in or 802.1X prove more",
        who="stranger",
    ),
    Row(
        THEME,
        "the address that somebody known by a hardware address may have had",
        as_another(FREE),
        Verdict.RECORDED,
        "the hardware address is another",
        who="stranger",
        outcomes=("unidentified",),
    ),
    Row(
        THEME,
        "a device that copies that hardware address",
        as_another(FREE, LAPTOP),
        Verdict.GAP,
        "hardware addresses can be copied; a sign-in or 802.1X cannot",
        who="stranger",
    ),
    withdrawn(
        "a restricted site",
        asked_for(FACEBOOK, tls=True),
        Verdict.RECORDED,
        CLOSED,
        outcomes=("withdrawn",),
        six=True,
        selective=Verdict.RECORDED,
    ),
    withdrawn(
        "a page that is open to the person otherwise",
        lambda d: d.tls(d.at(FACEBOOK), FACEBOOK.encode(), get(FACEBOOK, PAGE)),
        Verdict.RECORDED,
        CLOSED,
        outcomes=("withdrawn",),
    ),
    withdrawn(
        "an unrelated site",
        asked_for(BBC, tls=True),
        Verdict.REFUSED,
        f"{CLOSED}; selective mode sees restricted sites only",
        target=BBC,
        six=True,
        selective=Verdict.GAP,
    ),
    withdrawn(
        "an unrelated site over HTTP",
        asked_for(BBC, tls=False),
        Verdict.REFUSED,
        CLOSED,
        target=BBC,
    ),
    withdrawn(
        "an essential",
        asked_for(GOV, tls=True),
        Verdict.PASSES,
        "the policy's essentials stay open",
        six=True,
    ),
    withdrawn(
        "an unrelated site at an essential's address",
        lambda d: d.tls(d.at(GOV), BBC.encode(), get(BBC)),
        Verdict.REFUSED,
        "the name is judged, not the address",
        target=BBC,
    ),
    withdrawn(
        "an essential's name at an unrelated address, the site inside",
        lambda d: d.tls(d.at(BBC), GOV.encode(), get(BBC)),
        Verdict.ELSEWHERE,
        "the name is dialled, not the address",
        target=BBC,
    ),
    withdrawn(
        "a connection without a name to an unrelated site",
        lambda d: d.tls(d.at(BBC), None, get(BBC)),
        Verdict.REFUSED,
        CLOSED,
        target=BBC,
    ),
    withdrawn(
        "the portal's address for a Host on port 80",
        lambda d: d.say(d.at(BBC), get(f"{GATEWAY}:8081")),
        Verdict.REFUSED,
        "the portal stays open, and leads nowhere else",
        target=BBC,
    ),
    withdrawn(
        "the portal's address for a name, the site inside",
        lambda d: d.tls(d.at(BBC), GATEWAY.encode(), get(BBC)),
        Verdict.REFUSED,
        "the portal stays open, and leads nowhere else",
        target=BBC,
    ),
    withdrawn(
        "the portal",
        lambda d: d.say(GATEWAY, get(GATEWAY, "/"), port=8081),
        Verdict.OURS,
        "it says whom to talk to",
        says=b"HTTP/1.1 200",
    ),
    withdrawn(
        "a server on another port than the web's",
        lambda d: d.say(d.at("proxy.example"), get(BBC), port=8080),
        Verdict.GAP,
        "it is web access that is withdrawn; other ports are the school's firewall's",
        target="proxy.example",
    ),
)
