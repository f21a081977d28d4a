"""The facts about a gateway as options, and how they meet those in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from addon.gateway.applying import Gateway
from addon.gateway.facts import (
    Facts,
    Mode,
    parse_exempt,
    parse_forward,
    parse_interface,
    parse_name,
    parse_portal,
    parse_server,
    parse_subnet,
)
from addon.gateway.facts_file import load_facts
from rules.loading import PolicyError
from scripts.common import A_PATH, Command, Sorry


class _Read(click.ParamType[Any]):
    """A text that a function reads, raising ValueError with a sentence."""

    def __init__(self, parse: Callable[[str], Any], name: str) -> None:
        self._parse, self.name = parse, name

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            return self._parse(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


_PORT = click.IntRange(1, 65535)
_UNSAID: tuple[object, ...] = (None, ())
_OPTIONS = (
    click.option(
        "--facts",
        "facts_file",
        type=A_PATH,
        envvar="SCHOOLGATE_FACTS",
        show_envvar=True,
        help="A YAML file with these facts. [default: those of the last confirmed apply]",
    ),
    click.option(
        "--lan",
        multiple=True,
        type=_Read(parse_interface, "INTERFACE"),
        envvar="SCHOOLGATE_LAN",
        show_envvar=True,
        help="The interface that staff are behind. Can be given several times.",
    ),
    click.option(
        "--wan",
        type=_Read(parse_interface, "INTERFACE"),
        envvar="SCHOOLGATE_WAN",
        show_envvar=True,
        help="The interface to the internet.",
    ),
    click.option(
        "--mode",
        type=click.Choice([str(mode) for mode in Mode]),
        envvar="SCHOOLGATE_GATEWAY_MODE",
        show_envvar=True,
        help="full: all web traffic is sorted by name. selective: only what goes to addresses of"
        " restricted sites. explicit: browsers are told of the proxy. [default: full]",
    ),
    click.option(
        "--dns",
        multiple=True,
        type=_Read(parse_server, "ADDRESS"),
        envvar="SCHOOLGATE_DNS",
        show_envvar=True,
        help="A name server to ask. Can be given several times. [default: the machine's own]",
    ),
    click.option(
        "--exempt",
        multiple=True,
        type=_Read(parse_exempt, "DEVICE"),
        envvar="SCHOOLGATE_EXEMPT",
        show_envvar=True,
        help="A device that is let past, such as a server or a printer: its hardware address, its"
        " address or its network. Can be given several times.",
    ),
    click.option(
        "--subnet",
        "subnets",
        multiple=True,
        type=_Read(parse_subnet, "NETWORK=PROFILE"),
        envvar="SCHOOLGATE_SUBNET",
        show_envvar=True,
        help="What holds for a subnet: restricted (the policy) or open (nothing). Can be given"
        " several times; the smallest subnet counts.",
    ),
    click.option(
        "--forward",
        "forwards",
        multiple=True,
        type=_Read(parse_forward, "DOMAIN=ADDRESS"),
        envvar="SCHOOLGATE_FORWARD",
        show_envvar=True,
        help="Who to ask for a domain of the school's own. Can be given several times.",
    ),
    click.option(
        "--masquerade/--no-masquerade",
        default=None,
        envvar="SCHOOLGATE_MASQUERADE",
        show_envvar=True,
        help="Translate the school's IPv4 addresses towards the internet. [default: no]",
    ),
    click.option(
        "--inbound/--no-inbound",
        default=None,
        envvar="SCHOOLGATE_INBOUND",
        show_envvar=True,
        help="With --masquerade, let the internet's side open connections to the school's all the"
        " same, where another firewall sees to it. [default: no]",
    ),
    click.option(
        "--portal",
        type=_Read(parse_portal, "ADDRESS[:PORT]"),
        envvar="SCHOOLGATE_GATEWAY_PORTAL",
        show_envvar=True,
        help="The portal as staff reach it. [default: the first LAN address, port 8081]",
    ),
    click.option(
        "--portal-name",
        type=_Read(parse_name, "NAME"),
        envvar="SCHOOLGATE_PORTAL_NAME",
        show_envvar=True,
        help="A name for the portal that the gateway's name server answers for.",
    ),
    click.option(
        "--https-port",
        type=_PORT,
        envvar="SCHOOLGATE_HTTPS_PORT",
        show_envvar=True,
        help="Where HAProxy takes HTTPS. [default: 8443]",
    ),
    click.option(
        "--http-port",
        type=_PORT,
        envvar="SCHOOLGATE_HTTP_PORT",
        show_envvar=True,
        help="Where HAProxy takes HTTP. [default: 8080]",
    ),
)


def facts_options(command: Command) -> Command:
    """`--lan`, `--wan`, `--mode` and the rest."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def facts_from(given: dict[str, Any], gateway: Gateway) -> Facts:
    """The facts: those of a file or the last time, with what was given now. Raises Sorry."""
    path: Path | None = given.pop("facts_file")
    if path is None and gateway.facts_file.exists():
        path = gateway.facts_file
    facts = Facts() if path is None else read_facts(path)
    if given["mode"]:
        given["mode"] = Mode(given["mode"])
    said: dict[str, Any] = {name: value for name, value in given.items() if value not in _UNSAID}
    return replace(facts, **said)


def read_facts(path: Path) -> Facts:
    """The facts of a file. Raises Sorry with all its faults."""
    try:
        return load_facts(path)
    except PolicyError as error:
        raise Sorry(f"The gateway's facts have faults, so nothing was done.\n{error}") from error
