"""The policy that last took effect, kept whole, so that it can take effect again.

A gate that runs keeps to the old policy when the new one has faults. One that has to start just
then, after a power cut or because it died, has only the files. So whatever takes effect is copied
into the state folder:

    policy-in-force/last              which copy counts, and since when that policy is in force
    policy-in-force/DIGEST/           the files, and `about.json`, which says where each belongs

The copy before it stays, for whoever is reading it at that moment. The catalogue of sites is not
copied: it comes with the program. A list from outside may have a million names; it is only ever
replaced as a whole, so a second name for the same file is a copy of it.

A copy goes by the paths of the admin's own files. Whatever is said of the policy names those.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final

from addon.durable_file import replace_file, settle
from addon.state_folder import kept_policy_folder, lists_folder
from rules.faults import Fault, PolicyError
from rules.loading import SHIPPED_SITES
from rules.nodes import MOST_BYTES
from rules.policy import Policy
from rules.proof import load_proven_policy

_ABOUT: Final = "about.json"
_REMEDY: Final = "Put the policy's own files right."


@dataclass(frozen=True, slots=True)
class Kept:
    """Which copy counts: the digest of the policy when it was kept, and since when (aware UTC)."""

    digest: str
    since: datetime


class KeptPolicy:
    """The copy in a state folder of the policy that is read from the file `path`."""

    def __init__(self, state: Path, path: Path) -> None:
        self._state = state.absolute()
        self._folder = kept_policy_folder(self._state)
        self._path = path.absolute()

    @property
    def note(self) -> Path:
        """The file that changes when another copy counts."""
        return self._folder / "last"

    def last(self) -> Kept | None:
        """The copy that counts; None if there is none of a policy from this path."""
        try:
            facts = json.loads(self.note.read_bytes())
            kept = Kept(str(facts["digest"]), datetime.fromisoformat(facts["since"]))
            ours = facts["policy"] == str(self._path)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return kept if ours and kept.since.tzinfo and kept.digest.isalnum() else None

    def keep(self, policy: Policy, since: datetime) -> bool:
        """Copy a policy that was read just now; False if its files have changed since.

        It keeps nothing that is there already. Raises OSError if the state folder does not take it.
        """
        if (last := self.last()) and last.digest == policy.digest:
            return True
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with self._alone():
            if (last := self.last()) and last.digest == policy.digest:
                return True  # another process was quicker
            work = self._folder / "work"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(mode=0o700)
            if not self._copy(policy, work):
                shutil.rmtree(work)
                return False
            target = self._folder / policy.digest
            shutil.rmtree(target, ignore_errors=True)  # of the same policy, some changes ago
            work.rename(target)
            facts = {
                "digest": policy.digest,
                "since": since.astimezone(UTC).isoformat(),
                "policy": str(self._path),
            }
            settle(self._folder)  # the copy first, and only then what names it
            replace_file(self.note, json.dumps(facts).encode(), durable=True)
            self._forget({policy.digest, last.digest if last else ""})
        return True

    def read(self, kept: Kept) -> Policy:
        """The policy from a copy. Raises PolicyError if it is damaged or no longer understood."""
        folder = self._folder / kept.digest
        try:
            about: Mapping[str, Any] = json.loads((folder / _ABOUT).read_bytes())
            copies = {}
            for place, (name, checksum) in about.items():
                copies[self._state / place] = folder / name
                with (folder / name).open("rb") as file:
                    if file_digest(file, sha256).hexdigest() != checksum:
                        raise ValueError("it was written into")
        except (OSError, ValueError, TypeError, AttributeError) as error:
            fault = "The copy that was kept of this policy is damaged."
            raise PolicyError([Fault(self._path.name, 0, "", fault, _REMEDY)]) from error
        return load_proven_policy(self._path, lists=lists_folder(self._state), copies=copies)

    def _copy(self, policy: Policy, folder: Path) -> bool:
        """Copies the files; says whether they are still what the policy was read from."""
        digest, about = sha256(), {}
        for number, path in enumerate(policy.files):
            try:
                size = path.stat().st_size
                data = path.read_bytes() if size <= MOST_BYTES else None
                digest.update((size if data is None else len(data)).to_bytes(8))
                if path.is_relative_to(SHIPPED_SITES):
                    digest.update(data or b"")
                    continue
            except OSError:
                return False
            copy = folder / f"{number}-{path.name}"
            if data is not None:
                digest.update(data)
                _write(copy, data)
                checksum = sha256(data).hexdigest()
            else:
                _link(path, copy)
                with copy.open("rb") as file:
                    own = sha256()
                    while part := file.read(MOST_BYTES):
                        digest.update(part)
                        own.update(part)
                checksum = own.hexdigest()
            # Joined to the state folder again, an absolute path stays what it is.
            inside = path.is_relative_to(self._state)
            place = path.relative_to(self._state) if inside else path
            about[str(place)] = (copy.name, checksum)
        _write(folder / _ABOUT, json.dumps(about, indent=1).encode())
        settle(folder)
        return digest.hexdigest() == policy.digest

    def _forget(self, wanted: set[str]) -> None:
        for path in self._folder.iterdir():
            if path.is_dir() and path.name not in wanted:
                shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time; what a killed one left is cleared by the next."""
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _link(path: Path, copy: Path) -> None:
    try:
        os.link(path, copy)
    except OSError:  # on another disk, or of another owner
        shutil.copyfile(path, copy)
        copy.chmod(0o600)
