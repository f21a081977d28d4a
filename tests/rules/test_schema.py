"""The published JSON Schema is the language that the loader reads."""

import json
from pathlib import Path

from rules.forms import POLICY
from rules.schema import PUBLISHED, policy_schema, publish


def test_the_published_schema_is_up_to_date() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == policy_schema()


def test_it_describes_every_entry() -> None:
    schema = policy_schema()
    assert schema["required"] == ["school", "clauses", "restricted"]
    assert set(schema["properties"]) == set(POLICY.schema()["properties"])


def test_it_is_written_by_the_module_itself(tmp_path: Path) -> None:
    publish(tmp_path / "schema.json")
    assert (tmp_path / "schema.json").read_bytes() == PUBLISHED.read_bytes()
