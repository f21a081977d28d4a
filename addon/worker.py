"""One proxy process: mitmproxy with the gate and the enforcer, and nothing of its console."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mitmproxy.exceptions import OptionsError
from mitmproxy.options import Options

from addon.balanced_modes import BalancedMode, GatewayMode
from addon.enforcer import Enforcer
from addon.gate import Gate
from addon.handshakes import Handshakes
from addon.identity.proxy_sign_in import SignInError, setting
from addon.journal_lines import start_logging
from addon.lifeline import ALIVE_EVERY, say_alive, say_ready, stop_with_parent
from addon.proxy_master import ProxyMaster
from addon.sizes import DEFAULT_LIMIT

log = logging.getLogger("schoolgate")

_LOOKUPS = 128  # at once
_MODES = ("regular", "transparent", GatewayMode.type_name, BalancedMode.type_name)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What one worker is told. `mode` is mitmproxy's `regular` or `transparent`, or one of ours."""

    mode: str
    host: str
    port: int
    state: Path
    policy: Path
    portal_url: str
    number: int = 0
    upstream_authorities: Path | None = None
    proxy_sign_in: bool = False
    record_limit: str = DEFAULT_LIMIT


class WorkerError(Exception):
    """One sentence on why the worker could not start."""


class _Announcement:
    """The last of the addons: when it hears that all is running, the others have."""

    def running(self) -> None:
        say_ready()
        self._alive = asyncio.get_running_loop().create_task(_stay_heard())


async def _stay_heard() -> None:
    while True:
        await asyncio.sleep(ALIVE_EVERY)
        say_alive()


async def work(settings: WorkerSettings) -> None:
    """Runs until SIGTERM or SIGINT; SIGHUP reads the policy again. Raises WorkerError."""
    options = Options(
        confdir=str(settings.state / "authority"),
        mode=[settings.mode],
        listen_host=settings.host,
        listen_port=settings.port,
    )
    gate = Gate()
    # mitmproxy's own log names every host it connects to: only ours is shown.
    master = ProxyMaster(options, sign_in=settings.proxy_sign_in)
    try:
        if settings.proxy_sign_in:
            options.update(proxyauth=setting(settings.state))
        master.addons.add(gate, Enforcer(gate), Handshakes(gate), _Announcement())
        options.update(
            schoolgate_policy=str(settings.policy),
            schoolgate_portal=settings.portal_url,
            schoolgate_worker=settings.number,
            schoolgate_state=str(settings.state),
            schoolgate_record_limit=settings.record_limit,
            ssl_verify_upstream_trusted_ca=(
                str(settings.upstream_authorities) if settings.upstream_authorities else None
            ),
        )
    except (OptionsError, SignInError) as error:
        raise WorkerError(str(error)) from error
    loop = asyncio.get_running_loop()
    # Names are looked up in threads. The few that Python starts by itself could all be kept busy by
    # one person with names whose servers never answer, and nobody else would get anywhere.
    loop.set_default_executor(ThreadPoolExecutor(_LOOKUPS, "lookup"))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, master.shutdown)
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(gate.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    await master.run()


def main(arguments: list[str] | None = None) -> int:
    """`python -m addon.worker`, as the supervisor starts it. 0 after a clean stop, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="addon.worker", description=__doc__)
    parser.add_argument("--mode", choices=_MODES, default="regular")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--policy", type=Path, required=True)
    parser.add_argument("--portal-url", default="")
    parser.add_argument("--number", type=int, default=0)
    parser.add_argument("--upstream-authorities", type=Path)
    parser.add_argument("--proxy-sign-in", action="store_true")
    parser.add_argument("--record-limit", default=DEFAULT_LIMIT)
    settings = WorkerSettings(**vars(parser.parse_args(arguments)))
    start_logging()
    # mitmproxy's own log names every host it connects to; only what broke it is shown.
    logging.getLogger("mitmproxy").setLevel(logging.ERROR)
    stop_with_parent()
    try:
        asyncio.run(work(settings))
    except WorkerError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
