"""`schoolgate run`: checks what can be checked, then supervises the proxy and the portal."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import re
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import click

from addon.authority import AuthorityError, ensure_authority
from addon.endpoint import Endpoint, EndpointType
from addon.state_folder import list_sources, lists_folder
from rules.loading import PolicyError
from rules.proof import load_proven_policy
from scripts.common import A_PATH, Sorry, policy_option, state_option
from scripts.supervisor import Child, Chore, Supervisor
from storage.database import RecordError, open_record

_UPSTREAM_BUNDLE = "upstream-authorities.pem"
# Block pages link to it, so it is looked at before it stands on every one of them.
_WEB_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


@click.command()
@click.option(
    "--mode",
    type=click.Choice(["regular", "transparent"]),
    default="regular",
    show_default=True,
    envvar="SCHOOLGATE_MODE",
    show_envvar=True,
    help="regular: browsers are told of the proxy. transparent: the gateway redirects to it.",
)
@click.option(
    "--listen",
    type=EndpointType(),
    default="127.0.0.1:8080",
    show_default=True,
    envvar="SCHOOLGATE_LISTEN",
    show_envvar=True,
    help="Where the proxy listens.",
)
@click.option(
    "--portal",
    type=EndpointType(),
    default="127.0.0.1:8081",
    show_default=True,
    envvar="SCHOOLGATE_PORTAL",
    show_envvar=True,
    help="Where the portal listens.",
)
@click.option(
    "--portal-url",
    envvar="SCHOOLGATE_PORTAL_URL",
    show_envvar=True,
    help="The portal's address as staff's browsers reach it. [default: from --portal]",
)
@click.option(
    "--upstream-ca",
    type=A_PATH,
    envvar="SCHOOLGATE_UPSTREAM_CA",
    show_envvar=True,
    help="A PEM file with further authorities to trust upstream, where another filter inspects.",
)
@state_option
@policy_option
def run(
    mode: str,
    listen: Endpoint,
    portal: Endpoint,
    portal_url: str | None,
    upstream_ca: Path | None,
    state: Path,
    policy: Path,
) -> None:
    """Run the proxy and the portal on an embedded SQLite file until stopped."""
    state, policy = state.absolute(), policy.absolute()
    if listen == portal:
        raise Sorry(f"The proxy and the portal cannot both listen on {listen}; give two ports.")
    if portal_url and not _WEB_ADDRESS.fullmatch(portal_url):
        raise Sorry(
            f"{portal_url!r} is not an address for --portal-url, such as http://gate.school.example:8081."
        )
    try:
        school = load_proven_policy(policy, lists=lists_folder(state)).school.name
        open_record(state).dispose()
        ensure_authority(state / "authority", school, datetime.now(UTC))
    except PolicyError as error:
        raise Sorry(f"The policy has faults, so nothing was started.\n{error}") from error
    except (RecordError, AuthorityError) as error:
        raise Sorry(str(error)) from error
    # First: a port in use is most often that of a Schoolgate on the same folder.
    lock = _lock(state)
    for what, option, endpoint in (("proxy", "--listen", listen), ("portal", "--portal", portal)):
        _check_free(what, option, endpoint)
    if not portal_url and portal.host in ("0.0.0.0", "::"):  # noqa: S104 - nothing is bound here
        click.echo(
            f"Block pages link to http://{portal}, which no browser can reach: give the portal's"
            " address with --portal-url.",
            err=True,
        )
    portal_url = (portal_url or f"http://{portal}").rstrip("/")
    worker = [
        *_module("addon.worker"),
        *("--mode", mode, "--host", listen.host, "--port", str(listen.port)),
        *("--state", str(state), "--policy", str(policy), "--portal-url", portal_url),
    ]
    if upstream_ca:
        worker += ["--upstream-authorities", str(_upstream_bundle(upstream_ca, state))]
    pages = [
        *_module("addon.portal.server"),
        *("--listen", str(portal), "--state", str(state), "--policy", str(policy)),
        *("--proxy", str(listen), "--name", urlsplit(portal_url).hostname or portal.host),
    ]
    supervisor = Supervisor(
        [Child("proxy", worker), Child("portal", pages)],
        ready=f"Schoolgate is ready: proxy on {listen} ({mode}), portal on {portal_url}/ ."
        " Stop it with Ctrl-C.",
        chores=[
            Chore(
                "Bringing the lists up to date",
                [
                    *_module("scripts.cli"),
                    *("lists", "update", "--state", str(state), "--policy", str(policy)),
                ],
                wanted=list_sources(state),
            )
        ],
    )
    status = asyncio.run(supervisor.run())
    os.close(lock)
    sys.exit(status)


def _module(name: str) -> list[str]:
    # -P: the folder it was started in is not searched for modules with our generic names.
    return [sys.executable, "-P", "-m", name]


def _check_free(what: str, option: str, endpoint: Endpoint) -> None:
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(endpoint)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = f"something else listens there; stop it or choose another with {option}"
            elif error.errno == errno.EADDRNOTAVAIL:
                reason = "this machine does not have that address"
            else:
                reason = (error.strerror or str(error)).rstrip(".").lower()
            raise Sorry(f"The {what} cannot listen on {endpoint}: {reason}.") from error


def _lock(state: Path) -> int:
    """Holds the state folder for this process; two would give two events one number."""
    descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise Sorry(
            f"Another Schoolgate is running on {state}; stop it, or give this one its own --state."
        ) from error
    return descriptor


def _upstream_bundle(extra: Path, state: Path) -> Path:
    """The public authorities and the school's further ones, in one file, as mitmproxy takes one."""
    try:
        text = extra.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Sorry(f"{extra} cannot be read as a PEM file of certificates.") from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise Sorry(f"{extra} holds no certificate in PEM form.")
    bundle = state / _UPSTREAM_BUNDLE
    bundle.write_text(Path(certifi.where()).read_text(encoding="utf-8") + "\n" + text, "utf-8")
    return bundle
