"""A machine with a systemd of its own, in namespaces, on which Schoolgate is installed.

It boots this machine's files, or those of another system: a folder that debootstrap or mmdebstrap
made, which SCHOOLGATE_TEST_SYSTEM names. What is written in it is in memory and gone with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.support.namespace import missing

CHECKOUT = Path(__file__).parent.parent.parent
SYSTEM = Path(os.environ.get("SCHOOLGATE_TEST_SYSTEM", "/"))
BOOT_WITHIN = 900.0

_BOOT = Path(__file__).with_name("boot.sh")
_PATH = "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def why_not() -> str | None:
    """Why no machine can be booted, or None."""
    if not os.environ.get("SCHOOLGATE_TEST_INSTALL"):
        return "takes minutes and fetches packages: set SCHOOLGATE_TEST_INSTALL=1"
    if not (SYSTEM / "usr/lib/systemd/systemd").exists():
        return "needs systemd"
    if _cgroup() is None:
        return "needs cgroups of version 2"
    return missing("unshare", "nsenter")


def _cgroup() -> Path | None:
    for place in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if (place / "cgroup.procs").exists() and (place / "cgroup.controllers").exists():
            return place
    return None


class Machine:
    """A machine that has booted, with Schoolgate installed."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        place = _cgroup()
        assert place
        self._group = place / f"schoolgate-test-{os.getpid()}"
        self._group.mkdir()
        root = folder / "machine"
        root.mkdir()
        with self._log.open("w") as log:
            self._unshare = subprocess.Popen(
                [
                    *("sh", "-c", f'echo $$ > "{self._group}/cgroup.procs"; exec "$@"', "sh"),
                    *("unshare", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork"),
                    *("bash", _BOOT, root, CHECKOUT, SYSTEM, sys.base_prefix),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = 0

    def wait(self) -> None:
        """Returns once the service is up."""
        end = time.monotonic() + BOOT_WITHIN
        while time.monotonic() < end:
            assert self._unshare.poll() is None, self._log.read_text()
            self.pid = self._init()
            if self.pid and self.run("systemctl", "is-active", "schoolgate").stdout == "active\n":
                return
            time.sleep(1)
        raise TimeoutError(self._log.read_text()[-2000:])

    def _init(self) -> int:
        children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children")
        for child in children.read_text().split():
            with suppress(OSError):
                if b"systemd" in Path("/proc", child, "cmdline").read_bytes().split(b"\0")[0]:
                    return int(child)
        return 0

    def run(self, *command: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a command as the machine's root."""
        enter = ("nsenter", "-t", str(self.pid), "-m", "-p", "-u", "-i", "-C", "-n")
        return subprocess.run(
            [*enter, "env", "-i", _PATH, *command],
            input=given,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def shell(self, script: str) -> str:
        """What a script says; it must not fail."""
        done = self.run("bash", "-es", given=script)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def install(self, version: str, breaking: str = "") -> subprocess.CompletedProcess[str]:
        """Installs another release over what is there, after a script has changed its source."""
        script = f"""
            rm -rf /srv/release; mkdir /srv/release; cd /srv/checkout
            tar -c --exclude=__pycache__ pyproject.toml README.md LICENSE requirements.lock \\
                addon rules scripts storage | tar -x -C /srv/release
            cd /srv/release
            sed -i 's/^version = .*/version = "{version}"/' pyproject.toml
            {breaking}
            PIP_NO_INDEX=1 PIP_FIND_LINKS=/srv/packages bash scripts/install
        """
        return self.run("bash", "-es", given=script)

    def end(self) -> None:
        """Ends it with all that runs in it: the first process of a namespace takes the rest."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._unshare.kill()
        self._unshare.wait(30)
        for _ in range(100):
            with suppress(OSError):
                for group in sorted(self._group.glob("**/"), reverse=True):
                    group.rmdir()
            if not self._group.exists():
                return
            time.sleep(0.1)
