"""The rule language as JSON Schema, for editors that complete and check YAML as it is typed.

The published file is drawn from the same forms that the loader reads; a test compares the two.
`python -m rules.schema` writes it anew after a change of the language.
"""

import json
from pathlib import Path

from rules.forms import POLICY
from rules.reading import Schema

PUBLISHED = Path(__file__).parent / "policy" / "schema.json"


def policy_schema() -> Schema:
    """Give the schema of a policy (JSON Schema 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Schoolgate policy",
        **POLICY.schema(),
    }


def publish(path: Path = PUBLISHED) -> None:
    """Write the schema to its file."""
    text = json.dumps(policy_schema(), indent=2, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":  # pragma: no cover
    publish()
