"""YAML text into plain nodes that know where they stand.

A policy is edited by hand and may be wrong in any way, or hostile. So nothing here builds Python
objects from tags, and everything has a bound: the length of the text, how deep it nests, and how
many nodes it comes to once aliases are followed (a few lines of them can stand for billions).

Words without quotes mean what YAML 1.2 says, as in editors that know the schema: `yes`, `08:30` and
`2026-09-01` are text; `true`, `12` and `~` are not. PyYAML on its own would follow YAML 1.1, where
they are a truth, a number of minutes and a date.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import yaml

from rules.faults import FaultList, Spot, shown

MOST_BYTES = 1024 * 1024
MOST_NODES = 100_000
DEEPEST = 24

# libyaml where PyYAML was built with it: the same events, about ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]"
)
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One word or text. `kind` is 'text', 'number', 'truth' or 'nothing'."""

    spot: Spot
    text: str
    kind: str
    size: int = 1


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    spot: Spot
    items: tuple["Node", ...]
    size: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Entries by name, in the order of the file; each key with its own line."""

    spot: Spot
    entries: tuple[tuple[Scalar, "Node"], ...]
    size: int


Node = Scalar | Sequence | Mapping


class _GaveUp(Exception):
    """Reading cannot go on in this file; the fault is already noted."""


def read_nodes(data: bytes, file: str, faults: FaultList) -> Node | None:
    """Read one YAML document from a file's bytes; None, with the faults noted, if that failed."""
    try:
        text = _decoded(data, file, faults)
        events = yaml.parse(text, Loader=_LOADER)
        return _Composer(file, faults).document(events)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        tab = _line(text, line).lstrip(" ").startswith("\t")
        faults.add(
            Spot(file, line),
            "This line is indented with a tab."
            if tab
            else f"This is not YAML: {error.problem or error.context}.",
            "Indent with spaces."
            if tab
            else "Look for a missing colon, quote or space above here.",
        )
    except _GaveUp:
        pass
    return None


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number - 1] if number <= len(lines) else ""


def _decoded(data: bytes, file: str, faults: FaultList) -> str:
    if len(data) > MOST_BYTES:
        faults.add(
            Spot(file, 0),
            f"The file is too large for a policy: more than {MOST_BYTES // 1024:,} KB.",
            "Keep long lists of people in a CSV file, of domains with 'schoolgate lists'.",
        )
        raise _GaveUp
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        faults.add(Spot(file, 1), "The file is saved as UTF-16.", "Save it as UTF-8.")
        raise _GaveUp
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        faults.add(Spot(file, line), "This line is not UTF-8.", "Save the file as UTF-8.")
        raise _GaveUp from error
    if bad := _FORBIDDEN.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        faults.add(
            Spot(file, line),
            f"This line holds a character that no text has (number {ord(bad[0])}).",
            "Delete it, or type the line again.",
        )
        raise _GaveUp
    return text


def _kind(text: str) -> str:
    if _NULL.fullmatch(text):
        return "nothing"
    if _BOOL.fullmatch(text):
        return "truth"
    return "number" if _INT.fullmatch(text) or _FLOAT.fullmatch(text) else "text"


def _groups(value: Node) -> list[Mapping] | None:
    """What a merge key brings in: one group of entries, or a list of them; None for all else."""
    nodes = value.items if isinstance(value, Sequence) else (value,)
    groups = [node for node in nodes if isinstance(node, Mapping)]
    return groups if len(groups) == len(nodes) else None


def _line_of(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


class _Composer:
    """Builds nodes from PyYAML's events, each of which is small however large the document is."""

    def __init__(self, file: str, faults: FaultList) -> None:
        self.file = file
        self.faults = faults
        self.anchors: dict[str, Node] = {}
        self.nodes = 0

    def document(self, events: Iterator[yaml.Event]) -> Node | None:
        node: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    self.give_up(event, "A second document begins here ('---').", "Keep to one.")
                node = self.node(next(events), events)
        if node is None or (isinstance(node, Scalar) and node.kind == "nothing"):
            self.faults.add(
                Spot(self.file, 0), "The file is empty.", "A policy begins with 'school:'."
            )
            return None
        return node

    def give_up(self, event: yaml.Event, fault: str, remedy: str) -> NoReturn:
        self.faults.add(Spot(self.file, _line_of(event)), fault, remedy)
        raise _GaveUp

    def node(
        self,
        event: yaml.Event,
        events: Iterator[yaml.Event],
        key: str = "",
        depth: int = 0,
        line: int = 0,
    ) -> Node:
        if depth > DEEPEST:
            self.give_up(
                event, f"This is nested more than {DEEPEST} deep.", "A policy needs far less."
            )
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        spot = Spot(self.file, line or _line_of(event), key)
        if event.tag is not None and event.tag != "!":
            self.give_up(event, f"The tag {shown(event.tag)} has no meaning here.", "Leave it out.")
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            kind = _kind(event.value) if event.implicit[0] else "text"
            node = Scalar(spot, event.value, kind)
        elif isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(event_ := next(events), yaml.SequenceEndEvent):
                items.append(self.node(event_, events, f"{key}[{len(items)}]", depth + 1))
            node = Sequence(spot, tuple(items), 1 + sum(item.size for item in items))
        else:
            node = self.mapping(spot, events, depth)
        self.count(event, 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def mapping(self, spot: Spot, events: Iterator[yaml.Event], depth: int) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        merged: list[tuple[Scalar, Node]] = []
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            name = self.node(event, events, spot.key, depth + 1)
            if not isinstance(name, Scalar):
                self.give_up(
                    event,
                    "A list or a group of entries stands where a name should.",
                    "Begin the line with a name and a colon.",
                )
            inner = spot.under(name.text[:60] if name.text.isprintable() else shown(name.text))
            # An entry stands where its name is, even when its value begins on the next line.
            value = self.node(next(events), events, inner.key, depth + 1, name.spot.line)
            if name.text == "<<" and (groups := _groups(value)) is not None:
                # YAML's merge key: entries that may be written over. Of several, the first counts.
                merged.extend(entry for group in groups for entry in group.entries)
            elif name.text in entries:
                first = entries[name.text][0].spot.line
                self.faults.add(
                    Spot(self.file, name.spot.line, inner.key),
                    f"The name {shown(name.text)} is here twice; the first is on line {first}.",
                    "Keep one of them.",
                )
            else:
                entries[name.text] = (name, value)
        for name, value in merged:
            entries.setdefault(name.text, (name, value))
        size = 1 + sum(1 + value.size for _, value in entries.values())
        return Mapping(spot, tuple(entries.values()), size)

    def alias(self, event: yaml.AliasEvent) -> Node:
        if (node := self.anchors.get(event.anchor or "")) is None:
            self.give_up(
                event,
                f"'*{event.anchor}' stands for nothing that is written above it.",
                f"Put '&{event.anchor}' before the entry it should repeat.",
            )
        self.count(event, node.size)
        return node

    def count(self, event: yaml.Event, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            self.give_up(
                event,
                f"The file comes to more than {MOST_NODES:,} entries with its aliases followed.",
                "Use fewer aliases ('*name').",
            )
