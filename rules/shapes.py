"""Shapes: what an entry of a policy must look like, as values that read it and describe it.

Every shape does two things with one declaration: `read` turns a node into a typed value or notes a
fault, and `schema` gives the JSON Schema that editors complete and check with. So the two agree.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from rules.faults import Spot, shown
from rules.nodes import Mapping, Node, Scalar
from rules.nodes import Sequence as ListNode
from rules.reading import Placed, Plain, Reading, Schema, Shape, Unreadable

SLUG = r"[a-z0-9]+([.-][a-z0-9]+)*"
_FOUND = {"number": "a number", "truth": "true or false", "nothing": "nothing"}


@dataclass(frozen=True, slots=True)
class Text(Plain):
    """A text of a bounded length, with what its letters may be."""

    what: str = "a text"
    pattern: str = ""
    most: int = 200

    def read(self, node: Node, reading: Reading) -> str:
        if not isinstance(node, Scalar):
            raise reading.refuse(node.spot, f"This should be {self.what}.", "Write it on one line.")
        if node.kind != "text":
            quote = f"Put quotes round it: {shown(node.text)}." if node.text else "Write it here."
            raise reading.refuse(
                node.spot, f"This should be {self.what}, not {_FOUND[node.kind]}.", quote
            )
        fits = re.fullmatch(self.pattern, node.text) if self.pattern else node.text.strip()
        if len(node.text) > self.most or not fits:
            long = f" of at most {self.most} letters" if len(node.text) > self.most else ""
            raise reading.refuse(node.spot, f"{shown(node.text)} is not {self.what}{long}.")
        return node.text

    def schema(self) -> Schema:
        pattern = f"^{self.pattern}$" if self.pattern else r"\S"
        return {"type": "string", "maxLength": self.most, "pattern": pattern}


SHORT_NAME = Text("a short name in small letters", SLUG, 60)


@dataclass(frozen=True, slots=True)
class Parsed[T](Plain):
    """A text that a function understands; the function raises ValueError with a sentence."""

    parse: Callable[[str], T]
    what: str
    most: int = 300
    pattern: str = r"\S"  # for editors; it fits whatever the function understands

    def read(self, node: Node, reading: Reading) -> T:
        if isinstance(node, Scalar) and node.kind == "number":
            self._parsed(node.text[: self.most], node.spot, reading)  # or quotes would not help
        text = Text(self.what, most=self.most).read(node, reading)
        return self._parsed(text, node.spot, reading)

    def _parsed(self, text: str, spot: Spot, reading: Reading) -> T:
        try:
            return self.parse(text)
        except ValueError as error:
            raise reading.refuse(spot, str(error)) from error

    def schema(self) -> Schema:
        return {"type": "string", "maxLength": self.most, "pattern": self.pattern}


@dataclass(frozen=True, slots=True)
class Name(Plain):
    """A short name in lower case. As a reference it must exist somewhere as one of `kind`."""

    kind: str
    refers: bool = True

    def read(self, node: Node, reading: Reading) -> str:
        if isinstance(node, Scalar) and node.kind == "text" and not re.fullmatch(SLUG, node.text):
            what = f"{shown(node.text)} is not a short name in small letters."
            raise reading.refuse(node.spot, what, self._remedy(node.text, reading))
        name = SHORT_NAME.read(node, reading)
        if self.refers:
            reading.references.append((self.kind, name, node.spot))
        else:
            reading.declare(self.kind, (name,))
        return name

    def _remedy(self, text: str, reading: Reading) -> str:
        if re.fullmatch(f"-{SLUG}", text):
            return "Put a space after the hyphen that begins an entry of a list."
        # Somebody's site is often given by its address.
        host = text.lower().removeprefix("https://").removeprefix("http://").partition("/")[0]
        if meant := reading.also_called.get(host.removeprefix("www.")):
            return f"Did you mean '{meant}'?"
        slug = re.sub(r"[\s_]+", "-", text.strip().lower())
        if re.fullmatch(SLUG, slug) and len(slug) <= 60:
            return f"Did you mean '{slug}'?"
        return "Use small letters, figures, dots and hyphens, as in 'a.larch'."

    def schema(self) -> Schema:
        return {"$ref": f"#/$defs/{self.kind}"}  # see `rules.schema`

    def declares(self) -> frozenset[str]:
        return frozenset(() if self.refers else (self.kind,))


@dataclass(frozen=True, slots=True)
class Choice[E: StrEnum](Plain):
    """One of a few words."""

    words: type[E]
    what: str

    def read(self, node: Node, reading: Reading) -> E:
        words = [str(word) for word in self.words]
        if isinstance(node, Scalar) and node.kind != "text":
            # To put quotes round it, as for other texts, would lead to the next fault.
            fault = f"This should be {self.what}, not {_FOUND[node.kind]}."
            raise reading.refuse(node.spot, fault, f"It can be: {', '.join(sorted(words))}.")
        text = Text(self.what).read(node, reading)
        try:
            return self.words(text)
        except ValueError as error:
            remedy = reading.faults.suggestion(text, words)
            raise reading.refuse(node.spot, f"{shown(text)} is not {self.what}.", remedy) from error

    def schema(self) -> Schema:
        return {"type": "string", "enum": [str(word) for word in self.words]}


@dataclass(frozen=True, slots=True)
class Number(Plain):
    """A whole number in a range, both ends included."""

    least: int
    most: int
    what: str

    def read(self, node: Node, reading: Reading) -> int:
        text = node.text if isinstance(node, Scalar) and node.kind == "number" else ""
        if re.fullmatch(r"[0-9]{1,9}", text) and self.least <= int(text) <= self.most:
            return int(text)
        found = shown(node.text) if isinstance(node, Scalar) else "This"
        raise reading.refuse(
            node.spot, f"{found} is not {self.what}.", f"From {self.least} to {self.most}."
        )

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Kept[T](Plain):
    """A value that remembers its place."""

    shape: Shape[T]

    def read(self, node: Node, reading: Reading) -> Placed[T]:
        return Placed(self.shape.read(node, reading), node.spot)

    def schema(self) -> Schema:
        return self.shape.schema()

    def declares(self) -> frozenset[str]:
        return self.shape.declares()


@dataclass(frozen=True, slots=True)
class ListOf[T](Plain):
    """A list of one or more; with `single`, one entry may stand without the list around it.

    Several that stand there with commas, but without brackets, are a fault, unless one entry may
    have `commas` in it.
    """

    blank: ClassVar[Any] = ()
    shape: Shape[T]
    what: str
    single: bool = True
    commas: bool = False
    most: int = 5000

    def read(self, node: Node, reading: Reading) -> tuple[T, ...]:
        if self.single and isinstance(node, Scalar) and node.kind == "text":
            if "," in node.text and not self.commas:
                items = ", ".join(filter(None, map(str.strip, node.text.split(","))))
                raise reading.refuse(
                    node.spot,
                    f"{shown(node.text)} looks like several {self.what}.",
                    f"Put brackets round them: [{shown(items)[1:-1]}].",
                )
            return (self.shape.read(node, reading),)
        if not isinstance(node, ListNode):
            raise reading.refuse(
                node.spot, f"This should be a list of {self.what}.", "Write it like [one, two]."
            )
        if len(node.items) > self.most:
            raise reading.refuse(
                node.spot, f"There are more than {self.most:,} {self.what}.", "Write fewer."
            )
        if not node.items:
            raise reading.refuse(
                node.spot, "The list is empty.", f"Name {self.what}, or leave it out."
            )
        values: list[T] = []
        for item in node.items:
            try:
                values.append(self.shape.read(item, reading))
            except Unreadable:
                reading.lost |= self.shape.declares()
        return tuple(values)

    def schema(self) -> Schema:
        several = {
            "type": "array",
            "items": self.shape.schema(),
            "minItems": 1,
            "maxItems": self.most,
        }
        return {"anyOf": [self.shape.schema(), several]} if self.single else several

    def declares(self) -> frozenset[str]:
        return self.shape.declares()


@dataclass(frozen=True, slots=True)
class MapOf[T](Plain):
    """Entries by short name. With `kind`, the names are declared for others to refer to."""

    shape: Shape[T]
    kind: str
    what: str

    def read(self, node: Node, reading: Reading) -> dict[str, T]:
        if not isinstance(node, Mapping):
            raise reading.refuse(
                node.spot,
                f"This should be {self.what} by name.",
                "Write 'name:' and indent below it.",
            )
        values: dict[str, T] = {}
        for key, value in node.entries:
            if not re.fullmatch(SLUG, key.text) or len(key.text) > 60:
                reading.faults.add(
                    Spot(key.spot.file, key.spot.line, value.spot.key),
                    f"{shown(key.text)} cannot be a name here.",
                    "Use small letters, figures, dots and hyphens, as in 'a.larch'.",
                )
                reading.lost.add(self.kind)
            else:
                reading.declare(self.kind, (key.text,))
            try:
                values[key.text] = self.shape.read(value, reading)
            except Unreadable:
                reading.lost |= self.shape.declares()
        return values

    def schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": SHORT_NAME.schema(),
            "additionalProperties": self.shape.schema(),
        }

    def declares(self) -> frozenset[str]:
        return self.shape.declares() | {self.kind}
