"""Talking to a running HAProxy: its tables change and its connections stay.

Each conversation is one connection to its runtime socket, which only the owner of the state folder
can open. What it answers to a change is an empty line, and anything else says what went wrong.

Source: HAProxy's management guide, section 9.3.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from addon.gateway.front import quoted

_WITHIN: Final = 30.0
_PROMPT: Final = b"\n> "
_AT_A_TIME: Final = 8_000
"""Bytes of additions in one command; HAProxy takes half of its buffer's size."""

SMALL: Final = 20_000
"""Entries of a table that is replaced whole, in a few tenths of a second."""

_FEW: Final = 50
"""Entries to take out of a larger one singly: HAProxy searches all of it for each."""


class RuntimeFailure(Exception):
    """HAProxy did not answer, or refused; the message says what it said."""


class Runtime:
    """The runtime socket of one HAProxy."""

    def __init__(self, path: Path, within: float = _WITHIN) -> None:
        self._path = path
        self._within = within

    def process(self) -> int:
        """The process id of the HAProxy that answers now. Raises RuntimeFailure if none does."""
        with _Conversation(self._path, self._within) as talk:
            found = re.search(r"^Pid: (\d+)", talk.ask("show info"), re.MULTILINE)
        if not found:
            raise RuntimeFailure("HAProxy does not say its process id")
        return int(found[1])

    def tables(self) -> frozenset[str]:
        """The names of the tables that its configuration asks for. Raises RuntimeFailure."""
        with _Conversation(self._path, self._within) as talk:
            return frozenset(map(_file_name, _TABLE.findall(talk.ask("show map"))))

    def holds(self, table: Path, key: str) -> bool:
        """Whether a table has a key now. Raises RuntimeFailure."""
        with _Conversation(self._path, self._within) as talk:
            return "found=yes" in talk.ask(f"get map {quoted(table)} {key}")

    def replace(self, table: Path, before: Collection[str] | None, after: Collection[str]) -> None:
        """Brings a table from one set of keys, None if it is not known, to another.

        What is new counts at once. A small table changes in one step; of a large one, what is new
        is added first, and what has gone follows. Raises RuntimeFailure.
        """
        added, gone = set(after) - set(before or ()), set(before or ()) - set(after)
        with _Conversation(self._path, self._within) as talk:
            if before is None or len(after) <= SMALL:
                _all_anew(talk, table, after)
                return
            _add(talk, quoted(table), added)
            if len(gone) > _FEW:
                _all_anew(talk, table, after)
                return
            for key in gone:
                talk.tell(f"del map {quoted(table)} {key}")

    def connections(self) -> dict[str, int]:
        """How many connections, or requests in the clear, each part has had since HAProxy started.

        By the configuration's names: `untouched`, `workers` and so on. Raises RuntimeFailure.
        """
        with _Conversation(self._path, self._within) as talk:
            rows = [line.split(",") for line in talk.ask("show stat").splitlines()]
        return {row[0]: int(row[7]) for row in rows if row[1:2] == ["BACKEND"]}

    def end_sessions(self, sources: Collection[str]) -> int:
        """Closes every connection that these client addresses have open; gives their number."""
        with _Conversation(self._path, self._within) as talk:
            ended = [
                session
                for session, source in _SESSION.findall(talk.ask("show sess"))
                if source.removeprefix("::ffff:") in sources
            ]
            for session in ended:
                talk.ask(f"shutdown session {session}")
        return len(ended)


_TABLE = re.compile(r"^-?\d+ \((.+?)\) pattern loaded", re.MULTILINE)
_SESSION = re.compile(r"^(0x[0-9a-f]+): proto=tcpv[46] src=(\S+):\d+ ", re.MULTILINE)


def _file_name(path: str) -> str:
    return Path(path).name


def _all_anew(talk: _Conversation, table: Path, keys: Collection[str]) -> None:
    name = quoted(table)
    answer = talk.ask(f"prepare map {name}")
    version = re.search(r"New version created: (\d+)", answer)
    if not version:
        raise RuntimeFailure(answer.strip())
    _add(talk, f"@{version[1]} {name}", keys)
    talk.tell(f"commit map @{version[1]} {name}")


def _add(talk: _Conversation, where: str, keys: Collection[str]) -> None:
    for lines in _batches(keys):
        talk.tell(f"add map {where} <<\n{lines}")


def _batches(keys: Collection[str]) -> Iterator[str]:
    left = iter(keys)
    # No key is longer than a host name: 253 letters.
    while batch := list(islice(left, _AT_A_TIME // 256)):
        yield "".join(f"{key} 1\n" for key in batch)


class _Conversation:
    def __init__(self, path: Path, within: float) -> None:
        self._path = path
        self._within = within

    def __enter__(self) -> _Conversation:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(self._within)
        try:
            self._socket.connect(str(self._path))
        except OSError as error:
            self._socket.close()
            raise RuntimeFailure(f"HAProxy does not answer at {self._path}") from error
        self.ask("prompt")
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, command: str) -> str:
        """HAProxy's answer to one command, up to its next prompt."""
        try:
            self._socket.sendall(command.encode("ascii") + b"\n")
            answer = b""
            # The prompt stands on a line of its own; in the middle of an answer "> " may be too.
            while not (answer == b"> " or answer.endswith(_PROMPT)):
                received = self._socket.recv(65536)
                if not received:
                    raise RuntimeFailure("HAProxy ended the conversation")
                answer += received
        except OSError as error:
            raise RuntimeFailure(f"HAProxy does not answer at {self._path}") from error
        return answer.removesuffix(b"> ").decode("ascii", "replace")

    def tell(self, command: str) -> None:
        """A command whose answer is empty if all is well. Raises RuntimeFailure."""
        said = self.ask(command).replace("+ ", "").strip()
        if said:
            raise RuntimeFailure(said)
