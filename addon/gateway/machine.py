"""What the machine says about itself: interfaces, addresses, name servers, programs' versions."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from pathlib import Path
from typing import Final

from addon.gateway.facts import Address

_PLACES: Final = "/usr/sbin:/sbin:/usr/local/sbin"
_ASKED_WITHIN: Final = 10.0
_RESOLVERS: Final = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface and its addresses, each with its network."""

    name: str
    up: bool
    addresses: tuple[IPv4Interface | IPv6Interface, ...]


class MachineError(Exception):
    """Something that is missing from this machine, as a sentence for a person."""


def has_ipv6() -> bool:
    """Whether this machine speaks IPv6 at all."""
    return Path("/proc/net/if_inet6").exists()


def find_program(name: str) -> str | None:
    """Where a program is. /usr/sbin counts too: the PATH of ordinary users lacks it."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_PLACES}")


def output_of(program: str, *arguments: str) -> str:
    """What a program prints; '' if it is not there, fails or hangs."""
    if (path := find_program(program)) is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - programs named in this file's callers
            [path, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASKED_WITHIN,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def version_of(program: str) -> tuple[int, int] | None:
    """A program's version, major and minor; None if it is not installed."""
    if find_program(program) is None:
        return None
    option = "-v" if program == "haproxy" else "--version"
    found = re.search(r"(\d+)\.(\d+)", output_of(program, option))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def interfaces() -> dict[str, Interface]:
    """All interfaces by name. Raises MachineError without iproute2."""
    try:
        listed = json.loads(output_of("ip", "-json", "address", "show") or "null")
    except ValueError:
        listed = None
    if listed is None:
        raise MachineError("The program 'ip' is missing or does not answer: install iproute2.")
    return {
        entry["ifname"]: Interface(
            entry["ifname"],
            "UP" in entry.get("flags", ()),
            tuple(
                ip_interface(f"{info['local']}/{info['prefixlen']}")
                for info in entry.get("addr_info", ())
                if "local" in info
            ),
        )
        for entry in listed
        if "ifname" in entry
    }


def own_addresses(which: Sequence[Interface]) -> tuple[Address, ...]:
    """The interfaces' addresses without link-local ones, IPv4 first."""
    found = [a.ip for interface in which for a in interface.addresses if not a.ip.is_link_local]
    return tuple(sorted(found, key=lambda address: address.version))


def resolvers_of_machine(places: Sequence[Path] = _RESOLVERS) -> tuple[Address, ...]:
    """The name servers that this machine asks, without its own (a stub on loopback is no answer).

    Behind systemd-resolved's stub they are in its own file.
    """
    for place in places:
        try:
            text = place.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        servers = []
        for line in text.splitlines():
            word, _, value = line.strip().partition(" ")
            if word == "nameserver":
                with suppress(ValueError):
                    servers.append(ip_address(value.strip()))
        if outside := tuple(server for server in servers if _is_outside(server)):
            return outside
    return ()


def _is_outside(server: Address) -> bool:
    # Not this machine's own, nor one that is known only with its interface (fe80::1%eth0).
    return not server.is_loopback and not server.is_link_local


def boot_id() -> str:
    """Changes whenever the machine starts."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def has_systemd() -> bool:
    """Whether systemd runs this machine (sd_booted(3)), and not a container or a namespace."""
    return Path("/run/systemd/system").is_dir()
