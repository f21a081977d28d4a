"""What is in force on this machine, and where it differs from what should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from addon.gateway import table
from addon.gateway.applying import Gateway
from addon.gateway.facts import Facts, Mode
from addon.gateway.kernel_settings import read_setting, wanted_settings
from addon.gateway.listeners import takes
from addon.gateway.machine import has_ipv6, version_of
from addon.gateway.neighbours import neighbours
from addon.gateway.nftables import TABLE_FILE
from addon.gateway.rendering import NAME_SERVER_FILE
from addon.gateway.routing import is_routed


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `remedy` says what to do where it is not good.

    What is good and has a remedy differs in nothing, and somebody should look at it all the same.
    """

    what: str
    good: bool
    found: str
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def look(
    gateway: Gateway, facts: Facts, wanted: Mapping[str, str] | None, timezone: ZoneInfo
) -> list[Finding]:
    """Everything that was looked at. `wanted` are the files as they would be rendered now."""
    return list(_look(gateway, facts, wanted, timezone))


def _look(
    gateway: Gateway, facts: Facts, wanted: Mapping[str, str] | None, timezone: ZoneInfo
) -> Iterator[Finding]:
    yield from _change(gateway, timezone)
    if not gateway.stand.exists():
        text = table.table_text()
        if text is not None and not table.is_ours(text):
            yield Finding("rules", False, "A table of our name is there that we did not make.")
        yield Finding("gateway", False, "Nothing is in force.", "Run 'schoolgate gateway apply'.")
        return
    if since := _time(gateway.stand.known().get("at"), timezone):
        yield Finding("gateway", True, f"In force since {since}, in {facts.mode} mode.")
    else:
        yield Finding(
            "gateway",
            False,
            f"In force in {facts.mode} mode, but {gateway.stand.noted} is damaged.",
            "Run 'schoolgate gateway apply', which writes it anew.",
        )
    if facts.mode is not Mode.EXPLICIT:
        yield _rules(gateway)
        yield _name_server(gateway)
        yield from _settings(facts)
        yield from _haproxy(facts)
        if not is_routed():
            yield Finding(
                "route",
                False,
                "The route that takes IPv6 connections to HAProxy is gone.",
                "Run 'schoolgate gateway apply'.",
            )
    for one in neighbours(facts):
        yield Finding("others", True, one.found, one.remedy)
    if wanted is not None:
        yield _up_to_date(gateway, wanted)


def _change(gateway: Gateway, timezone: ZoneInfo) -> Iterator[Finding]:
    change = gateway.journal.read()
    if change is not None and change.made and change.seconds_left > 0:
        yield Finding(
            "change",
            False,
            f"The last change is undone in {change.seconds_left:.0f} seconds.",
            "Run 'schoolgate gateway confirm' to keep it.",
        )
    elif change is not None and change.made:
        yield Finding(
            "change",
            False,
            "The time to confirm the last change is over, and it is not undone yet.",
            "If this stays, what should undo it was ended: run 'schoolgate gateway apply', which"
            " undoes it first.",
        )
    elif change is not None:
        yield Finding(
            "change",
            False,
            "A change was interrupted, or is being made now.",
            "Run 'schoolgate gateway apply' to undo it and begin again.",
        )
    if gateway.said.exists():
        at = _time(gateway.said.read_text(encoding="ascii", errors="replace"), timezone)
        when = f"at {at}" if at else f"({gateway.said}, which says when, is damaged)"
        yield Finding(
            "change",
            False,
            f"The last change was not confirmed in time and was undone {when}.",
            "Run 'schoolgate gateway apply' again, and confirm it.",
        )


def _rules(gateway: Gateway) -> Finding:
    text = table.table_text()
    again = "Run 'schoolgate gateway apply'."
    if text is None:
        return Finding("rules", False, "The packet filter's rules are gone.", again)
    if not table.is_ours(text):
        return Finding(
            "rules", False, "Somebody replaced the rules by others.", "Remove those first."
        )
    known = gateway.stand.known()
    if known.get("nft") == list(version_of("nft") or ()) and known.get("digest") != (
        table.table_digest()
    ):
        return Finding(
            "rules",
            False,
            "The packet filter's rules were changed by hand.",
            "Run 'schoolgate gateway apply --overwrite' to have ours back.",
        )
    count = sum(len(found) for found in table.remembered().values())
    return Finding(
        "rules", True, f"The packet filter's rules are as made; {count} addresses remembered."
    )


def _name_server(gateway: Gateway) -> Finding:
    again = "Run 'schoolgate gateway apply'."
    if gateway.name_server.pid() is None:
        return Finding("names", False, "The name server (dnsmasq) is not running.", again)
    if not gateway.name_server.answers(within=1.0):
        return Finding("names", False, "The name server (dnsmasq) does not answer.", again)
    return Finding("names", True, "The name server answers.")


def _settings(facts: Facts) -> Iterator[Finding]:
    for name, value in wanted_settings(facts).items():
        now = read_setting(name)
        if now not in (None, value) and not name.endswith("accept_ra"):
            yield Finding(
                "settings",
                False,
                f"{name.replace('/', '.')} is {now} and should be {value}.",
                "Run 'schoolgate gateway apply'.",
            )


def _haproxy(facts: Facts) -> Iterator[Finding]:
    for port in facts.haproxy_ports:
        if not takes(port, 4):
            yield Finding(
                "proxy",
                False,
                f"Nothing listens on port {port} for the school's side, where web traffic is sent.",
                "Start 'schoolgate run --mode gateway'; until then the web is closed.",
            )
        elif has_ipv6() and not takes(port, 6):
            yield Finding(
                "proxy",
                False,
                f"Nothing takes IPv6 connections on port {port}, so they are refused.",
                "Let 'schoolgate run' listen on [::], not on 0.0.0.0.",
            )


def _up_to_date(gateway: Gateway, wanted: Mapping[str, str]) -> Finding:
    stands = gateway.stand.files()
    names = {TABLE_FILE: "rules", NAME_SERVER_FILE: "names"}
    old = [names.get(name, name) for name in wanted if stands.get(name) != wanted[name]]
    if not old:
        return Finding("policy", True, "What is in force is what the policy says now.")
    return Finding(
        "policy",
        False,
        f"The policy or the facts have changed since ({', '.join(old)}).",
        "Run 'schoolgate gateway apply'.",
    )


def _time(noted: object, timezone: ZoneInfo) -> str | None:
    """A time that was noted in a file, for people; None if it is none."""
    try:
        at = datetime.fromisoformat(str(noted)).astimezone(timezone)
    except (ValueError, OverflowError):
        return None
    return f"{at:%H:%M} on {at.day} {at:%B}"
