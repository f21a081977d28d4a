"""Where things are on the machine that the systemd units are for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

SERVICE: Final = "schoolgate.service"
HAPROXY: Final = "schoolgate-haproxy.service"


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are on the machine that the units are for."""

    command: Path  # the `schoolgate` command
    state: Path
    policy: Path
    dnsmasq: Path = Path("/usr/sbin/dnsmasq")
    haproxy: Path = Path("/usr/sbin/haproxy")
    nft: Path = Path("/usr/sbin/nft")
    user: str = "schoolgate"
    settings: Path = Path("/etc/schoolgate/schoolgate.env")
