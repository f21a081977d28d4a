"""The published JSON Schema is the language that the loader reads."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import available_timezones

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rules import editor_patterns
from rules.faults import FaultList, PolicyError
from rules.forms import POLICY
from rules.loading import SHIPPED_POLICY, load_policy
from rules.nodes import Mapping, Node, Scalar, read_nodes
from rules.policy import Policy
from rules.records import Record
from rules.schema import PUBLISHED, part_schema, policy_schema, publish
from rules.shapes import Parsed
from tests.rules.policies import SITES, broken_policies, small_policy

Load = Callable[..., Policy]
EDITOR, PART_EDITOR = (
    Draft202012Validator(json.loads((PUBLISHED / name).read_text(encoding="utf-8")))
    for name in ("schema.json", "part.schema.json")
)


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


def read(data: bytes) -> Any:
    node = read_nodes(data, "policy.yaml", FaultList())
    assert node is not None
    return as_an_editor_reads_it(node)


@pytest.mark.parametrize("name", ["schema.json", "part.schema.json"])
def test_the_published_schemas_are_up_to_date(tmp_path: Path, name: str) -> None:
    publish(tmp_path)
    assert (tmp_path / name).read_bytes() == (PUBLISHED / name).read_bytes(), (
        "Write them anew: .venv/bin/python -m rules.schema"
    )


def test_they_are_schemas_and_describe_every_entry() -> None:
    for schema in (policy_schema(), part_schema()):
        Draft202012Validator.check_schema(schema)
        assert set(schema["properties"]) == set(POLICY.schema()["properties"])
        assert all(entry["description"] for entry in schema["properties"].values())
    assert policy_schema()["then"]["required"] == ["school", "clauses", "restricted"]


def test_every_reference_in_them_leads_somewhere() -> None:
    text = (PUBLISHED / "schema.json").read_text(encoding="utf-8")
    named = set(re.findall(r'"\$ref": "#/\$defs/([^"]*)"', text))
    assert named == set(policy_schema()["$defs"])


def test_an_editor_offers_the_names_of_the_catalogue() -> None:
    offered = policy_schema()["$defs"]
    assert {"facebook", "mastodon", "x"} <= set(offered["site"]["anyOf"][0]["enum"])
    assert "social-networking" in offered["category"]["anyOf"][0]["enum"]
    assert {"facebook", "social-networking"} <= set(offered["restricted"]["anyOf"][0]["enum"])
    assert "staff" in offered["who"]["anyOf"][0]["enum"]
    assert "pupil" not in offered["who"]["anyOf"][0]["enum"]


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
    # The usual slips.
    ("purposes.page.review", "01/09/2027"),
    ("purposes.page.review", "2027-09-31"),
    ("purposes.page.review", "2027-13-01"),
    ("purposes.page.review", "2027-02-30"),
    ("purposes.page.review", "1 September 2027"),
    ("purposes.page.until", "2027-9-1"),
    ("purposes.page.when", "rubbish"),
    ("purposes.page.when", ["Mon-Fri 25:00-26:00"]),
    ("purposes.page.when", "Mon-Fri 08:30"),
    ("purposes.page.when", "Mon-Fri 08:75-09:00"),
    ("purposes.page.when", "Mondy 08:30-15:45"),
    ("purposes.page.when", "always"),
    ("purposes.page.when", " "),
    ("purposes.page.when", "08:30-15:45 Mon"),
    ("purposes.page.sites", ["https://facebook.com"]),
    ("purposes.page.sites", ["Facebook"]),
    ("purposes.page.paths", ["school"]),
    ("purposes.page.paths", ["https://facebook.com/school"]),
    ("purposes.page.paths", ["/school?page=1"]),
    ("purposes.page.owner", "Bay Pine"),
    ("school.timezone", "Europe/Bury St Edmunds"),
    ("school.timezone", "London"),
    ("school.timezone", "GMT+1"),
    ("school.contacts.head.email", "head at school.example"),
    ("school.contacts.head.email", "head@school"),
    ("people.b", {"name": "Ash", "role": "employee", "addresses": ["10.0.0"]}),
    ("people.b", {"name": "Ash", "role": "employee", "addresses": ["10.0.0.256"]}),
    ("people.b", {"name": "Ash", "role": "employee", "addresses": ["10.0.0.0/24"]}),
    ("people.b", {"name": "Ash", "role": "employee", "devices": ["a4:5e:60:01:02"]}),
    ("people.b", {"name": "Ash", "role": "employee", "devices": ["10.0.0.1"]}),
    ("people.b", {"name": "Ash", "role": "employee", "accounts": ["SCHOOL\\ash"]}),
    ("sites", {"own": {"name": "Own", "domains": ["https://own.example"]}}),
    ("sites", {"own": {"name": "Own", "domains": ["own"]}}),
    ("sites", {"own": {"name": "Own", "domains": ["o.example"], "networks": ["10.0.0.300/8"]}}),
    ("sites", {"own": {"name": "Own", "domains": ["o.example"], "endpoints": {"post": ["/x"]}}}),
    ("essentials", ["https://www.gov.uk"]),
    ("essentials", ["gov uk"]),
    ("retention", {"events": "90"}),
    ("retention", {"events": "90 minutes"}),
    ("identity", {"shared": ["10.0.0"]}),
    ("identity", {"sign-in": {"lasts": "8"}}),
    ("identity", {"sign-in": {"lasts": "8 days"}}),
    ("identity", {"realms": ["SCHOOL\\fern"]}),
    ("identity", {"sources": ["radius"], "radius": {"listen": "10.0.0.1", "clients": {}}}),
    ("tests", [{"who": "nobody", "when": "2026-11-23", "what": "x.com", "expect": "opens",
                "why": "so"}]),
    ("tests", [{"who": "nobody", "when": "2026-11-23 24:10", "what": "x.com", "expect": "opens",
                "why": "so"}]),
]  # fmt: skip


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
    assert list(EDITOR.iter_errors(read(data))) == []


def readers(shape: Any) -> Iterator[Parsed[Any]]:
    """Every shape that a function reads, in all the forms below one."""
    if isinstance(shape, Parsed):
        yield shape
    elif isinstance(shape, Record):
        for field in fields(shape.form):
            yield from readers(field.metadata.get("shape"))
    elif shape is not None:
        yield from readers(getattr(shape, "shape", None))


READERS = {reader.pattern: reader for reader in readers(POLICY)}
# Written as people do: one of each kind, with what could stand in each.
WRITTEN = (
    "2027-02-29 2028-02-29 2027-04-31 2026-11-23+10:00 Mon-Fri+08:30-15:45 weekdays+8am-4pm 8-17 "
    "term-time,+breaks schooldays+0800-1700 noon-midnight Tues.,+Thur+and+Sat every+day INSET+days "
    "90+min 1+hour+30+minutes 1h30m 2hrs 90+days 12+Months 3years head@school.example 10.0.0.7 "
    "fd00::7 ::ffff:10.0.0.7 fe80::1%eth0 a4:5e:60:01:02:03 A45E.6001.0203 a4-5e-60-01-02-03 "
    "31.13.24.0/21 2a03:2880::/32 10.0.0.0/255.255.0.0 10.0.0.1:1813 [::]:1813 f.example "
    "school.example SCHOOL /school fbcdn.net/* facebook.com/a/*/b POST+/a POST+h.example/a/* "
    "facebook.com b\u00fccher.example xn--bcher-kva.example www.\uff27\uff2f\uff36.uk gov.uk. "
    "0x7f.1 Europe/London UTC America/Argentina/Ushuaia Etc/GMT+1 GB EST5EDT"
)
PIECES = st.sampled_from([*re.split(r"[ ]", WRITTEN.replace("+", " ")), *"-.,:/ @+%\n"])
TEXTS = st.sampled_from([word.replace("+", " ") for word in WRITTEN.split(" ")]) | st.lists(
    PIECES | st.text(max_size=3), min_size=1, max_size=5
).map("".join)


def test_every_small_text_has_a_pattern_of_its_own() -> None:
    assert len(READERS) == 19
    assert r"\S" not in READERS


@settings(max_examples=1000)
@given(TEXTS.filter(str.strip))
def test_no_pattern_refuses_a_text_that_its_reader_takes(text: str) -> None:
    for pattern, reader in READERS.items():
        try:
            reader.parse(text)
        except ValueError:
            continue
        assert re.search(pattern, text), (text, reader.what)


@pytest.mark.parametrize("text", [word.replace("+", " ") for word in WRITTEN.split(" ")])
def test_some_reader_takes_each_of_them_or_its_pattern_refuses_it(text: str) -> None:
    taken = []
    for pattern, reader in READERS.items():
        try:
            reader.parse(text)
            taken.append(re.search(pattern, text) is not None)
        except ValueError:
            continue
    assert all(taken)
    assert taken or text in ("2027-04-31", "2027-02-29")


def test_every_time_zone_is_taken() -> None:
    for zone in available_timezones():
        assert re.search(editor_patterns.TIMEZONE, zone), zone


class TestSeveralFiles:
    """The files of one policy, each as its editor checks it."""

    FILES: ClassVar = {
        "policy.yaml": """\
school: {name: A Small School}
include: [people.yaml, rest.yaml]
clauses: {purposes: {heading: Personal use, text: For school purposes only.}}
calendar: {directed-time: Mon-Fri 08:30-15:45}
essentials: []
""",
        "people.yaml": """\
people:
  a.larch: {name: Ash Larch, role: employee, groups: [office]}
  b.pine: {name: Bay Pine, role: governor}
""",
        "rest.yaml": """\
school:
  contacts:
    head: &one {name: Rowan Example, email: head@school.example}
    senior-teacher: *one
    chair: *one
    it: *one
restricted: [social-networking]
calendar: {terms: [{first: 2026-09-01, last: 2026-12-18}]}
essentials: [gov.uk]
purposes:
  page:
    {title: the page, who: office, sites: facebook, owner: b.pine, review: 2027-09-01}
""",
    }

    def test_an_editor_accepts_each_file_of_a_policy_that_loads(self, tmp_path: Path) -> None:
        for name, text in self.FILES.items():
            (tmp_path / name).write_text(text)
        assert load_policy(tmp_path / "policy.yaml", SITES).people
        for name, text in self.FILES.items():
            editor = EDITOR if name == "policy.yaml" else PART_EDITOR
            assert list(editor.iter_errors(read(text.encode()))) == []

    def test_without_an_include_what_is_needed_has_to_be_there(self) -> None:
        alone = read(self.FILES["policy.yaml"].replace("include", "people-from").encode())
        said = {error.message for error in EDITOR.iter_errors(alone)}
        assert "'restricted' is a required property" in said
        assert "'contacts' is a required property" in said
        assert "'terms' is a required property" in said
        assert any("[]" in message for message in said)

    def test_an_included_file_is_checked_in_what_it_has(self) -> None:
        wrong = read(b"people: {a: {name: A}}\nrestrict: [x]\n")
        assert len(list(PART_EDITOR.iter_errors(wrong))) == 2


def test_the_small_policy_is_one_that_both_accept(load: Load) -> None:
    assert load(small_policy())
    assert EDITOR.is_valid(small_policy())
