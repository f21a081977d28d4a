"""What DHCP servers write down: which device has which address, and until when.

Each reader takes a file's text and gives what it holds; what is half-written or makes no sense is
left out, because the server is writing while we read. Nothing here reads the clock.

    dnsmasq   `EXPIRY MAC ADDRESS NAME CLIENT-ID` a line; IPv6 after a line `duid …` (dnsmasq(8))
    isc       `lease ADDRESS { … }`, the last one for an address counts (dhcpd.leases(5))
    kea       a table with a header line, the last row for an address counts (Kea manual, 8.2.2.1);
              or the JSON that its hook `lease_cmds` answers `lease4-get-all` with
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rules.hosts import HostError, canonical_address
from rules.identity import LeaseFormat
from rules.readers import parse_hardware_address

FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Lease:
    """A device's lease of an address until `ends`, aware UTC."""

    address: str
    hardware: str
    ends: datetime


def leases_in(text: str, form: LeaseFormat) -> list[Lease]:
    """The leases that a file holds, those that have ended too."""
    match form:
        case LeaseFormat.DNSMASQ:
            return list(_dnsmasq(text))
        case LeaseFormat.ISC:
            return list({lease.address: lease for lease in _isc(text)}.values())
        case LeaseFormat.KEA:
            found = _kea_json(text) if text.lstrip().startswith(("{", "[")) else _kea(text)
            return list({lease.address: lease for lease in found}.values())


def _lease(address: str, hardware: str, ends: datetime) -> Lease | None:
    try:
        return Lease(canonical_address(address), parse_hardware_address(hardware), ends)
    except (HostError, ValueError):
        return None


def _moment(seconds: str) -> datetime:
    """Seconds since 1970 UTC. Raises ValueError."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(seconds) from error


def _whole_lines(text: str) -> list[str]:
    """The lines that end as lines do: the last may be half-written."""
    return text.split("\n")[:-1]


def _dnsmasq(text: str) -> Iterator[Lease]:
    for line in _whole_lines(text):
        words = line.split()
        if len(words) != 5:
            continue
        expiry, device, address, _, client = words
        try:
            ends = FOREVER if expiry == "0" else _moment(expiry)
        except ValueError:
            continue
        hardware = (_hardware_of(client) or "") if ":" in address else device
        if lease := _lease(address, hardware, ends):
            yield lease


def _hardware_of(duid: str) -> str | None:
    """The Ethernet address in a DUID that is made from one (RFC 8415, 11.2 and 11.4)."""
    digits = duid.replace(":", "").lower()
    if digits.startswith("00010001") and len(digits) == 28:
        return digits[16:]
    if digits.startswith("00030001") and len(digits) == 20:
        return digits[8:]
    return None


_ISC_LEASE: Final = re.compile(r"^lease\s+([0-9.]+)\s*\{(.*?)^\}", re.MULTILINE | re.DOTALL)
_ISC_HARDWARE: Final = re.compile(r"^\s*hardware\s+ethernet\s+([0-9a-fA-F:]+)\s*;", re.MULTILINE)
_ISC_ENDS: Final = re.compile(
    r"^\s*ends\s+(?:(never)|epoch\s+(\d+)|\d\s+(\d{4}/\d\d/\d\d\s+\d\d:\d\d:\d\d))\s*;",
    re.MULTILINE,
)
_ISC_STATE: Final = re.compile(r"^\s*binding\s+state\s+(\w+)\s*;", re.MULTILINE)


def _isc(text: str) -> Iterator[Lease]:
    for address, body in _ISC_LEASE.findall(text):
        hardware, ends, state = (p.search(body) for p in (_ISC_HARDWARE, _ISC_ENDS, _ISC_STATE))
        if hardware is None:
            continue
        until = _isc_end(ends)
        if state and state[1] != "active":
            until = datetime.fromtimestamp(0, UTC)  # released, or given back
        if until and (lease := _lease(address, hardware[1], until)):
            yield lease


def _isc_end(found: re.Match[str] | None) -> datetime | None:
    if found is None:
        return None
    if found[1]:
        return FOREVER
    try:
        if found[2]:
            return _moment(found[2])
        return datetime.strptime(found[3], "%Y/%m/%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _kea(text: str) -> Iterator[Lease]:
    # Kea puts nothing in quotes, and a device's name may begin with one: it must not hide the rows
    # that follow.
    rows = csv.reader(_whole_lines(text), quoting=csv.QUOTE_NONE)
    header = next(rows, [])
    if not {"address", "hwaddr", "expire", "state"} <= set(header):
        return
    for cells in rows:
        if len(cells) != len(header):
            continue
        row = dict(zip(header, cells, strict=True))
        hardware = row["hwaddr"] or _hardware_of(row.get("duid", "")) or ""
        try:
            ends = _moment(row["expire"])
        except ValueError:
            continue
        if row["state"] != "0" or row.get("valid_lifetime") == "0":
            ends = datetime.fromtimestamp(0, UTC)  # declined, reclaimed or deleted
        if lease := _lease(row["address"], hardware, ends):
            yield lease


def _kea_json(text: str) -> Iterator[Lease]:
    try:
        said: Any = json.loads(text)
    except (ValueError, RecursionError):
        return  # half-written
    for answer in said if isinstance(said, list) else [said]:
        arguments = answer.get("arguments") if isinstance(answer, dict) else None
        found = arguments.get("leases") if isinstance(arguments, dict) else None
        for entry in found if isinstance(found, list) else ():
            try:
                ends = _moment(str(int(entry["cltt"]) + int(entry["valid-lft"])))
                if entry.get("state", 0) != 0:
                    ends = datetime.fromtimestamp(0, UTC)
                hardware = entry.get("hw-address") or _hardware_of(entry.get("duid", "")) or ""
                lease = _lease(entry["ip-address"], hardware, ends)
            except (KeyError, TypeError, ValueError, AttributeError):
                continue
            if lease:
                yield lease
