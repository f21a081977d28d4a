"""Where something listens, as it is written on a command line."""

from __future__ import annotations

import ipaddress
from typing import Any, NamedTuple

import click


class Endpoint(NamedTuple):
    """A host address and port to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class EndpointType(click.ParamType[Endpoint]):
    """HOST:PORT on the command line, with IPv6 in brackets."""

    name = "HOST:PORT"

    def convert(self, value: Any, param: Any, ctx: Any) -> Endpoint:
        if isinstance(value, Endpoint):
            return value
        host, _, port = str(value).rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        try:
            ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
            number = int(port)
        except ValueError:
            self.fail(
                f"{value!r} is not an address and a port, such as 127.0.0.1:8080.", param, ctx
            )
        if not 0 <= number < 65536:
            self.fail(f"{number} is not a port; ports run from 1 to 65535.", param, ctx)
        return Endpoint("127.0.0.1" if host == "localhost" else host, number)
