"""A gateway as a PostgreSQL server knows it by its sessions."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"schoolgate (\S+) (\d+) (\d{4}-\d\d-\d\dT\d\d:\d\dZ)")
_LONGEST_HOST: Final = 25  # the name of a session has room for 63 characters


@dataclass(frozen=True, slots=True)
class Gateway:
    """Who writes: a number that tells one gateway from another, and what its sessions are called,
    which says the computer, the process and since when.
    """

    number: int
    name: str

    @classmethod
    def of(cls, state: Path) -> Gateway:
        """The gateway with a state folder, begun by this process.

        Its number is the same for all who use the folder, until the computer starts again: whoever
        comes after a process that died is not another gateway.
        """
        host = socket.gethostname()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        digest = sha256(f"{boot} {host} {state.resolve()}".encode(errors="replace")).digest()
        shown = re.sub(r"[^!-~]", "-", host)[:_LONGEST_HOST] or "unnamed"
        since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")
        number = int.from_bytes(digest[:4]) & 0x7FFF_FFFF
        return cls(number, f"schoolgate {shown} {os.getpid()} {since}")

    @classmethod
    def parsed(cls, text: str) -> Gateway:
        """The one that `str` made a text of. Raises ValueError."""
        number, _, name = text.partition(" ")
        return cls(int(number), name)

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


def in_words(name: str) -> str:
    """What the name of a session tells of a gateway, in brackets after a space; '' if nothing."""
    found = _NAME.fullmatch(name)
    if found is None:
        return ""
    since = datetime.strptime(found[3], "%Y-%m-%dT%H:%M%z")
    return f" ({found[1]}, process {found[2]}, since {since:%H:%M} UTC on {since:%-d %B %Y})"
