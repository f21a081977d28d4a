"""Where something listens, as it is written on a command line."""

from __future__ import annotations

from typing import Any, NamedTuple

import click

from rules.hosts import HostError, canonical_host


class Endpoint(NamedTuple):
    """A host address and port to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class EndpointType(click.ParamType[Endpoint]):
    """HOST:PORT on the command line, with IPv6 in brackets.

    With `any_port`, port 0 stands for one that the system chooses.
    """

    name = "HOST:PORT"

    def __init__(self, *, any_port: bool = False) -> None:
        self._lowest = 0 if any_port else 1

    def convert(self, value: Any, param: Any, ctx: Any) -> Endpoint:
        if isinstance(value, Endpoint):
            return value
        host, _, port = str(value).rpartition(":")
        try:
            host = canonical_host(host)
        except HostError:
            port = ""
        if not (port.isascii() and port.isdecimal()):
            self.fail(
                f"{value!r} is not an address and a port; it reads like 127.0.0.1:8081.", param, ctx
            )
        if not self._lowest <= int(port) < 65536:
            self.fail(f"{port} is not a port; ports run from 1 to 65535.", param, ctx)
        return Endpoint(host, int(port))
