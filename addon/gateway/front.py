"""What stands in front of the workers: the facts that HAProxy is set up from, and its folder.

`write_front` makes the folder complete, so that HAProxy can be started there by whoever runs it:
`schoolgate run`, or a unit of its own.
"""

from __future__ import annotations

import hashlib
import os
import resource
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from addon.durable_file import replace_file
from addon.endpoint import Endpoint
from addon.gateway.names import GatewayNames

FIRST_WORKER_PORT: Final = 18080
KNOWN_ADDRESS: Final = 10
"""Added to a port: where connections to addresses that restricted names led to may be sent.

Which those are the name server knows. A worker dials the name that such a connection claims, not
the address that it chose, so that a false name leads to the site of that name.
"""
CONFIG: Final = "haproxy.cfg"
SOCKET: Final = "runtime.sock"
RESTRICTED: Final = "restricted.map"
NETWORKS: Final = "networks.map"
WITHDRAWN: Final = "withdrawn.map"

_MOST_LABELS: Final = 6
_LONGEST_SOCKET: Final = 90  # bytes; the kernel takes 107, and HAProxy adds its process id
_FILES_BESIDE: Final = 400  # file descriptors for everything but connections


class FrontError(Exception):
    """One sentence on why there can be nothing in front of the workers."""


@dataclass(frozen=True, slots=True)
class Front:
    """How HAProxy listens, and what it may carry.

    `tls` and `http` take what the packet filter redirects from ports 443 and 80; `explicit` takes
    browsers that know of the proxy. An endpoint on `::` stands for both families. The first two
    have a second port each, `KNOWN_ADDRESS` above the first.

    The bounds are for one client address, and generous, because a whole classroom may share one:
    connections at a time, new ones in ten seconds, and connections at a time to the workers.
    """

    folder: Path
    workers: int
    tls: Endpoint | None = None
    http: Endpoint | None = None
    explicit: Endpoint | None = None
    first_worker_port: int = FIRST_WORKER_PORT
    paths: tuple[str, ...] = ()
    connections: int = 20_000
    per_client: int = 4_000
    new_per_client: int = 6_000
    decided_per_client: int = 1_000
    per_worker: int = 3_000
    ipv6: bool = True  # whether the machine has it
    external: bool = False  # whether HAProxy is run by somebody else

    @property
    def socket(self) -> Path:
        """Where HAProxy takes changes while it runs."""
        return self.folder / SOCKET

    @property
    def config(self) -> Path:
        """The file that HAProxy is started with."""
        return self.folder / CONFIG


def files_for(connections: int) -> int:
    """How many files HAProxy opens for so many connections.

    Each is joined to another, and every fourth pair may have a pipe of two ends.
    """
    return connections * 5 // 2 + _FILES_BESIDE


def raise_file_limit(wanted: int) -> int:
    """Lets this process and its children open as many files as they may, and gives the number of
    connections that fit, at most `wanted`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = files_for(wanted)
    limit = enough if hard == resource.RLIM_INFINITY else min(hard, enough)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    else:
        limit = enough if soft == resource.RLIM_INFINITY else max(soft, limit)
    return max(1, min(wanted, (limit - _FILES_BESIDE) * 2 // 5))


def tables(names: GatewayNames, withdrawn: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """The keys of each of HAProxy's tables, by file name.

    HAProxy looks the last labels of a name up, six at most. Of a longer domain the last six stand
    here: that is more than was meant, and the worker knows the rest. One key more is no name but
    stands for all of them together, so that a table of a million can be told from another.
    """
    domains = {_at_most_six(domain) for domain in names.domains | names.hidden}
    return {
        RESTRICTED: frozenset((*domains, marker(domains))),
        NETWORKS: frozenset(map(str, names.networks)),
        WITHDRAWN: frozenset(withdrawn),
    }


def write_front(front: Front, config: str, keys: Mapping[str, frozenset[str]]) -> None:
    """Writes HAProxy's folder, each file in one step. Raises FrontError if that cannot be done."""
    if len(os.fsencode(front.socket)) > _LONGEST_SOCKET:
        raise FrontError(
            f"The path {front.socket} is too long for a socket; give a --state folder with a"
            " shorter path."
        )
    try:
        front.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, words in keys.items():
            write_table(front.folder / name, words)
        if not _holds(front.config, config):  # where a service watches it, it would be reloaded
            replace_file(front.config, config.encode("ascii"))
    except OSError as error:
        raise FrontError(
            f"HAProxy's folder {front.folder} cannot be written: {error.strerror}."
        ) from error


def marker(keys: Iterable[str]) -> str:
    """A key that no name is, and that only this set of keys has."""
    return "=" + hashlib.sha256("\n".join(sorted(keys)).encode("ascii")).hexdigest()


def quoted(path: Path) -> str:
    """A path as HAProxy's configuration and its runtime socket take it, spaces and all."""
    return "".join(f"\\{letter}" if letter in " \\\"'#{}$" else letter for letter in str(path))


def write_table(path: Path, keys: Iterable[str]) -> None:
    """Replaces a table's file. Raises OSError."""
    replace_file(path, "".join(f"{key} 1\n" for key in sorted(keys)).encode("ascii"))


def read_table(path: Path) -> frozenset[str]:
    """The keys in a table's file; none where there is no file."""
    try:
        with path.open(encoding="ascii") as lines:
            return frozenset(line.partition(" ")[0] for line in lines)
    except FileNotFoundError:
        return frozenset()


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="ascii") == text
    except FileNotFoundError:
        return False


def _at_most_six(domain: str) -> str:
    if domain.count(".") < _MOST_LABELS:
        return domain
    return ".".join(domain.split(".")[-_MOST_LABELS:])
