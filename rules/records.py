"""Forms: entries with named parts, each part declared once with its shape and what it is for.

A form is a dataclass whose fields are made with `required` and `optional`; `Record` reads it from
a policy and describes it for editors.
"""

from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from rules.faults import Spot, shown
from rules.nodes import Mapping, Node
from rules.reading import Reading, Schema, Shape, Unreadable


def required[T](shape: Shape[T], doc: str) -> T:
    """Declare an entry of a form that must be there."""
    return field(metadata={"shape": shape, "doc": doc})  # type: ignore[no-any-return]


def optional[T, D](shape: Shape[T], doc: str, default: D) -> T | D:
    """Declare an entry of a form that may be left out."""
    return field(default_factory=lambda: default, metadata={"shape": shape, "doc": doc})


@dataclass(frozen=True, slots=True)
class Record[F]:
    """A form: a dataclass whose fields are declared with `required` and `optional`.

    A field `spot` without a shape receives the entry's place. A `partial` form is built even where
    a required entry could not be read, with None in its place, so that the rest is checked as well.
    """

    form: type[F]
    what: str
    partial: bool = False

    def read(self, node: Node, reading: Reading) -> F:
        if not isinstance(node, Mapping):
            raise reading.refuse(
                node.spot, f"This should be {self.what}.", f"It has: {', '.join(self._entries())}."
            )
        shapes, values, good = self._entries(), dict[str, Any](), True
        for key, value in node.entries:
            if (shape := shapes.get(key.text)) is None:
                spot = Spot(key.spot.file, key.spot.line, value.spot.key)
                reading.faults.add(
                    spot,
                    f"There is no entry {shown(key.text)} here.",
                    reading.faults.suggestion(key.text, shapes),
                )
                continue
            try:
                values[key.text.replace("-", "_")] = shape.read(value, reading)
            except Unreadable:
                good = False
        present = {key.text for key, _ in node.entries}
        missing = [name for name in self._required() if name not in present]
        for name in missing:
            reading.faults.add(
                node.spot, f"'{name}' is missing.", f"Add '{name}:', {self._doc(name)}"
            )
        if self.partial:
            values = {name.replace("-", "_"): None for name in self._required()} | values
        elif missing or not good:
            raise Unreadable
        if any(f.name == "spot" for f in fields(self.form)):  # type: ignore[arg-type]
            values["spot"] = node.spot
        return self.form(**values)

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
