"""The portal's process: `python -m addon.portal.server --listen HOST:PORT --state DIR`.

SIGTERM and SIGINT end it, answering what it is busy with; SIGHUP makes it read the policy again.
"""

import logging
import signal
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType
from typing import Any, Final

import click
from waitress.server import create_server  # type: ignore[import-untyped]

from addon.endpoint import Endpoint, EndpointType
from addon.journal_lines import start_logging
from addon.kept_policy import KeptPolicy
from addon.lifeline import ALIVE_EVERY, say_alive, say_ready, stop_with_parent
from addon.policy_in_force import PolicyInForce
from addon.portal.app import PortalSettings, create_app
from addon.state_folder import lists_folder
from rules.loading import SHIPPED_POLICY, PolicyError

log: Final = logging.getLogger("schoolgate.portal")

# How waitress serves. Nothing that the portal takes is larger than 64 KB.
SERVING: Final[Mapping[str, Any]] = {
    "ident": "",
    "threads": 4,
    "max_request_body_size": 64 * 1024,
    "clear_untrusted_proxy_headers": True,
    # Somebody who opens a hundred connections and says nothing must not keep all others out.
    "connection_limit": 1000,
    "channel_timeout": 20,  # seconds
    "cleanup_interval": 5,
    "asyncore_use_poll": True,
}


@click.command(context_settings={"auto_envvar_prefix": "SCHOOLGATE"})
@click.option(
    "--listen",
    type=EndpointType(any_port=True),
    default="127.0.0.1:8081",
    show_default=True,
    envvar="SCHOOLGATE_PORTAL",
    help="Where the portal answers.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=Path("var"),
    show_default=True,
    help="The folder with certificates and the workers' status.",
)
@click.option(
    "--policy", type=click.Path(path_type=Path), default=SHIPPED_POLICY, help="The school's policy."
)
@click.option(
    "--proxy",
    type=EndpointType(),
    default="127.0.0.1:8080",
    show_default=True,
    help="Where the proxy listens; it goes into proxy.pac.",
)
@click.option(
    "--workers",
    type=click.IntRange(0, 16),
    default=1,
    show_default=True,
    help="How many proxy workers there should be.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    help="A full name that browsers call the portal by; may be given again.",
)
def main(
    listen: Endpoint,
    state: Path,
    policy: Path,
    proxy: Endpoint,
    workers: int,
    names: tuple[str, ...],
) -> None:
    """Serve the portal until told to stop."""
    start_logging("portal: %(message)s")
    logging.getLogger("waitress").setLevel(logging.ERROR)
    stop_with_parent()
    try:
        kept = KeptPolicy(state, policy)
        in_force = PolicyInForce(policy, now, lists_folder(state), kept=kept)
    except PolicyError as fault:
        raise click.ClickException(str(fault)) from fault
    in_force.keep()
    settings = PortalSettings(
        state=state, policy=in_force, clock=now, proxy_host=proxy[0], proxy_port=proxy[1],
        workers=workers, names=frozenset(name.lower() for name in names),
    )  # fmt: skip
    serve(settings, *listen)


def now() -> datetime:
    """The time, aware and UTC."""
    return datetime.now(UTC)


def serve(settings: PortalSettings, host: str, port: int) -> None:
    """Answer until SIGTERM or SIGINT. Raises click.ClickException if the address cannot be had."""
    wanted = threading.Event()
    threading.Thread(target=_reload_when, args=(wanted, settings), daemon=True).start()
    signal.signal(signal.SIGHUP, lambda *_: wanted.set())
    try:
        server = create_server(create_app(settings), host=host, port=port, **SERVING)
    except ValueError as fault:  # waitress' own, for a host that has no address
        raise click.ClickException(
            f"The portal cannot listen on {host}:{port}: the host is not known."
        ) from fault
    except OSError as fault:
        raise click.ClickException(
            f"The portal cannot listen on {host}:{port}: {fault.strerror}."
        ) from fault
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    log.info("ready on %s:%s", host, server.effective_port)
    say_ready()
    port = int(server.effective_port)
    threading.Thread(target=_stay_heard, args=(host, port), daemon=True).start()
    try:
        server.run()  # ends by itself on SystemExit, when its threads are done
    finally:
        server.close()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _stay_heard(host: str, port: int) -> None:
    """Asks what staff's browsers would ask: a thread that only says it lives proves nothing."""
    at = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound
    while True:
        time.sleep(ALIVE_EVERY)
        asking = HTTPConnection(at, port, timeout=ALIVE_EVERY)
        try:
            asking.request("GET", "/healthz")
            asking.getresponse().read()
        except (OSError, HTTPException):
            continue
        finally:
            asking.close()
        say_alive()


LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the policy's files."""


def _reload_when(wanted: threading.Event, settings: PortalSettings) -> None:
    """Reading a policy takes a moment, which the thread that answers should not spend.

    What came of it is logged by the first worker, and here if there is none.
    """
    while True:
        if not (wanted.wait(LOOK_EVERY) or settings.policy.has_changed()):
            continue
        wanted.clear()
        faults = settings.policy.reload()
        if settings.workers:
            continue
        if faults:
            log.error("the new policy has faults; the old one stays in force.\n%s", faults)
        else:
            log.info("the policy was read again and is in force")


if __name__ == "__main__":
    main()
