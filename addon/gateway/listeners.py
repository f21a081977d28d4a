"""Who listens where on this machine, from the kernel's own tables (proc(5))."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from addon.gateway.facts import Address

_TABLES: Final = (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07"))


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket. `pid` is 0 and `name` '' where the process cannot be seen."""

    protocol: str  # 'tcp' or 'udp'
    address: Address
    port: int
    pid: int
    name: str

    @property
    def everywhere(self) -> bool:
        """Whether it listens on all addresses."""
        return self.address.is_unspecified


def listeners(port: int) -> tuple[Listener, ...]:
    """All that listen on a port, TCP and UDP, in this network namespace."""
    found = [
        (table[:3], address, inode)
        for table, state in _TABLES
        for address, listening, inode in _sockets(table, state)
        if listening == port
    ]
    owners = _owners({inode for _, _, inode in found}) if found else {}
    return tuple(
        Listener(protocol, address, port, *owners.get(inode, (0, "")))
        for protocol, address, inode in found
    )


def takes(port: int, version: int) -> bool:
    """Whether somebody takes what the packet filter hands over in a family (4 or 6).

    IPv4 arrives at an address of the school's side, IPv6 with its destination unchanged, so that
    only who listens on all addresses takes it. A socket for all of IPv6 may be one for IPv4 too.
    """
    return any(
        found.everywhere
        if found.address.version == 6
        else version == 4 and not found.address.is_loopback
        for found in listeners(port)
        if found.protocol == "tcp"
    )


def _sockets(table: str, state: str) -> Iterator[tuple[Address, int, str]]:
    try:
        lines = Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]
    except OSError:  # a kernel without IPv6
        return
    for line in lines:
        columns = line.split()
        if columns[3] == state:
            address, _, port = columns[1].partition(":")
            yield _address(address), int(port, 16), columns[9]


def _address(digits: str) -> Address:
    # Words of four bytes in the machine's own order.
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    data = struct.pack(f"={len(words)}I", *words)
    if len(data) == 4:
        return IPv4Address(socket.inet_ntop(socket.AF_INET, data))
    return IPv6Address(data)


def _owners(inodes: set[str]) -> dict[str, tuple[int, str]]:
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    owners: dict[str, tuple[int, str]] = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        try:
            for descriptor in (process / "fd").iterdir():
                inode = wanted.get(str(descriptor.readlink()))
                if inode:
                    name = (process / "comm").read_text(encoding="utf-8", errors="replace")
                    owners[inode] = (int(process.name), name.strip())
        except OSError:  # it ended, or is somebody else's
            continue
    return owners
