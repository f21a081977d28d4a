"""The published JSON Schema is the language that the loader reads."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from rules.faults import FaultList, PolicyError
from rules.forms import POLICY
from rules.loading import SHIPPED_POLICY
from rules.nodes import Mapping, Node, Scalar, read_nodes
from rules.policy import Policy
from rules.schema import PUBLISHED, policy_schema, publish
from tests.rules.policies import broken_policies, small_policy

Load = Callable[..., Policy]
EDITOR = Draft202012Validator(json.loads(PUBLISHED.read_text(encoding="utf-8")))


def as_an_editor_reads_it(node: Node) -> Any:
    """The values that YAML 1.2 gives, which are what an editor checks."""
    if isinstance(node, Scalar):
        match node.kind:
            case "nothing":
                return None
            case "truth":
                return node.text.lower() == "true"
            case "number":
                return json.loads(node.text) if node.text.lstrip("-").isdecimal() else 0.5
        return node.text
    if isinstance(node, Mapping):
        return {key.text: as_an_editor_reads_it(value) for key, value in node.entries}
    return [as_an_editor_reads_it(item) for item in node.items]


def test_the_published_schema_is_up_to_date(tmp_path: Path) -> None:
    publish(tmp_path / "schema.json")
    assert (tmp_path / "schema.json").read_bytes() == PUBLISHED.read_bytes()


def test_it_is_a_schema_and_describes_every_entry() -> None:
    Draft202012Validator.check_schema(policy_schema())
    assert policy_schema()["required"] == ["school", "clauses", "restricted"]
    assert set(policy_schema()["properties"]) == set(POLICY.schema()["properties"])
    assert all(entry["description"] for entry in policy_schema()["properties"].values())


def test_an_editor_accepts_the_shipped_policy() -> None:
    node = read_nodes(SHIPPED_POLICY.read_bytes(), "school.yaml", FaultList())
    assert node is not None
    assert list(EDITOR.iter_errors(as_an_editor_reads_it(node))) == []


# What is wrong with the shape of an entry, both must refuse.
SHAPES: list[tuple[str, Any]] = [
    ("scool", {}),
    ("school", None),
    ("school.name", 12),
    ("school.name", True),
    ("school.name", ""),
    ("school.name", "x" * 201),
    ("school.contacts.head", "Rowan"),
    ("school.contacts.deputy", {}),
    ("clauses", []),
    ("clauses.purposes.text", None),
    ("people.Ash", {"name": "Ash", "role": "employee"}),
    ("people.b", {"name": "Ash"}),
    ("people.b", {"name": "Ash", "role": "king"}),
    ("restricted", 7),
    ("restricted", "Social Networking"),
    ("restricted", []),
    ("restricted", ["Social Networking"]),
    ("purposes.page.sites", []),
    ("purposes.page.actions", ["look"]),
    ("purposes.page.wen", "Mon"),
    ("purposes.page.when", 9),
    ("unidentified", {"confidence": 101}),
    ("unidentified", {"confidence": 0.5}),
    ("unidentified", {"access": "allow"}),
    ("calendar", {}),
    ("tests", [{"who": "nobody"}]),
]


@pytest.mark.parametrize(("entry", "value"), SHAPES)
def test_an_editor_and_the_loader_refuse_the_same_shapes(
    load: Load, policy: dict[str, Any], entry: str, value: Any
) -> None:
    *path, last = entry.split(".")
    inner = policy
    for name in path:
        inner = inner[name]
    inner[last] = value
    assert not EDITOR.is_valid(copy.deepcopy(policy))
    with pytest.raises(PolicyError):
        load(policy)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(broken_policies())
def test_an_editor_never_refuses_what_the_loader_accepts(load: Load, policy: Any) -> None:
    data = yaml.safe_dump(policy).encode()
    try:
        load(data)
    except PolicyError:
        return
    node = read_nodes(data, "policy.yaml", FaultList())
    assert node is not None
    assert list(EDITOR.iter_errors(as_an_editor_reads_it(node))) == []


def test_the_small_policy_is_one_that_both_accept(load: Load) -> None:
    assert load(small_policy())
    assert EDITOR.is_valid(small_policy())
