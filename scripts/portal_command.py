"""`schoolgate portal`: the portal alone, for an installation where it is a service of its own.

A hole in the portal should not lead to the keys that sign certificates, and they belong to the same
user. So systemd runs the portal in a world of its own, in which they are not there.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from addon.endpoint import Endpoint, EndpointType
from scripts.common import policy_option, portal_option, state_option, workers_option
from scripts.run_front import module
from scripts.supervisor import Child, Supervisor


@click.command()
@click.option(
    "--listen",
    type=EndpointType(),
    default="127.0.0.1:8080",
    show_default=True,
    envvar="SCHOOLGATE_LISTEN",
    show_envvar=True,
    help="Where the proxy listens; it goes into proxy.pac.",
)
@workers_option("How many proxy processes there should be.")
@portal_option
@click.option(
    "--portal-url",
    default="",
    envvar="SCHOOLGATE_PORTAL_URL",
    show_envvar=True,
    help="The portal's address as staff's browsers reach it. [default: from --portal]",
)
@state_option
@policy_option
def portal(
    listen: Endpoint, workers: int, portal: Endpoint, portal_url: str, state: Path, policy: Path
) -> None:
    """Run the portal alone, beside `schoolgate run --portal-process external`."""
    url = (portal_url or f"http://{portal}").rstrip("/")
    pages = portal_child(state.absolute(), policy.absolute(), listen, portal, url, workers)
    sys.exit(asyncio.run(Supervisor([pages], ready=f"The portal is ready on {url}/ .").run()))


def portal_child(
    state: Path, policy: Path, proxy: Endpoint, portal: Endpoint, url: str, workers: int
) -> Child:
    """The portal as a child to supervise."""
    command = [
        *module("addon.portal.server"),
        *("--listen", str(portal), "--state", str(state), "--policy", str(policy)),
        *("--proxy", str(proxy), "--name", urlsplit(url).hostname or portal.host),
        *("--workers", str(workers)),
    ]
    return Child("portal", command)
