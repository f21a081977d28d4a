"""Programs that answer a line on standard input with a line on standard output, and what they cost.

squidGuard is one, as squid starts it. It is given the same list, compiled into its database, and
the same requests; it has one rule, for everyone and at all hours, because most of what a purpose
says cannot be said in its language. So it does less than we do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.bench import material
from tests.bench.stage import ROOT, BenchError

_CONFIGURATION = """\
dbhome {folder}
logdir {folder}
dest listed {{ domainlist listed/domains }}
dest social {{ domainlist social/domains }}
acl {{ default {{ pass !listed !social all
  redirect http://refused.example/ }} }}
"""
_TICKS = os.sysconf("SC_CLK_TCK")


def squidguard() -> str | None:
    """Where squidGuard is, or None."""
    return shutil.which("squidGuard", path=os.environ["PATH"] + ":/usr/sbin:/usr/bin")


def prepare_squidguard(program: str, folder: Path) -> tuple[Path, float]:
    """Compiles the list: the configuration, and the processor time in seconds that it took."""
    own = folder / "squidguard"
    for name, source in (("listed", folder / "lists/listed.txt"), ("social", None)):
        (own / name).mkdir(parents=True)
        text = source.read_text() if source else "\n".join(material.social_domains()) + "\n"
        (own / name / "domains").write_text(text)
    configuration = own / "squidguard.conf"
    configuration.write_text(_CONFIGURATION.format(folder=own))
    before = os.times()
    ran = subprocess.run(
        [program, "-c", configuration, "-C", "all"], capture_output=True, text=True
    )
    after = os.times()
    if ran.returncode or not (own / "listed" / "domains.db").exists():
        raise BenchError(f"squidGuard did not compile the list: {ran.stderr}")
    took = after.children_user + after.children_system
    return configuration, took - before.children_user - before.children_system


def lines(requests: Sequence[material.Asked]) -> bytes:
    """The requests as squid writes them: address, client, person, method."""
    return "".join(
        f"https://{one.host}{one.path} 10.0.0.7/- {one.person or '-'} {one.method}\n"
        for one in requests
    ).encode()


def addresses(requests: Sequence[material.Asked]) -> bytes:
    """The requests as `schoolgate explain -` reads them."""
    return "".join(f"https://{one.host}{one.path}\n" for one in requests).encode()


class Redirector:
    """A program that answers line by line. `first` is a request that it is asked to be ready."""

    def __init__(self, command: Sequence[Any], first: bytes) -> None:
        self._process = subprocess.Popen(
            [str(word) for word in command],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.answers(first)
        self.start = self._processor()  # seconds of processor time until the first answer

    def __enter__(self) -> Redirector:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)

    def answers(self, asked: bytes) -> list[bytes]:
        """Asks, and gives the answers, a line each. Raises BenchError if some are missing."""
        assert self._process.stdin
        assert self._process.stdout
        writer = threading.Thread(target=self._write, args=(asked,))
        writer.start()
        answers = [self._process.stdout.readline() for _ in range(asked.count(b"\n"))]
        writer.join()
        if not all(answers):
            raise BenchError(f"{self._process.args!r} stopped in the middle.")
        return answers

    def rate(self, asked: bytes) -> tuple[float, list[bytes]]:
        """Lines answered in a second of the program's processor time, and the answers."""
        before = self._processor()
        answers = self.answers(asked)
        return len(answers) / max(self._processor() - before, 1 / _TICKS), answers

    @property
    def memory(self) -> float:
        """The most that it has held, in MB."""
        status = Path("/proc", str(self._process.pid), "status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def _processor(self) -> float:
        stat = Path("/proc", str(self._process.pid), "stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def _write(self, asked: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(asked)
        self._process.stdin.flush()
