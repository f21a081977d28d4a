"""The rule language as JSON Schema, for editors that complete and check YAML as it is typed.

The published files are drawn from the same forms that the loader reads; a test compares the two.
`python -m rules.schema` writes them anew after a change of the language or of the catalogue.

There are two, because files of one policy are joined before anything is looked for in them: what a
whole policy needs may stand in any of them. An included file has `part.schema.json`, which asks for
none of it; and the whole policy's does not either where there is an `include`.
"""

import json
from collections.abc import Set
from pathlib import Path
from typing import Any

from rules.checks import ROLE_WORDS
from rules.forms import POLICY
from rules.hours import WINDOW_PATTERN
from rules.loading import SHIPPED_SITES, load_catalogue
from rules.reading import Schema
from rules.request import Role
from rules.shapes import SHORT_NAME
from rules.spans import SPAN_PATTERN

PUBLISHED = Path(__file__).parent / "policy"
_SHARED = {SPAN_PATTERN: "calendar-hours", WINDOW_PATTERN: "hours"}


def policy_schema() -> Schema:
    """Give the schema of a policy (JSON Schema 2020-12)."""
    whole = POLICY.schema()
    needed = {name: _needed(entry) for name, entry in whole["properties"].items()}
    return part_schema() | {
        "title": "A Schoolgate policy",
        "if": {"not": {"required": ["include"]}},
        "then": {
            "required": whole["required"],
            "properties": {name: entry for name, entry in needed.items() if entry},
        },
    }


def part_schema() -> Schema:
    """Give the schema of a file that a policy includes."""
    whole = POLICY.schema()
    properties = {name: _joined(entry) for name, entry in whole["properties"].items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A part of a Schoolgate policy",
        "type": "object",
        "additionalProperties": False,
        "properties": _shared(properties),
        "$defs": _names()
        | {
            name: {"type": "string", "maxLength": 300, "pattern": pattern}
            for pattern, name in _SHARED.items()
        },
    }


def _needed(entry: Schema) -> Schema:
    """Give what another file might have brought: the entries of one, or the first of a list."""
    needed = {key: entry[key] for key in ("required", "minItems") if entry.get(key)}
    for either in entry.get("anyOf", ()):
        needed |= _needed(either)
    return needed


def _joined(entry: Schema) -> Schema:
    """Leave out what need not be in this file: entries with the same name are joined."""
    kept = {key: value for key, value in entry.items() if key not in ("required", "minItems")}
    if "anyOf" in kept:
        kept["anyOf"] = [_joined(either) for either in kept["anyOf"]]
    return kept


def _shared(schema: Any) -> Any:
    """Write what is long and stands in many places as a reference to the one place."""
    if isinstance(schema, list):
        return [_shared(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("pattern"), str) and schema["pattern"] in _SHARED:
        return {"$ref": f"#/$defs/{_SHARED[schema['pattern']]}"}
    return {key: _shared(value) for key, value in schema.items()}


def _names() -> dict[str, Schema]:
    """Give the names that editors offer. A school has its own besides, so none is refused."""
    catalogue = load_catalogue(SHIPPED_SITES)
    categories = {category for site in catalogue.values() for category in site.categories}
    offered: dict[str, Set[str]] = {
        "site": set(catalogue),
        "category": categories,
        "restricted": categories | set(catalogue),
        "who": ROLE_WORDS - {Role.PUPIL},
        "tester": {"nobody"},
        "person": set(),
        "group": set(),
        "clause": set(),
    }
    return {
        kind: {"anyOf": [{"enum": sorted(map(str, names))}, SHORT_NAME.schema()]}
        if names
        else SHORT_NAME.schema()
        for kind, names in offered.items()
    }


def publish(folder: Path = PUBLISHED) -> None:
    """Write the schemas to their files."""
    for name, schema in (("schema.json", policy_schema()), ("part.schema.json", part_schema())):
        text = json.dumps(schema, indent=2, ensure_ascii=False)
        (folder / name).write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":  # pragma: no cover
    publish()
