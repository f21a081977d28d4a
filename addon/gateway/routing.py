"""The route by which IPv6 connections reach HAProxy with their destination unchanged.

The packet filter marks them (TPROXY, the kernel's documentation networking/tproxy); a routing rule
of our own sends what is marked to this machine itself. The mark is one bit, so that marks of other
programs stay as they are.
"""

from __future__ import annotations

import json
import subprocess
from typing import Final

from addon.gateway.machine import find_program, has_ipv6, output_of

MARK: Final = 0x10000000
ROUTES: Final = 18443
"""The number of our routing table, and of our rule among the rules."""

_RULE: Final = ("fwmark", f"{MARK:#x}/{MARK:#x}", "lookup", str(ROUTES), "pref", str(ROUTES))
_ROUTE: Final = ("local", "::/0", "dev", "lo", "table", str(ROUTES))


_WITHIN: Final = 10.0


class RoutingError(Exception):
    """The route cannot be made, as a sentence for a person."""


def is_routed() -> bool:
    """Whether rule and route are there, or are not needed."""
    return not has_ipv6() or (_has_rule() and bool(_routes()))


def route() -> None:
    """Make rule and route if they are not there. Raises RoutingError."""
    if is_routed():
        return
    unroute()
    _ip("route", "replace", *_ROUTE)
    _ip("rule", "add", *_RULE)


def unroute() -> bool:
    """Remove both. Says whether there was anything. Raises RoutingError."""
    had = False
    while _has_rule():
        _ip("rule", "delete", *_RULE)
        had = True
    if _routes():
        _ip("route", "flush", "table", str(ROUTES))
        had = True
    return had


def _has_rule() -> bool:
    listed = json.loads(output_of("ip", "-6", "-json", "rule", "show") or "[]")
    return any(str(rule.get("table")) == str(ROUTES) for rule in listed)


def _routes() -> str:
    return output_of("ip", "-6", "route", "show", "table", str(ROUTES)).strip()


def _ip(*arguments: str) -> None:
    path = find_program("ip")
    if path is None:
        raise RoutingError("The program 'ip' is missing: install iproute2.")
    try:
        done = subprocess.run(  # noqa: S603 - ip itself, with our own words
            [path, "-6", *arguments],
            capture_output=True,
            text=True,
            timeout=_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RoutingError("The IPv6 route cannot be changed: 'ip' does not answer.") from error
    if done.returncode != 0:
        raise RoutingError(f"The IPv6 route cannot be changed: {done.stderr.strip()}")
