"""Lists kept up to date: what is due is fetched, checked, and put in the place of the last copy.

Each list has a folder of its own, `lists/NAME` in the state folder: the list in force (`kept`), the
one before it (`previous`), and `state.json`, which says when it was last looked for and what the
server said about its copy. Whatever goes wrong with one list is noted there, leaves the list in
force as it is, and leaves the other lists alone.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from addon.list_sources import Fetcher, Version
from rules.lists.entries import ListError
from rules.lists.importing import Draft, take_in
from rules.lists.keeping import KEPT, WORK, is_whole
from rules.lists.sources import Source
from rules.lists.texts import Progress

_RETRY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Looked:
    """What happened when a list was last looked for; times in ISO 8601, UTC."""

    at: str = ""
    failure: str = ""  # one sentence, if that went wrong
    mark: str = ""  # of the source, as it was for this version
    version: Version = field(default_factory=Version)


@dataclass(frozen=True, slots=True)
class Steps:
    """Whom to tell how far the work is: what begins, of how many bytes (0: not known)."""

    begin: Callable[[str, int], None] = lambda what, total: None
    progress: Progress = lambda count: None


class ListFolder:
    """The folder of lists in the state folder."""

    def __init__(self, state: Path) -> None:
        self.path = state / "lists"

    def names(self) -> list[str]:
        """Give the names of the lists in force."""
        return sorted(path.parent.name for path in self.path.glob(f"*/{KEPT}"))

    def kept(self, name: str) -> Path:
        """Give where a list in force is, or will be."""
        return self.path / name / KEPT

    def looked(self, name: str) -> Looked:
        """Give what happened last; nothing, if that was never or cannot be read."""
        try:
            values = json.loads((self.path / name / "state.json").read_bytes())
            return Looked(**{**values, "version": Version(**values["version"])})
        except (OSError, ValueError, TypeError, KeyError):
            return Looked()

    @contextmanager
    def held(self, name: str) -> Iterator[Path]:
        """Hold a list's folder, with an empty `work` in it. Raises ListError if it is held."""
        folder = self.path / name
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(folder, os.O_RDONLY)
        except OSError as error:
            raise ListError(f"{folder} cannot be used: {error.strerror}.") from error
        try:
            # Let go by the system if we are killed; what we left in `work` is cleared next time.
            _lock(handle, name)
            try:
                shutil.rmtree(folder / WORK, ignore_errors=True)
                (folder / WORK).mkdir(mode=0o700)
                yield folder
            except OSError as error:
                raise ListError(f"{folder} cannot be used: {error.strerror}.") from error
            finally:
                shutil.rmtree(folder / WORK, ignore_errors=True)
        finally:
            os.close(handle)

    def note(self, name: str, looked: Looked) -> None:
        """Note what happened. A full disk loses the note, not the list."""
        path = self.path / name / "state.json"
        new = path.with_suffix(".new")
        with suppress(OSError):
            new.write_text(json.dumps(asdict(looked)), encoding="utf-8")
            new.replace(path)


def _lock(handle: int, name: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ListError(f"{name} is being updated already; wait until that is done.") from error


def is_due(source: Source, looked: Looked, now: datetime) -> bool:
    """Say whether it is time to look for a new copy. After a failure that is within the hour."""
    if not looked.at or looked.mark != source.mark:
        return True
    if source.every is None:
        return False
    wait = min(source.every, _RETRY) if looked.failure else source.every
    return now - datetime.fromisoformat(looked.at) >= wait


class Updater:
    """Brings lists in, one at a time."""

    def __init__(
        self, lists: ListFolder, fetcher: Fetcher, essentials: frozenset[str], steps: Steps
    ) -> None:
        """Take where the lists are kept, and the policy's essentials: no list may restrict them."""
        self._lists, self._fetcher, self._essentials = lists, fetcher, essentials
        self._steps = steps

    def update(
        self, source: Source, now: datetime, *, accept_loss: bool = False, afresh: bool = False
    ) -> Draft | None:
        """Bring a list in and put it in force; None if what we have is still the newest.

        Raises ListError, and then the list in force is what it was. `afresh` fetches in any case.
        """
        before = self._lists.looked(source.name)
        have = before.version if before.mark == source.mark and not afresh else Version()
        with self._lists.held(source.name) as folder:
            try:
                drafted = self._draft(source, folder, now, have, accept_loss)
                if drafted is not None:
                    drafted[0].put_in_force(folder)
            except ListError as error:
                self._lists.note(
                    source.name, Looked(now.isoformat(), str(error), source.mark, have)
                )
                raise
            version = drafted[1] if drafted else before.version
            self._lists.note(source.name, Looked(now.isoformat(), "", source.mark, version))
            return drafted[0] if drafted else None

    @contextmanager
    def draft(self, source: Source, now: datetime) -> Iterator[Draft]:
        """Bring a list in to look at, without putting it in force. Raises ListError."""
        with self._lists.held(source.name) as folder:
            drafted = self._draft(source, folder, now, Version(), accept_loss=True)
            assert drafted is not None
            yield drafted[0]

    def _draft(
        self, source: Source, folder: Path, now: datetime, have: Version, accept_loss: bool
    ) -> tuple[Draft, Version] | None:
        path, version = Path(source.origin), Version()
        if source.is_address:
            # Without the list itself, "not modified" would leave us with nothing.
            known = have if is_whole(folder) else Version()
            path = folder / WORK / "fetched"
            self._steps.begin(f"Fetching {source.name}", 0)
            fetched = self._fetcher.fetch(
                source.origin,
                path,
                known,
                self._steps.progress,
                lambda total: self._steps.begin(f"Fetching {source.name}", total),
            )
            if fetched is None:
                return None
            version = fetched
        self._steps.begin(f"Reading {source.name}", path.stat().st_size if path.is_file() else 0)
        draft = take_in(
            source,
            path,
            folder,
            now,
            self._essentials,
            self._steps.progress,
            accept_loss=accept_loss,
        )
        return draft, version
