"""The gateway's own part: forwarding, the packet filter, the name server.

What differs from what should be in force `schoolgate gateway status` says; this is whether it
works.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Final

from addon.doctor.finding import Finding, broken, good, look, unseen
from addon.doctor.patient import Patient
from addon.gateway import table
from addon.gateway.facts import Mode
from addon.gateway.kernel_settings import read_setting
from addon.gateway.lookups import NOERROR, NXDOMAIN, ask
from addon.gateway.names import gateway_names
from addon.gateway.resolvers import CANARIES

_HERE: Final = IPv4Address("127.0.0.1")
_WITHIN: Final = 0.7
_AGAIN: Final = "Run 'schoolgate gateway apply'."
_FORWARDING: Final = (
    ("IPv4", "net/ipv4/ip_forward"),
    ("IPv6", "net/ipv6/conf/all/forwarding"),
)
_QUIC: Final = re.compile(
    r"^\s*(ip6? daddr @restricted[46] )?udp dport (443|\{[^}]*\b443\b[^}]*\}) goto refuse\b",
    re.MULTILINE,
)
_DNS: Final = re.compile(r"dport 53 redirect to :53\b")


def examine(patient: Patient) -> Iterator[Finding]:
    """Nothing, where no gateway stands here."""
    if patient.facts is None or patient.facts.mode is Mode.EXPLICIT:
        return
    yield from _forwarding()
    yield from _names(patient)
    if os.geteuid() != 0:
        yield unseen("rules", "Only root may read the packet filter's rules.")
        return
    yield from _rules(patient)


def _forwarding() -> Iterator[Finding]:
    for family, name in _FORWARDING:
        value = read_setting(name)
        if value is None:
            yield good("forwarding", f"This machine has no {family}.")
        elif value == "0":
            yield broken(
                "forwarding", f"{family} is not passed on ({name.replace('/', '.')} = 0).", _AGAIN
            )
        else:
            yield good("forwarding", f"{family} is passed on.")


def _names(patient: Patient) -> Iterator[Finding]:
    answer = ask(_HERE, CANARIES[0], _WITHIN, 1)
    if answer is None:
        yield broken("names", "No name server answers on this machine.", _AGAIN)
    elif answer != NXDOMAIN:
        yield broken("names", "Another name server than ours answers here.", "Stop it; then apply.")
    else:
        yield good("names", "Our name server answers.")


def _rules(patient: Patient) -> Iterator[Finding]:
    text = table.table_text()
    if text is None:
        yield broken("rules", "The packet filter's rules are not in force.", _AGAIN)
        return
    if not table.is_ours(text):
        yield broken("rules", "A table of our name is there that we did not make.", "Remove it.")
        return
    if _DNS.search(text):
        yield good("names", "Look-ups of other name servers are led to ours.")
    else:
        yield broken("names", "Devices may ask other name servers: the rule is gone.", _AGAIN)
    if _QUIC.search(text):
        yield good("QUIC", "UDP port 443 is refused, so that browsers use TCP.")
    else:
        yield broken("QUIC", "UDP port 443 is not refused: the rule is gone.", _AGAIN)
    yield _filling(patient)


def _filling(patient: Patient) -> Finding:
    """Looks a restricted name up, and sees whether its addresses get where the rules look."""
    domains = sorted(gateway_names(patient.policy).domains) if patient.policy else ()
    answer = next((ask(_HERE, name, _WITHIN, 1) for name in domains), None)
    count = sum(len(found) for found in table.remembered().values())
    if count:
        return good("addresses", f"Addresses of restricted names are remembered: {count:,} now.")
    if answer == NOERROR:
        return look(
            "addresses",
            "A restricted name was looked up, and none of its addresses is remembered.",
            "See that dnsmasq has its nftables sets: dnsmasq --version must not say no-nftset.",
        )
    return look(
        "addresses",
        "No restricted name could be looked up.",
        "See whether the name servers in 'schoolgate gateway status' answer.",
    )
