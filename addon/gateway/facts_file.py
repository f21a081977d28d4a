"""The file that a gateway's facts are kept in, for admins who would rather not type options.

lan: [eth1, eth2]
wan: eth0
mode: full
dns: [192.0.2.53]
exempt: ['a4:5e:60:01:02:03', 10.0.0.9]
subnets: ['10.20.0.0/16=open']
"""

# ruff: noqa: RUF009 - a field's default here is its declaration, as in any form of this kind

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from addon.endpoint import Endpoint
from addon.gateway.facts import (
    Address,
    Facts,
    Forward,
    Mode,
    Subnet,
    parse_exempt,
    parse_forward,
    parse_interface,
    parse_name,
    parse_portal,
    parse_server,
    parse_subnet,
)
from rules.faults import FaultList, Spot
from rules.nodes import MOST_BYTES, Node, Scalar, read_nodes
from rules.reading import Plain, Reading, Schema, Unreadable
from rules.records import Record, optional
from rules.shapes import Choice, ListOf, Number, Parsed


class _Truth(Plain):
    """True or false."""

    def read(self, node: Node, reading: Reading) -> bool:
        if isinstance(node, Scalar) and node.kind == "truth":
            return node.text.lower() == "true"
        raise reading.refuse(node.spot, "This should be true or false.")

    def schema(self) -> Schema:
        return {"type": "boolean"}


_PORT = Number(1, 65535, "a port")


@dataclass(frozen=True, kw_only=True)
class _Form:
    lan: tuple[str, ...] = optional(
        ListOf(Parsed(parse_interface, "an interface"), "interfaces", single=True),
        "the interfaces that staff are behind.",
        (),
    )
    wan: str | None = optional(
        Parsed(parse_interface, "an interface"), "the interface to the internet.", None
    )
    mode: Mode = optional(Choice(Mode, "a mode"), "full, selective or explicit.", Mode.FULL)
    dns: tuple[Address, ...] = optional(
        ListOf(Parsed(parse_server, "an address"), "addresses", single=True),
        "the name servers to ask.",
        (),
    )
    exempt: tuple[str, ...] = optional(
        ListOf(Parsed(parse_exempt, "a device"), "devices", single=True),
        "devices that are let past, by hardware address or address.",
        (),
    )
    subnets: tuple[Subnet, ...] = optional(
        ListOf(Parsed(parse_subnet, "a subnet"), "subnets", single=True),
        "what holds for a subnet, as in '10.20.0.0/16=open'.",
        (),
    )
    forwards: tuple[Forward, ...] = optional(
        ListOf(Parsed(parse_forward, "a domain"), "domains", single=True),
        "whom to ask for the school's own domains, as in 'school.local=10.0.0.5'.",
        (),
    )
    masquerade: bool = optional(_Truth(), "whether to translate addresses towards the WAN.", False)
    inbound: bool = optional(
        _Truth(), "whether the WAN may open connections where addresses are translated.", False
    )
    portal: Endpoint | None = optional(
        Parsed(parse_portal, "an address"), "the portal's address and port.", None
    )
    portal_name: str = optional(Parsed(parse_name, "a host name"), "the portal's name.", "")
    https_port: int = optional(_PORT, "HAProxy's port for HTTPS.", 8443)
    http_port: int = optional(_PORT, "HAProxy's port for HTTP.", 8080)


def load_facts(path: Path) -> Facts:
    """Load the facts. Raises PolicyError with every fault there is, a missing file included."""
    reading = Reading()
    form = _read(path, reading)
    reading.faults.raise_if_any()
    assert form is not None
    return Facts(**{f.name: getattr(form, f.name) for f in fields(form)})


def _read(path: Path, reading: Reading) -> _Form | None:
    faults: FaultList = reading.faults
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        faults.add(Spot(path.name, 0), f"The file cannot be read: {error.strerror or error}.", "")
        return None
    if (node := read_nodes(data, path.name, faults)) is None:
        return None
    try:
        return Record(_Form, "a gateway's facts").read(node, reading)
    except Unreadable:
        return None


def facts_text(facts: Facts) -> str:
    """The facts as such a file, with only what differs from the usual."""
    usual = Facts()
    kept: dict[str, Any] = {}
    for name in (f.name for f in fields(_Form)):
        value = getattr(facts, name)
        if value != getattr(usual, name) or name == "mode":
            kept[name.replace("_", "-")] = _plain(value)
    return yaml.safe_dump(kept, sort_keys=False, default_flow_style=None)


def _plain(value: Any) -> Any:
    match value:
        case Endpoint():
            return str(value)
        case Subnet():
            return f"{value.network}={value.profile}"
        case Forward():
            return f"{value.domain}={value.server}"
        case tuple():
            return [_plain(item) for item in value]
        case bool() | int():
            return value
        case _:
            return str(value)
