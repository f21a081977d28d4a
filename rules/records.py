"""Forms: entries with named parts, each part declared once with its shape and what it is for.

A form is a dataclass whose fields are made with `required` and `optional`; `Record` reads it from
a policy and describes it for editors.
"""

import re
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from rules.faults import Spot, shown
from rules.nodes import Mapping, Node
from rules.reading import Plain, Reading, Schema, Shape, Unreadable

# Files of a policy are joined in its entries and one level below, and no deeper.
_DEEPER = re.compile(r"[.\[]")


def required[T](shape: Shape[T], doc: str) -> T:
    """Declare an entry of a form that must be there."""
    return field(metadata={"shape": shape, "doc": doc})  # type: ignore[no-any-return]


def optional[T, D](shape: Shape[T], doc: str, default: D) -> T | D:
    """Declare an entry of a form that may be left out."""
    return field(default_factory=lambda: default, metadata={"shape": shape, "doc": doc})


@dataclass(frozen=True, slots=True)
class Record[F](Plain):
    """A form: a dataclass whose fields are declared with `required` and `optional`.

    It is built even where an entry could not be read, so that the rest is checked as well: with the
    default in its place, or the shape's blank where it is needed. A field `spot` without a shape
    receives the entry's place, and a field `unread` the names of the fields that were not read
    whole, or that may be in a file which could not be read.
    """

    form: type[F]
    what: str

    def read(self, node: Node, reading: Reading) -> F:
        if not isinstance(node, Mapping):
            raise reading.refuse(
                node.spot, f"This should be {self.what}.", f"It has: {', '.join(self._entries())}."
            )
        shapes, values, unread = self._entries(), dict[str, Any](), set[str]()
        absent = shapes.keys() - {key.text for key, _ in node.entries}
        for key, value in node.entries:
            if (shape := shapes.get(key.text)) is None:
                spot = Spot(key.spot.file, key.spot.line, value.spot.key)
                reading.faults.add(
                    spot,
                    f"There is no entry {shown(key.text)} here.",
                    reading.faults.suggestion(key.text, shapes),
                )
                unread |= absent  # it may have been meant for any of them
                continue
            faults_before = len(reading.faults.faults)
            try:
                values[key.text] = shape.read(value, reading)
            except Unreadable:
                reading.lost |= shape.declares()
            if len(reading.faults.faults) > faults_before:
                unread.add(key.text)
        elsewhere = reading.parts_missing and not _DEEPER.search(node.spot.key)
        if elsewhere:
            unread |= absent
        for name in self._required():
            if name in absent and not elsewhere:
                reading.faults.add(
                    node.spot, f"'{name}' is missing.", f"Add '{name}:', {self._doc(name)}"
                )
                unread.add(name)
            if name not in values:
                values[name] = shapes[name].blank
        for name in unread & absent:
            reading.lost |= shapes[name].declares()
        names = {f.name for f in fields(self.form)}  # type: ignore[arg-type]
        known: dict[str, Any] = {"spot": node.spot, "unread": frozenset(map(_field, unread))}
        return self.form(
            **{_field(name): value for name, value in values.items()},
            **{name: value for name, value in known.items() if name in names},
        )

    def schema(self) -> Schema:
        return {
            "type": "object",
            "additionalProperties": False,
            "required": list(self._required()),
            "properties": {
                name: {"description": self._doc(name), **shape.schema()}
                for name, shape in self._entries().items()
            },
        }

    def declares(self) -> frozenset[str]:
        return frozenset[str]().union(*(shape.declares() for shape in self._entries().values()))

    def _entries(self) -> dict[str, Shape[Any]]:
        return {
            f.name.replace("_", "-"): f.metadata["shape"]
            for f in fields(self.form)  # type: ignore[arg-type]
            if "shape" in f.metadata
        }

    def _required(self) -> tuple[str, ...]:
        return tuple(
            f.name.replace("_", "-")
            for f in fields(self.form)  # type: ignore[arg-type]
            if "shape" in f.metadata and f.default_factory is MISSING
        )

    def _doc(self, name: str) -> str:
        return str(
            next(
                f.metadata["doc"]
                for f in fields(self.form)  # type: ignore[arg-type]
                if f.name.replace("_", "-") == name
            )
        )


def _field(name: str) -> str:
    return name.replace("-", "_")
