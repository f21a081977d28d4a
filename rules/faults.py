"""What is wrong with a policy, said so that its writer can put it right.

A fault names the file, the line, the entry and a remedy. All faults of a policy come together in
one PolicyError, so that nobody mends one only to be told of the next.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

_SHOWN = 100
MOST_NOTED = 1000
_MOST_COMPARED = 2000


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """A place in a policy: the file as its writer knows it, the line from 1, the entry's path."""

    file: str
    line: int
    key: str = ""

    def under(self, key: str, line: int | None = None) -> "Spot":
        """Give the place of an entry below this one."""
        joined = key if not self.key or key.startswith("[") else f".{key}"
        return Spot(self.file, self.line if line is None else line, self.key + joined)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong, and what to do about it."""

    file: str
    line: int
    key: str
    fault: str
    remedy: str

    def __str__(self) -> str:
        """Write `policy.yaml:12: purposes.page.sites[1]: 'facebok' is not a site. Did you …?`"""
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        key = f"{self.key}: " if self.key else ""
        return f"{where}{key}{self.fault} {self.remedy}".rstrip()


class PolicyError(ValueError):
    """A policy that cannot be used. `faults` holds its faults, in the order of the files.

    `files` are those that were looked for: putting it right changes one of them.
    """

    def __init__(self, faults: Iterable[Fault], files: Iterable[Path] = ()) -> None:
        self.faults = tuple(sorted(set(faults)))
        self.files = tuple(files)
        super().__init__(self.faults)

    def __str__(self) -> str:
        """Write all faults, a line each; past a hundred, how many more there are."""
        lines = [str(fault) for fault in self.faults[:_SHOWN]]
        if len(self.faults) > _SHOWN:
            more = len(self.faults) - _SHOWN
            lines.append(f"… and {more if len(self.faults) < MOST_NOTED else 'many'} more.")
        return "\n".join(lines)


@dataclass(slots=True)
class FaultList:
    """Faults as they are found while a policy is read."""

    faults: list[Fault] = field(default_factory=list)

    def add(self, spot: Spot, fault: str, remedy: str = "") -> None:
        """Note a fault at a place; past a thousand nobody is helped by more."""
        if len(self.faults) < MOST_NOTED:
            self.faults.append(Fault(spot.file, spot.line, spot.key, fault, remedy))

    def unknown(self, spot: Spot, word: str, what: str, known: Collection[str]) -> None:
        """Note a word that should have been one of the known ones, with the nearest of them."""
        self.add(spot, f"{shown(word)} is not {what}.", self.suggestion(word, known))

    def suggestion(self, word: str, known: Collection[str]) -> str:
        """Give the nearest known word as a question, or the few that there are, or nothing.

        Looking for the nearest takes time, so a file that is all faults gets none after the first.
        """
        return "" if len(self.faults) > _SHOWN else suggestion(word, known)

    def raise_if_any(self, files: Iterable[Path] = ()) -> None:
        """Raise PolicyError with all faults noted so far, if there are any."""
        if self.faults:
            raise PolicyError(self.faults, files)


def suggestion(word: str, known: Collection[str]) -> str:
    """Give the nearest known word as a question, or the few that there are, or nothing."""
    if len(known) > _MOST_COMPARED:
        return ""
    words = sorted(known)
    folded = {known_word.lower(): known_word for known_word in reversed(words)}
    near = get_close_matches(word[:100].lower(), folded, 1, 0.6)
    if near:
        return f"Did you mean '{folded[near[0]]}'?"
    return f"It can be: {', '.join(words)}." if 0 < len(words) <= 12 else ""


def shown(text: str) -> str:
    """Quote a text from a policy for a message: on one line, printable, and not too long."""
    cut = text if len(text) <= 60 else text[:57] + "…"
    return repr(cut)
