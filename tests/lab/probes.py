"""What a device on the network gets when it knocks: `python -m tests.lab.probes`, JSON in and out.

Each probe is a list: ["dns", server, name, type] or with "tcp" after it, ["tcp", address, port],
["udp", address, port]. The answers stand in the same order.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import time
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tests.support.namespace import Namespace

ROOT = Path(__file__).parent.parent.parent
TYPES = {"A": 1, "TXT": 16, "AAAA": 28, "SVCB": 64, "HTTPS": 65, "ANY": 255}
WITHIN = 3.0


def probe(device: Namespace, *probes: Sequence[Any]) -> list[Any]:
    """What a device gets, for each probe.

    A look-up gives [response code, sorted addresses and other answers' types], or the reason why
    there was no answer; a TCP or UDP knock gives ["open" or the reason, seconds].
    """
    done = device.run(
        sys.executable, "-m", "tests.lab.probes", input=json.dumps(probes), cwd=ROOT, check=True
    )
    return list(json.loads(done.stdout))


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _look_up(server: str, name: str, kind: str, over: str = "udp") -> Any:
    number = os.urandom(2)
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    query = (
        number
        + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0)
        + (labels + b"\0" + struct.pack("!HH", TYPES[kind], 1))
    )
    transport = socket.SOCK_DGRAM if over == "udp" else socket.SOCK_STREAM
    with socket.socket(_family(server), transport) as asking:
        asking.settimeout(WITHIN)
        try:
            asking.connect((server, 53))
            asking.sendall(query if over == "udp" else struct.pack("!H", len(query)) + query)
            answer = asking.recv(65535)
        except OSError as error:
            return _reason(error)
    answer = answer if over == "udp" else answer[2:]
    count = struct.unpack("!H", answer[6:8])[0]
    return [answer[3] & 15, sorted(_records(answer, len(query), count))]


def _records(answer: bytes, at: int, count: int) -> list[str]:
    found = []
    for _ in range(count):
        while answer[at] and answer[at] < 0xC0:
            at += 1 + answer[at]
        at += 2 if answer[at] else 1
        kind, _, _, length = struct.unpack("!HHIH", answer[at : at + 10])
        data = answer[at + 10 : at + 10 + length]
        found.append(str(ip_address(data)) if kind in (1, 28) else f"type {kind}")
        at += 10 + length
    return found


def _knock(kind: str, address: str, port: int) -> Any:
    began = time.monotonic()
    transport = socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
    with socket.socket(_family(address), transport) as knocking:
        knocking.settimeout(WITHIN)
        try:
            knocking.connect((address, port))
            if kind == "udp":
                knocking.send(b"anybody there")
                knocking.recv(100)
            result = "open"
        except OSError as error:
            result = _reason(error)
    return [result, time.monotonic() - began]


def _reason(error: OSError) -> str:
    return "silence" if isinstance(error, TimeoutError) else str(error.strerror).lower()


if __name__ == "__main__":
    results = [
        _look_up(*rest) if kind == "dns" else _knock(kind, *rest)
        for kind, *rest in json.load(sys.stdin)
    ]
    print(json.dumps(results))
