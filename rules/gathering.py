"""The files of one policy: read within bounds, joined where they include one another, and summed.

A policy may be one file or several: `include` names further files, `people-from` names tables of
people. Both must lie in the policy's own folder. Joining happens before anything is checked, on
nodes that know where they came from, so faults in an included file are said with its own name.
"""

import stat
from collections.abc import Mapping as Map
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rules.faults import FaultList, Spot, shown
from rules.nodes import MOST_BYTES, Mapping, Node, Scalar, Sequence, read_nodes
from rules.people_table import read_people

MOST_FILES = 32
NO_COPIES: Final[Map[Path, Path]] = MappingProxyType({})


class Gathering:
    """The files read so far, their digest, and what was wrong with them.

    `copies` gives, for the files of a policy that was kept, where the bytes of each are now.
    `parts_missing` and `people_missing` say that an included file, or a table of people, could not
    be used as a whole: what is not there may be in it.
    """

    def __init__(self, faults: FaultList, copies: Map[Path, Path] = NO_COPIES) -> None:
        self.faults = faults
        self.copies = copies
        self.files: list[Path] = []
        self.asked: list[Path] = []  # those that could not be read among them
        self.digest = sha256()
        self.parts_missing = self.people_missing = False

    def nodes(self, path: Path, label: str, spot: Spot | None = None) -> Node | None:
        """Read one YAML file; None if that failed, with the faults noted.

        `spot` is where the file is asked for, if not by the reader of the policy.
        """
        data = self.data(path, label, spot)
        return None if data is None else read_nodes(data, label, self.faults)

    def policy(self, path: Path) -> Node | None:
        """Read a policy with everything it includes, as if it were one file."""
        node = self.nodes(path, path.name)
        if not isinstance(node, Mapping):
            return node
        entries = {key.text: (key, value) for key, value in node.entries}
        self._include(node, path, entries, {self._itself(path)})
        self._add_people(path.parent, entries)
        size = 1 + sum(1 + value.size for _, value in entries.values())
        return Mapping(node.spot, tuple(entries.values()), size)

    def data(
        self, path: Path, label: str, spot: Spot | None = None, most: int = MOST_BYTES
    ) -> bytes | None:
        """Read a file's bytes, one more than `most` where it is longer; None if it cannot be."""
        self.asked.append(path)
        try:
            data = _bytes_of(self.copies.get(path, path), most)
        except (OSError, ValueError) as error:
            why = _why_unreadable(error)
            if spot is None:
                self.faults.add(Spot(label, 0), why, "Check the file's name.")
            else:
                self.faults.add(spot, f"{shown(label)} cannot be used: {why}", "Check its name.")
            return None
        self.files.append(path)
        self.digest.update(len(data).to_bytes(8) + data)
        return data

    def exists(self, path: Path) -> bool:
        """Say whether there is such a file to read."""
        return path in self.copies if self.copies else path.exists()

    def _itself(self, path: Path) -> Path:
        """Give the file that a path leads to, the same one by whatever path."""
        return path if path in self.copies else path.resolve()

    def _include(
        self,
        node: Mapping,
        main: Path,
        entries: dict[str, tuple[Scalar, Node]],
        seen: set[Path],
    ) -> None:
        asked = {key.text: value for key, value in node.entries}.get("include")
        self.parts_missing |= not _all_usable(asked)
        for item in _names(asked):
            path = self._inside(main.parent, item)
            if path is None:
                self.parts_missing = True
                continue
            if self._itself(path) in seen:
                self.faults.add(
                    item.spot,
                    f"{shown(item.text)} is already part of this policy.",
                    "Name it once.",
                )
                continue
            seen.add(self._itself(path))
            if len(seen) > MOST_FILES:
                self.faults.add(
                    item.spot, f"A policy has at most {MOST_FILES} files.", "Join some."
                )
                self.parts_missing = True
                return
            included = self.nodes(path, item.text, item.spot)
            if isinstance(included, Mapping):
                self._join(included, entries)
                self._include(included, main, entries, seen)
                continue
            self.parts_missing = True
            if included is not None:
                self.faults.add(
                    included.spot,
                    "An included file should have entries of a policy.",
                    "Begin it with 'people:' or 'purposes:', for example.",
                )

    def _join(self, included: Mapping, entries: dict[str, tuple[Scalar, Node]]) -> None:
        for key, value in included.entries:
            if key.text == "include":
                continue
            if key.text not in entries:
                entries[key.text] = (key, value)
                continue
            name, present = entries[key.text]
            if Sequence in (type(present), type(value)) and Mapping not in (
                type(present),
                type(value),
            ):
                items, size = _items(present) + _items(value), present.size + value.size
                entries[key.text] = (name, Sequence(present.spot, items, size))
            elif isinstance(present, Mapping) and isinstance(value, Mapping):
                entries[key.text] = (name, self._joined(present, value))
            else:
                self.parts_missing = True
                self._twice(Spot(key.spot.file, key.spot.line, key.text), key.text, name.spot)

    def _joined(self, one: Mapping, other: Mapping) -> Mapping:
        present = {key.text: key for key, _ in one.entries}
        added: list[tuple[Scalar, Node]] = []
        for key, value in other.entries:
            if key.text in present:
                spot = Spot(key.spot.file, key.spot.line, value.spot.key)
                self._twice(spot, key.text, present[key.text].spot)
            else:
                added.append((key, value))
        return Mapping(one.spot, (*one.entries, *added), one.size + other.size)

    def _twice(self, spot: Spot, name: str, first: Spot) -> None:
        self.faults.add(
            spot,
            f"{shown(name)} is here twice; the first is in {first.file}, line {first.line}.",
            "Keep one of them.",
        )

    def _add_people(self, folder: Path, entries: dict[str, tuple[Scalar, Node]]) -> None:
        asked = entries["people-from"][1] if "people-from" in entries else None
        self.people_missing |= not _all_usable(asked)
        for item in _names(asked):
            faults_before = len(self.faults.faults)
            path = self._inside(folder, item)
            data = None if path is None else self.data(path, item.text, item.spot)
            people = None if data is None else read_people(data, item.text, self.faults)
            self.people_missing |= len(self.faults.faults) > faults_before
            if people is None:
                continue
            if "people" not in entries:
                entries["people"] = (Scalar(people.spot, "people", "text"), people)
            elif isinstance(present := entries["people"][1], Mapping):
                entries["people"] = (entries["people"][0], self._joined(present, people))

    def _inside(self, folder: Path, item: Scalar) -> Path | None:
        path = folder / item.text
        if path in self.copies:
            return path  # it was looked at when the copy was taken
        try:
            inside = path.resolve().is_relative_to(folder.resolve())
        except (OSError, RuntimeError, ValueError):  # a ring of links, or a NUL in the name
            inside = False
        if not inside:
            self.faults.add(
                item.spot,
                f"{shown(item.text)} is not in the policy's own folder.",
                "Put the file beside the policy, and write its name alone.",
            )
        return path if inside else None


def _items(node: Node) -> tuple[Node, ...]:
    """Give the entries of a list, or the one that stands there without the list around it."""
    return node.items if isinstance(node, Sequence) else (node,)


def _names(node: Node | None) -> list[Scalar]:
    """Give the usable file names of a list, or the one without a list around it; other faults are
    found when the form is read.
    """
    if node is None or (isinstance(node, Scalar) and "," in node.text):
        return []  # none, or several without brackets
    items = _items(node)
    return [n for n in items if isinstance(n, Scalar) and n.kind == "text" and n.text.strip()]


def _all_usable(node: Node | None) -> bool:
    """Say whether every file that is named there, if any, has a name that can be looked for."""
    return node is None or len(_names(node)) == len(_items(node))


def _bytes_of(path: Path, most: int) -> bytes:
    # Looked at before it is opened: opening a pipe waits for somebody to write into it.
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    if not stat.S_ISREG(mode):
        raise ValueError("special")
    with path.open("rb") as file:
        return file.read(most + 1)


def _why_unreadable(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "There is no such file."
    if isinstance(error, IsADirectoryError):
        return "This is a folder, not a file."
    if isinstance(error, OSError):
        return f"The file cannot be read ({error.strerror})."
    return "This is not an ordinary file."
