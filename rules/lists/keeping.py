"""How a list is kept: one file, replaced as a whole, that says itself whether it is whole.

The folder `lists/NAME` holds it as `kept`. The first line is `# ` and a JSON object: where the list
is from, its checksums, its counts. Then an entry a line, in the order of `rules.lists.sorting`:
`example.com` with all below it, `=www.example.com` alone, `example.com/path` with what lies under
it, `@192.0.2.0/24`, `~pattern`.

The policy reads `lists/NAME.txt` beside that folder: the names alone, a line each. It takes every
name with all below it, so a single host that others build on is not in it. Addresses, networks and
paths are in `lists/NAME.more`, as they are kept. Patterns the policy does not read: the parts in
front of the proxy know names and addresses, so what only a pattern fits would never get here.

Each file is written anew and renamed over the old one, so there is a good copy at every moment, and
the list before stays as `previous`. Should the program be stopped between the two, their checksums
differ, and the next update begins afresh.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, BinaryIO

from rules.lists.entries import Entry, Kind, ListError
from rules.lists.sorting import entry_at, order

KEPT, PREVIOUS, WORK = "kept", "previous", "work"
_MOST_HEADER = 64 * 1024
_SIGNS = {"=": Kind.HOST, "~": Kind.PATTERN, "@": Kind.NETWORK}
_MARK = {kind: sign for sign, kind in _SIGNS.items()}


@dataclass(frozen=True, slots=True)
class About:
    """What a kept list says of itself. `taken` is UTC in ISO 8601; checksums are SHA-256 in hex."""

    name: str
    origin: str
    mark: str  # of the source with its recipe; see `rules.lists.sources.Source.mark`
    format: str
    taken: str
    source_sha256: str
    source_bytes: int
    sha256: str  # of the entries as they are kept
    names_sha256: str  # of the names as the policy reads them
    entries: dict[str, int]  # by kind
    skipped: dict[str, int]  # by reason
    more_sha256: str = ""  # of what besides names the policy reads
    alone: int = 0  # hosts and paths that the policy does not read: others' names are below them

    @property
    def count(self) -> int:
        """How many entries there are."""
        return sum(self.entries.values())


@dataclass(frozen=True, slots=True)
class KeptList:
    """A kept list in memory, its entries by kind and in order."""

    about: About
    domains: tuple[str, ...]
    hosts: tuple[str, ...]
    urls: tuple[str, ...]
    patterns: tuple[str, ...]
    networks: tuple[str, ...] = ()


def read_about(path: Path) -> About:
    """Read what a kept list says of itself. Raises ListError."""
    try:
        with path.open("rb") as file:
            return _about(file.readline(_MOST_HEADER), path)
    except OSError as error:
        raise _unreadable(path, error) from error


def read_kept(path: Path) -> KeptList:
    """Load a kept list; a million domains in well under a second. Raises ListError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    head, _, body = data.partition(b"\n")
    about = _about(head, path)
    del data
    if sha256(body).hexdigest() != about.sha256:
        raise ListError(f"{path} is not whole: its entries do not fit its checksum; update it.")
    lines = body.decode().split("\n")
    del body, lines[-1]
    plain = about.entries.get(Kind.DOMAIN, 0) == len(lines)
    domains = lines if plain else [x for x in lines if x[0] not in _SIGNS and "/" not in x]
    others = [] if plain else [x for x in lines if x[0] in _SIGNS or "/" in x]
    return KeptList(
        about,
        tuple(domains),
        tuple(line[1:] for line in others if line[0] == "="),
        tuple(line for line in others if line[0] not in _SIGNS),
        tuple(line[1:] for line in others if line[0] == "~"),
        tuple(line[1:] for line in others if line[0] == "@"),
    )


def kept_order(path: Path, *, headed: bool = True) -> Iterator[str]:
    """Give entries on disk, one at a time, as `rules.lists.sorting.order` has them.

    A kept list has its header; entries that are not in force yet have none. Raises ListError.
    """
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            if headed:
                next(file, None)
            for line in file:
                yield order(parse_kept(line[:-1]))
    except (OSError, UnicodeDecodeError) as error:
        raise ListError(f"{path} cannot be read: {error}.") from error


def parse_kept(line: str) -> Entry:
    """Give the entry of a kept line."""
    if line[:1] in _SIGNS:
        return Entry(_SIGNS[line[0]], line[1:])
    return Entry(Kind.URL if "/" in line else Kind.DOMAIN, line)


def kept_line(entry: Entry) -> str:
    """Give the line that an entry is kept as."""
    return _MARK.get(entry.kind, "") + entry.text


@dataclass(frozen=True, slots=True)
class Written:
    """Entries on disk, not yet in force."""

    path: Path
    names: Path  # as the policy reads them
    more: Path  # what else it reads
    sha256: str
    names_sha256: str
    more_sha256: str
    entries: Counter[Kind]
    alone: int  # hosts that may not be taken with all below them


def write_entries(keys: Iterable[str], work: Path, may_widen: Callable[[str], bool]) -> Written:
    """Write entries, given in order as `sorting.order` has them, into the folder `work`.

    `may_widen` says of a single host whether the policy may take it with all below it.
    Raises OSError.
    """
    count, alone = Counter[Kind](), 0
    paths = [work / name for name in ("entries", "names", "more")]
    sums = [sha256() for _ in paths]
    with ExitStack() as open_files:
        files = [open_files.enter_context(path.open("wb")) for path in paths]
        for key in keys:
            entry = entry_at(key)
            count[entry.kind] += 1
            line = kept_line(entry).encode() + b"\n"
            part = _part_of(entry, may_widen)
            alone += part == 0 and entry.kind is not Kind.PATTERN
            sums[0].update(line)
            files[0].write(line)
            if part:
                line = entry.text.encode() + b"\n" if part == _NAMES else line
                sums[part].update(line)
                files[part].write(line)
    entries, names, more = paths
    digest, names_digest, more_digest = (one.hexdigest() for one in sums)
    return Written(entries, names, more, digest, names_digest, more_digest, count, alone)


_NAMES, _MORE = 1, 2


def _part_of(entry: Entry, may_widen: Callable[[str], bool]) -> int:
    """Say which file the policy reads an entry from: the names, the rest, or none (0)."""
    match entry.kind:
        case Kind.DOMAIN:
            return _NAMES
        case Kind.NETWORK:
            return _MORE
        case Kind.HOST if ":" in entry.text or entry.text.rpartition(".")[2].isdigit():
            return _MORE  # an address
        case Kind.HOST if may_widen(entry.text):
            return _NAMES
        case Kind.URL if may_widen(entry.text.partition("/")[0]):
            return _MORE
        case _:
            return 0


def put_in_place(written: Written, about: About, folder: Path) -> Path:
    """Put a new list in the place of the last one, which stays as `previous`. Raises OSError.

    Whatever happens on the way, `kept` is the old list or the new one, whole.
    """
    target, previous, new = folder / KEPT, folder / PREVIOUS, folder / WORK / "new"
    with new.open("wb") as out, written.path.open("rb") as body:
        out.write(b"# " + json.dumps(asdict(about), sort_keys=True).encode() + b"\n")
        shutil.copyfileobj(body, out)
        _flush(out)
    for part in (written.names, written.more):
        with part.open("rb") as names:
            _flush(names)
    if target.exists():
        spare = folder / WORK / "previous"
        os.link(target, spare)
        spare.replace(previous)
    new.replace(target)
    written.more.replace(more_of(folder))
    written.names.replace(names_of(folder))
    for changed in (folder, folder.parent):
        handle = os.open(changed, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    return target


def names_of(folder: Path) -> Path:
    """Give the file that the policy reads, of the list that is kept in a folder."""
    return folder.parent / f"{folder.name}.txt"


def more_of(folder: Path) -> Path:
    """Give the file with what else the policy reads of that list."""
    return folder.parent / f"{folder.name}.more"


def is_whole(folder: Path) -> bool:
    """Say whether a list is kept here, and the policy reads what belongs to it."""
    try:
        about = read_about(folder / KEPT)
        return (_sum(names_of(folder)), _sum(more_of(folder))) == (
            about.names_sha256,
            about.more_sha256,
        )
    except (ListError, OSError):
        return False


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _about(head: bytes, path: Path) -> About:
    try:
        if not head.startswith(b"# "):
            raise ValueError("no header")
        values: Any = json.loads(head[2:])
        return About(**values)
    except (ValueError, TypeError) as error:
        raise ListError(f"{path} is not a list that was kept by this program.") from error


def _unreadable(path: Path, error: OSError) -> ListError:
    if isinstance(error, FileNotFoundError):
        return ListError(f"There is no list at {path}; import it first.")
    return ListError(f"{path} cannot be read: {error.strerror or error}.")
