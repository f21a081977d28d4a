"""Kernel settings that a gateway needs: it must pass packets on, and keep its own way out.

Only what is not already so is changed, and what it was before is kept to be put back.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from addon.gateway.facts import Facts, Mode

_ROOT: Final = Path("/proc/sys")


def wanted_settings(facts: Facts) -> dict[str, str]:
    """The settings by their names below /proc/sys, in the order in which they are to be made.

    A machine that forwards IPv6 no longer listens to its own router unless told to (accept_ra = 2,
    kernel documentation ip-sysctl): without it the gateway would lose its own way to the internet.
    Where the school's side is a bridge, the bridge may ask the packet filter before IPv6 does, as
    for containers; the kernel then forgets whom a connection was taken over for.
    Nothing here needs route_localnet: redirects lead to an interface's own address.
    """
    if facts.mode is Mode.EXPLICIT or facts.wan is None:
        return {}
    bridged = any(Path("/sys/class/net", name, "bridge").is_dir() for name in facts.lan)
    return {
        **({"net/bridge/bridge-nf-call-ip6tables": "0"} if bridged else {}),
        f"net/ipv6/conf/{facts.wan}/accept_ra": "2",
        "net/ipv4/ip_forward": "1",
        "net/ipv6/conf/all/forwarding": "1",
    }


def read_setting(name: str) -> str | None:
    """A setting's value, or None where the kernel has no such setting."""
    try:
        return (_ROOT / name).read_text(encoding="ascii").strip()
    except OSError:
        return None


def apply_settings(wanted: Mapping[str, str]) -> None:
    """Make the settings; one that this kernel does not have is left out. Raises OSError."""
    for name, value in wanted.items():
        now = read_setting(name)
        if now is None or now == value or (name.endswith("accept_ra") and now == "0"):
            continue  # an interface that was told to ignore routers goes on ignoring them
        (_ROOT / name).write_text(value, encoding="ascii")


def settings_before(wanted: Mapping[str, str]) -> dict[str, str]:
    """What the wanted settings are now, in the order in which to put them back."""
    return {name: now for name in reversed(list(wanted)) if (now := read_setting(name)) is not None}


def restore_settings(before: Mapping[str, str]) -> None:
    """Put settings back; one that has gone with its interface is left out."""
    for name, value in before.items():
        if read_setting(name) not in (None, value):
            (_ROOT / name).write_text(value, encoding="ascii")


def render_settings(facts: Facts) -> str:
    """The same settings in the form of sysctl.d(5), for reading."""
    return "# What `schoolgate gateway apply` sets, and `remove` puts back.\n" + "".join(
        f"{name} = {value}\n" for name, value in wanted_settings(facts).items()
    )


def read_rendered(text: str) -> dict[str, str]:
    """The settings of such a text, in its order."""
    lines = (line.partition(" = ") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, equals, value in lines if equals}
