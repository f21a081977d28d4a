"""Our own dnsmasq as a process: started, stopped, and told from any other.

Where systemd runs the machine and our unit is installed, it is systemd's to keep; elsewhere, as in
a container, dnsmasq is started here and goes on by itself.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from addon.gateway.lookups import NXDOMAIN, ask
from addon.gateway.machine import find_program, has_systemd
from addon.gateway.resolvers import CANARIES

UNIT: Final = "schoolgate-dnsmasq.service"
CREDENTIAL: Final = Path("/run/credentials", UNIT, "dnsmasq.conf")
"""Where systemd hands the configuration to the unit (systemd.exec(5), LoadCredential=)."""
_WITHIN: Final = 10.0
_SYSTEMD_WITHIN: Final = 60.0
_UNITS: Final = Path("/etc/systemd/system")
_HERE: Final = IPv4Address("127.0.0.1")


class NameServerError(Exception):
    """The name server does not start or stop, as a sentence for a person."""


class NameServer:
    """The dnsmasq that runs on one configuration file."""

    def __init__(self, configuration: Path, folder: Path) -> None:
        self._configuration = configuration
        self._pid_file = folder / "dnsmasq.pid"
        self._log = folder / "dnsmasq.log"

    def check(self, text: str) -> None:
        """Have dnsmasq look a configuration over. Raises NameServerError."""
        done = self._run("--test", "--conf-file=-", given=text)
        if done.returncode != 0:
            raise NameServerError(f"dnsmasq does not take its configuration: {_first(done)}")

    def pid(self) -> int | None:
        """The process, if it runs and is ours."""
        with suppress(OSError, ValueError):
            pid = int(self._pid_file.read_text(encoding="ascii"))
            if self._marks() & set(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")):
                return pid
        for process in Path("/proc").iterdir():
            # Without its pid file, after a crash of ours or under systemd.
            if process.name.isdecimal():
                with suppress(OSError):
                    if self._marks() & set((process / "cmdline").read_bytes().split(b"\0")):
                        return int(process.name)
        return None

    def answers(self, within: float = _WITHIN) -> bool:
        """Whether it is ours that answers on loopback: only it knows that a canary is no name."""
        end = time.monotonic() + within
        while True:
            if self.pid() is not None and ask(_HERE, CANARIES[0], 0.5, 1) == NXDOMAIN:
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.1)

    def restart(self) -> None:
        """Start it, on the configuration as it is now. Raises NameServerError."""
        if self._is_unit():
            self._systemctl("restart")
            return
        self.stop()
        done = self._run(
            f"--conf-file={self._configuration}",
            f"--pid-file={self._pid_file}",
            f"--log-facility={self._log}",
        )
        if done.returncode != 0:
            raise NameServerError(f"dnsmasq does not start: {_first(done)}")

    def stop(self) -> None:
        """Stop it if it runs. Raises NameServerError if it does not stop."""
        if self._is_unit():
            self._systemctl("stop")
        if (pid := self.pid()) is not None and not _end(pid):
            raise NameServerError(
                f"The name server (process {pid}) does not stop; end it yourself."
            )
        self._pid_file.unlink(missing_ok=True)

    def _marks(self) -> set[bytes]:
        marks = {f"--conf-file={self._configuration}".encode()}
        return marks | {f"--conf-file={CREDENTIAL}".encode()} if self._is_unit() else marks

    @staticmethod
    def _is_unit() -> bool:
        return has_systemd() and (_UNITS / UNIT).exists()

    @staticmethod
    def _systemctl(verb: str) -> None:
        path = find_program("systemctl")
        assert path
        try:
            done = subprocess.run(  # noqa: S603 - systemctl on our own unit
                [path, verb, UNIT],
                capture_output=True,
                text=True,
                timeout=_SYSTEMD_WITHIN,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NameServerError(
                f"systemd does not {verb} {UNIT} in time; see 'systemctl status {UNIT}'."
            ) from error
        if done.returncode != 0:
            raise NameServerError(f"systemd cannot {verb} {UNIT}: {_first(done)}")

    @staticmethod
    def _run(*options: str, given: str = "") -> subprocess.CompletedProcess[str]:
        if (path := find_program("dnsmasq")) is None:
            raise NameServerError("dnsmasq is not installed; install dnsmasq-base.")
        try:
            return subprocess.run(  # noqa: S603 - dnsmasq itself, on our own file
                [path, *options],
                input=given,
                capture_output=True,
                text=True,
                timeout=_WITHIN,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NameServerError("dnsmasq does not come up; see its log.") from error


def _first(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return lines[0].removeprefix("dnsmasq: ") if lines else f"exit status {done.returncode}"


def _end(pid: int) -> bool:
    """End a process. Says whether it is gone, and what it listened on with it: its command line
    goes sooner, and who started then would find the port taken.
    """
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        waiting = select.poll()
        waiting.register(process, select.POLLIN)
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, number)
            if waiting.poll(_WITHIN / 2 * 1000):
                return True
        return False
    finally:
        os.close(process)
