"""One question to a name server, to see whether it answers (RFC 1035, section 4)."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from typing import Final

from addon.gateway.facts import Address

NOERROR: Final = 0
NXDOMAIN: Final = 3
_NS, _A, _IN = 2, 1, 1
_RECURSION_DESIRED = 0x0100


def ask(server: Address, name: str, within: float = 1.0, tries: int = 2) -> int | None:
    """The response code of a server's answer, or None if it gives none. `within` is in seconds.

    The name '' asks for the root's servers, which every resolver can say something about.
    """
    number = os.urandom(2)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label)
    header = struct.pack("!HHHHH", _RECURSION_DESIRED, 1, 0, 0, 0)
    query = number + header + labels + b"\0" + struct.pack("!HH", _A if name else _NS, _IN)
    family = socket.AF_INET if server.version == 4 else socket.AF_INET6
    for _ in range(tries):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.settimeout(within)
            asking.connect((str(server), 53))
            asking.send(query)
            answer = asking.recv(4096)
            if len(answer) >= 12 and answer[:2] == number:
                return answer[3] & 0x0F
    return None
