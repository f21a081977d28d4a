"""What reading an entry of a policy means: a shape, a node, and what has been met so far.

A word that names something elsewhere (a person, a site) is noted while it is read, and looked up
when the whole policy has been read, so that one bad entry does not hide the faults of another.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from rules.faults import FaultList, Spot, shown
from rules.nodes import Node

Schema = dict[str, Any]


class Unreadable(Exception):
    """The entry cannot be used; why is already among the faults."""


@dataclass(slots=True)
class Reading:
    """What has been met so far: faults, the names that exist, and the names that are meant to."""

    faults: FaultList = field(default_factory=FaultList)
    names: dict[str, set[str]] = field(default_factory=dict)
    references: list[tuple[str, str, Spot]] = field(default_factory=list)
    also_called: dict[str, str] = field(default_factory=dict)  # other words for names that exist
    lost: set[str] = field(default_factory=set)  # kinds of names of which some could not be read
    parts_missing: bool = (
        False  # a file of the policy could not be read; it may hold what is not there
    )

    def refuse(self, spot: Spot, fault: str, remedy: str = "") -> Unreadable:
        """Note a fault and give the exception to raise."""
        self.faults.add(spot, fault, remedy)
        return Unreadable()

    def declare(self, kind: str, names: Iterable[str]) -> None:
        """Note names that others may refer to."""
        self.names.setdefault(kind, set()).update(names)

    def check_references(self, kinds: dict[str, tuple[str, tuple[str, ...]]]) -> None:
        """Look up every reference; `kinds` says what each is in words, and where to find it.

        Where some of those names could not be read, nobody can tell, and nothing is said.
        """
        known = {
            kind: set[str]().union(*(self.names.get(place, ()) for place in places))
            for kind, (_, places) in kinds.items()
        }
        for kind, word, spot in self.references:
            if word not in known[kind] and self.lost.isdisjoint(kinds[kind][1]):
                # What people call it is nearer than what is spelt like it: Twitter is not Twitch.
                if (meant := self.also_called.get(word)) in known[kind]:
                    what = f"{shown(word)} is not {kinds[kind][0]}."
                    self.faults.add(spot, what, f"Did you mean '{meant}'?")
                elif kind == "site" and word in self.names.get("category", ()):
                    what = f"{shown(word)} is a category, and sites are named here one by one."
                    self.faults.add(spot, what, "Name the sites that are meant.")
                else:
                    self.faults.unknown(spot, word, kinds[kind][0], known[kind])


class Shape[T](Protocol):
    """Reads one kind of entry. `blank` stands for a needed entry that could not be read."""

    blank: ClassVar[Any]

    def read(self, node: Node, reading: Reading) -> T:
        """Give the value. Raises Unreadable once the fault is noted."""

    def schema(self) -> Schema:
        """Describe the same entry in JSON Schema (2020-12)."""

    def declares(self) -> frozenset[str]:
        """Give the kinds of names that such an entry declares for others to refer to."""


class Plain:
    """What is the same for every shape that declares no names."""

    __slots__ = ()
    blank: ClassVar[Any] = None

    def declares(self) -> frozenset[str]:
        return frozenset()


@dataclass(frozen=True, slots=True)
class Placed[T]:
    """A value with its place, for checks that come after reading."""

    value: T
    spot: Spot
