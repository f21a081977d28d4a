"""Every fault of a policy is reported together: file, line, entry, fault and remedy."""

import gc
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.faults import Fault, PolicyError
from rules.loading import SHIPPED_POLICY, SHIPPED_SITES, load_policy
from rules.policy import Policy
from rules.request import WebRequest
from tests.rules.policies import SITES, broken_policies
from tests.support.pace import promised

Load = Callable[..., Policy]


def faults(load: Load, policy: Any, sites: Path = SITES) -> list[str]:
    """The faults of a policy, a line each."""
    with pytest.raises(PolicyError) as refused:
        load(policy, sites)
    return str(refused.value).split("\n")


class TestFiles:
    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(PolicyError) as refused:
            load_policy(tmp_path / "none.yaml", SITES)
        assert str(refused.value) == "none.yaml: There is no such file. Check the file's name."

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(PolicyError, match=r": This is a folder, not a file\. "):
            load_policy(tmp_path, SITES)

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(PolicyError, match=r"^pipe: This is not an ordinary file\. "):
            load_policy(tmp_path / "pipe", SITES)

    def test_a_name_that_no_file_has(self, tmp_path: Path) -> None:
        with pytest.raises(PolicyError, match=r"This is not an ordinary file\."):
            load_policy(tmp_path / "a\x00b", SITES)

    def test_a_file_behind_a_ring_of_links(self, tmp_path: Path) -> None:
        (tmp_path / "ring").symlink_to(tmp_path / "ring")
        with pytest.raises(PolicyError, match=r"^ring: The file cannot be read \(.+\)\."):
            load_policy(tmp_path / "ring", SITES)

    def test_fifty_megabytes_of_noise_are_refused_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "noise.yaml"
        path.write_bytes(os.urandom(1024) * 50 * 1024)
        began = time.monotonic()
        with pytest.raises(PolicyError) as refused:
            load_policy(path, SITES)
        assert time.monotonic() - began < promised(5)
        assert str(refused.value) == (
            "noise.yaml: The file is too large for a policy: more than 1,024 KB. "
            "Keep long lists of people in a CSV file, of domains with 'schoolgate lists'."
        )

    def test_the_digest_changes_with_any_file(
        self, load: Load, policy: dict[str, Any], tmp_path: Path
    ) -> None:
        one = load(policy)
        assert len(one.digest) == 64
        assert [file.name for file in one.files] == ["networks.yaml", "policy.yaml"]
        assert load(policy).digest == one.digest
        policy["school"]["name"] = "Another School"
        assert load(policy).digest != one.digest
        folder = tmp_path / "sites"
        folder.mkdir()
        (folder / "networks.yaml").write_bytes((SITES / "networks.yaml").read_bytes() + b"# x\n")
        assert load(policy, folder).digest != load(policy).digest

    def test_without_a_folder_of_its_own_the_shipped_catalogue_is_used(self) -> None:
        policy = load_policy(SHIPPED_POLICY)
        assert policy.restricted_site("www.facebook.com") is not None
        assert {file.parent for file in policy.files} == {SHIPPED_SITES, SHIPPED_POLICY.parent}


class TestText:
    """What is wrong before any entry can be read."""

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"", "policy.yaml: The file is empty. A policy begins with 'school:'."),
            (
                b"# nothing\n---\n",
                "policy.yaml: The file is empty. A policy begins with 'school:'.",
            ),
            (
                b"school:\n\tname: A\n",
                "policy.yaml:2: This line is indented with a tab. Indent with spaces.",
            ),
            (
                "school: \ud800".encode("utf-8", "surrogatepass"),
                "policy.yaml:1: This line is not UTF-8. Save the file as UTF-8.",
            ),
            (
                b"a: 1\nb: caf\xe9\n",
                "policy.yaml:2: This line is not UTF-8. Save the file as UTF-8.",
            ),
            (
                "school: x".encode("utf-16"),
                "policy.yaml:1: The file is saved as UTF-16. Save it as UTF-8.",
            ),
            (
                b"a: 1\nb: x\x00y\n",
                "policy.yaml:2: This line holds a character that no text has (number 0). "
                "Delete it, or type the line again.",
            ),
            (
                b"a: 1\n---\nb: 1\n",
                "policy.yaml:2: A second document begins here ('---'). Keep to one.",
            ),
            (
                b"a: *other\n",
                "policy.yaml:1: '*other' stands for nothing that is written above it. "
                "Put '&other' before the entry it should repeat.",
            ),
            (
                b"a: &a [*a]\n",
                "policy.yaml:1: '*a' stands for nothing that is written above it. "
                "Put '&a' before the entry it should repeat.",
            ),
            (
                b"a: !!python/object/apply:os.system [ls]\n",
                "policy.yaml:1: The tag 'tag:yaml.org,2002:python/object/apply:os.system' has no "
                "meaning here. Leave it out.",
            ),
            (
                b"[a]: 1\n",
                "policy.yaml:1: A list or a group of entries stands where a name should. "
                "Begin the line with a name and a colon.",
            ),
            (
                b"a: " + b"[" * 50_000,
                "policy.yaml:1: This is nested more than 24 deep. A policy needs far less.",
            ),
        ],
    )
    def test_is_said_with_its_line(self, load: Load, text: bytes, message: str) -> None:
        assert faults(load, text) == [message]

    @pytest.mark.parametrize(
        "text", ["school: [a", "school: 'a", "a: b: c", "a: 1\nb", "%", "a: @"]
    )
    def test_broken_yaml_is_one_sentence_with_a_line(self, load: Load, text: str) -> None:
        [line] = faults(load, text)
        assert line.startswith("policy.yaml:")
        assert ": This is not YAML: " in line

    def test_a_bomb_of_aliases_does_not_go_off(self, load: Load) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
        began = time.monotonic()
        [line] = faults(load, "\n".join(lines))
        assert time.monotonic() - began < promised(5)
        assert line == (
            "policy.yaml:5: The file comes to more than 100,000 entries with its aliases followed. "
            "Use fewer aliases ('*name')."
        )

    def test_a_name_that_is_there_twice(self, load: Load, policy: dict[str, Any]) -> None:
        text = yaml.safe_dump(policy, sort_keys=False)
        count = text.count("\n")
        first = text[: text.index("restricted:")].count("\n") + 1
        assert faults(load, text + "restricted: [facebook]\n") == [
            f"policy.yaml:{count + 1}: restricted: The name 'restricted' is here twice; "
            f"the first is on line {first}. Keep one of them."
        ]

    def test_anchors_aliases_and_merge_keys_work(self, load: Load, policy: dict[str, Any]) -> None:
        text = yaml.safe_dump(policy, sort_keys=False).replace("  page:\n", "  page: &page\n")
        text += "  other:\n    <<: *page\n    title: another purpose\n"
        assert [p.rule.title for p in load(text).purposes] == [
            "the school's page",
            "another purpose",
        ]

    def test_a_merge_key_takes_several_and_the_first_counts(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        text = yaml.safe_dump(policy, sort_keys=False).replace("  page:\n", "  page: &page\n")
        text += "  second: &second\n    <<: *page\n    title: another purpose\n"
        text += "  third:\n    <<: [*second, *page]\n    owner: a.larch\n"
        third = load(text).purposes[2]
        assert (third.rule.title, third.owner) == ("another purpose", "a.larch")

    def test_a_merge_key_with_anything_else_is_a_fault(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        text = yaml.safe_dump(policy, sort_keys=False).replace("  page:\n", "  page: &page\n")
        with pytest.raises(PolicyError, match="There is no entry '<<' here"):
            load(text + "  other:\n    <<: [*page, word]\n    title: another purpose\n")

    def test_a_mark_at_the_front_and_windows_line_ends_do_no_harm(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        text = yaml.safe_dump(policy).replace("\n", "\r\n")
        assert load(b"\xef\xbb\xbf" + text.encode())

    def test_words_mean_what_they_mean_in_an_editor(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        text = yaml.safe_dump(policy, sort_keys=False)
        text = text.replace("the school's page", "no").replace("'2027-09-01'", "2027-09-01")
        assert load(text).purposes[0].rule.title == "no"


# What is changed in the small policy, and what is said about it.
ENTRIES: list[tuple[str, Any, list[str]]] = [
    ("", [], ["This should be a policy. It has: school, clauses, people"]),
    ("scool", {}, ["scool: There is no entry 'scool' here. Did you mean 'school'?"]),
    (
        "school.contacts.head.name",
        42,
        ["contacts.head.name: This should be a text, not a number. Put quotes round it: '42'."],
    ),
    ("school.name", True, ["school.name: This should be a text, not true or false. Put quotes"]),
    ("school.name", None, ["school.name: This should be a text, not nothing. Put quotes"]),
    ("school.name", [], ["school.name: This should be a text. Write it on one line."]),
    ("school.name", " ", ["school.name: ' ' is not a text."]),
    ("school.name", "x" * 201, ["school.name: 'xxx"]),
    ("school.timezone", "Europe/Barningham", ["'Europe/Barningham' is not a time zone; write it"]),
    ("school.timezone", "../etc/passwd", ["'../etc/passwd' is not a time zone; write it like"]),
    ("school.contacts.head.email", "head", ["'head' is not an e-mail address."]),
    ("school.contacts", {}, ["'head' is missing. Add 'head:', the head teacher.",
                             "'senior-teacher'", "'chair'", "'it'"]),
    ("people", {}, ["purposes.page.owner: 'b.pine' is not a person.",
                    "purposes.page.who[0]: 'office' is not a person, a group or a role."]),
    ("people", [], ["people: This should be people by name. Write 'name:' and indent below it.",
                    "'b.pine' is not a person.", "'office' is not a person, a group or a role."]),
    ("people.A Larch", {"name": "A", "role": "employee"},
     ["people.A Larch: 'A Larch' cannot be a name here. Use small letters, figures, dots and"]),
    ("people.a.larch.role", "employe", ["'employe' is not a role. Did you mean 'employee'?"]),
    ("people.a.larch.role", "boss", ["'boss' is not a role. It can be: agency, employee,"]),
    ("people.a.larch.groups", 6, ["groups: This should be a list of groups. Write it like",
                                  "'office' is not a person, a group or a role."]),
    ("people.a.larch.groups", "office, it", [
        "groups: 'office, it' looks like several groups. Put brackets round them: [office, it].",
        "'office' is not a person, a group or a role."]),
    ("people.a.larch.groups", [], ["groups: The list is empty. Name groups, or leave it out.",
                                   "'office' is not a person, a group or a role."]),
    ("people.a.larch.groups", ["staff", "office"],
     ["people.a.larch: The group 'staff' has the name of a role. Give the group another name"]),
    ("people.b.pine.groups", ["a.larch"], ["The group 'a.larch' has the name of a person."]),
    ("people.a.larch.addresses", ["10.0.0"], ["'10.0.0' is not an IP address; write it like"]),
    ("people.b.pine.addresses", ["10.0.0.7"],
     ["addresses[0]: 10.0.0.7 is already an address of a.larch. An address tells people apart"]),
    ("restricted", ["social-networkin"],
     ["restricted[0]: 'social-networkin' is not a category or a site. Did you mean"]),
    ("restricted", ["Social"], ["restricted[0]: 'Social' is not a short name in small letters."]),
    ("purposes.page.sites", ["facebok"],
     ["purposes.page.sites[0]: 'facebok' is not a site. Did you mean 'facebook'?"]),
    ("purposes.page.sites", ["zzz", "facebook", 7],
     ["sites[0]: 'zzz' is not a site. It can be: encyclopaedia, facebook, tiktok, youtube.",
      "sites[2]: This should be a short name in small letters, not a number."]),
    ("purposes.page.who", ["ofice"], ["'ofice' is not a person, a group or a role. Did you mean"]),
    ("purposes.page.who", ["pupil"],
     ["No purpose opens a restricted site to a pupil, and 'pupil' is one. Name members of staff"]),
    ("purposes.page.who", ["d.reed"], ["to a pupil, and 'd.reed' is one."]),
    ("purposes.page.who", ["year-6"], ["and the group 'year-6' has one in it: Daisy Reed."]),
    ("purposes.page.owner", "a.lark", ["'a.lark' is not a person. Did you mean 'a.larch'?"]),
    ("purposes.page.clause", "purpose", ["'purpose' is not a clause. Did you mean 'purposes'?"]),
    ("purposes.page.review", "2027-02-30", ["There is no such day as 2027-02-30."]),
    ("purposes.page.review", "1/9/2027", ["'1/9/2027' is not a date; write it like '2027-09-01'."]),
    ("purposes.page.when", "Mon-Fri 25:00-26:00", ["'25:00' is not a time of day; write it like"]),
    ("purposes.page.when", ["Mon-Wed 09:00-12:00", "Tue 11:00-13:00"],
     ["when[1]: These hours (Tuesday, 11:00 to 13:00) overlap others here (Monday to Wednesday, "]),
    ("purposes.page.when", 9, ["when: This should be a list of days and hours."]),
    ("purposes.page.paths", ["school"], ["'school' has no '/'; a path begins with one"]),
    ("purposes.page.paths", ["tiktok.com/x"],
     ["paths[0]: 'tiktok.com' is not part of Facebook. Begin with '/', or with a host"]),
    ("purposes.page.actions", ["look"], ["'look' is not an action. It can be: message, post,"]),
    ("purposes.page.wen", "Mon", ["purposes.page.wen: There is no entry 'wen' here. Did you mean"]),
    ("sites", {"own": {"name": "Own", "domains": ["co.uk"]}},
     ["domains[0]: 'co.uk' is shared by everyone who registers a name below it; name the site's"]),
    ("sites", {"own": {"name": "Own", "domains": ["com"]}}, ["'com' is shared by everyone"]),
    ("sites", {"own": {"name": "Own", "domains": ["cloudfront.net"]}}, ["is shared by everyone"]),
    ("sites", {"own": {"name": "Own", "domains": ["10.0.0.1"]}},
     ["'10.0.0.1' is an address, not a domain; addresses go under 'networks'."]),
    ("sites", {"own": {"name": "Own", "domains": ["::1"]}}, ["'::1' is an address, not a domain;"]),
    ("sites", {"own": {"name": "Own", "domains": ["a b.com"]}}, ["'a b.com' is not a domain;"]),
    ("sites", {"own": {"name": "Own", "domains": ["facebook.com"]}},
     ["sites.own.domains[0]: facebook.com already belongs to Facebook. Each domain and network"]),
    ("sites", {"own": {"name": "Own", "domains": ["m.facebook.com"]}},
     ["m.facebook.com already belongs to Facebook."]),
    ("sites", {"own": {"name": "Own", "domains": ["own.example"], "networks": ["31.13.24.0/24"]}},
     ["sites.own.networks[0]: 31.13.24.0/24 already belongs to Facebook."]),
    ("sites", {"own": {"name": "Own", "domains": ["own.example"], "networks": ["10.0.0.1/24"]}},
     ["'10.0.0.1/24' is not a network; write it like '31.13.24.0/21' (first address)."]),
    ("sites", {"own": {"name": "Own", "domains": ["own.example"], "networks": ["0.0.0.0/0"]}},
     ["'0.0.0.0/0' is a large part of the whole internet, and no one site's."]),
    ("sites", {"own": {"name": "Own", "domains": ["o.example"], "endpoints": {"post": ["/x"]}}},
     ["endpoints.post[0]: '/x' is not an endpoint; it reads like 'POST /path'"]),
    ("categories", {"own": {"name": "own", "sites": ["facebok"]}}, ["'facebok' is not a site."]),
    ("unidentified", {"access": "allow"}, ["'allow' is not an answer. It can be: as-visitor,"]),
    ("restricted", ["fbcdn", "fbcdn.net"],
     ["restricted[0]: 'fbcdn' is not a category or a site. Did you mean 'facebook'?",
      "restricted[1]: 'fbcdn.net' is not a category or a site. Did you mean 'facebook'?"]),
    ("unidentified", {"access": False},
     ["access: This should be an answer, not true or false. It can be: as-visitor, refuse."]),
    ("essentials", ["gov uk"], ["'gov uk' is not a host name; write it like 'gov.uk'."]),
    ("reasons", {"no-purpose": {"text": "{sight} {"}},
     ["Nothing is filled in for 'sight'. It can be: {kind}, {purpose}, {site}, {until}.",
      "Nothing is filled in for '{'."]),
    ("reasons", {"no-reason": {}}, ["There is no entry 'no-reason' here."]),
]  # fmt: skip


def test_a_list_of_one_may_be_written_without_its_brackets(
    load: Load, policy: dict[str, Any]
) -> None:
    page = policy["purposes"]["page"]
    page |= {"who": "office", "sites": "facebook", "paths": "/school", "actions": "view"}
    policy |= {"restricted": "social-networking", "essentials": "gov.uk"}
    policy["people"]["a.larch"] |= {"groups": "office", "addresses": "10.0.0.7"}
    policy["sites"] = {"own": {"name": "Own", "domains": "own.example", "categories": "video"}}
    one = load(policy)
    assert one.people["a.larch"].groups == {"office"}
    assert one.addresses == {"10.0.0.7": "a.larch"}
    assert one.purposes[0].sites == {"facebook"}
    assert one.essentials == {"gov.uk"}
    assert one.restricted_site("facebook.com")


@pytest.mark.parametrize(("entry", "value", "said"), ENTRIES)
def test_what_is_wrong_with_an_entry_is_said_where_it_is(
    load: Load, policy: dict[str, Any], entry: str, value: Any, said: list[str]
) -> None:
    lines = faults(load, changed(policy, entry, value))
    assert len(lines) == len(said), lines
    for part in said:
        assert any(part in line for line in lines), lines
    assert all(line.startswith("policy.yaml:") for line in lines)


def changed(policy: dict[str, Any], entry: str, value: Any) -> Any:
    """Set one entry; people's ids have a dot in them."""
    if not entry:
        return value
    *path, last = entry.replace("a.larch", "a,larch").replace("b.pine", "b,pine").split(".")
    inner = policy
    for name in path:
        inner = inner[name.replace(",", ".")]
    inner[last.replace(",", ".")] = value
    return policy


def test_all_faults_come_together_with_their_lines(load: Load) -> None:
    text = """\
school:
  name: 12
clauses: {}
people:
  a.larch:
    name: Ash Larch
    role: teacher
restricted:
  - social-networking
  - facebok
purposes:
  page:
    title: the page
    who: [a.larch, nobody]
    sites: [facebok]
    owner: a.larch
    review: soon
"""
    assert faults(load, text) == [
        "policy.yaml:1: school: 'contacts' is missing. Add 'contacts:', whom people may ask.",
        "policy.yaml:2: school.name: This should be a text, not a number. "
        "Put quotes round it: '12'.",
        "policy.yaml:7: people.a.larch.role: 'teacher' is not a role. "
        "It can be: agency, employee, governor, pupil, visitor, volunteer.",
        "policy.yaml:10: restricted[1]: 'facebok' is not a category or a site. "
        "Did you mean 'facebook'?",
        "policy.yaml:14: purposes.page.who[1]: 'nobody' is not a person, a group or a role. "
        "It can be: a.larch, agency, employee, governor, pupil, staff, visitor, volunteer.",
        "policy.yaml:15: purposes.page.sites[0]: 'facebok' is not a site. Did you mean 'facebook'?",
        "policy.yaml:17: purposes.page.review: 'soon' is not a date; write it like '2027-09-01'.",
    ]


def test_very_many_faults_are_counted_rather_than_listed(
    load: Load, policy: dict[str, Any]
) -> None:
    policy["restricted"] = [f"nothing-{n}" for n in range(150)]
    with pytest.raises(PolicyError) as refused:
        load(policy)
    assert len(refused.value.faults) == 150
    assert str(refused.value).endswith("\n… and 50 more.")
    policy["restricted"] = [f"nothing-{n}" for n in range(1500)]
    with pytest.raises(PolicyError, match="… and many more"):
        load(policy)


def test_a_fault_reads_as_one_line() -> None:
    fault = Fault("policy.yaml", 12, "purposes.page.sites[1]", "'x' is not a site.", "")
    assert str(fault) == "policy.yaml:12: purposes.page.sites[1]: 'x' is not a site."


class TestCatalogue:
    def test_a_site_twice_in_the_catalogue(
        self, load: Load, policy: dict[str, Any], tmp_path: Path
    ) -> None:
        folder = tmp_path / "sites"
        folder.mkdir()
        entry = (SITES / "networks.yaml").read_text()
        (folder / "a.yaml").write_text(entry)
        (folder / "b.yaml").write_text("tiktok:\n  name: TikTok\n  domains: [tick.example]\n")
        assert faults(load, policy, folder) == [
            "sites/b.yaml:1: tiktok: 'tiktok' is in the catalogue twice; it is also in "
            "sites/a.yaml. Keep one entry for each site."
        ]

    def test_a_broken_catalogue_is_said_with_its_file(
        self, load: Load, policy: dict[str, Any], tmp_path: Path
    ) -> None:
        (tmp_path / "sites").mkdir()
        (tmp_path / "sites" / "a.yaml").write_text("[]")
        (tmp_path / "sites" / "b.yaml").write_text("'")
        lines = faults(load, policy, tmp_path / "sites")
        assert lines[-2].startswith("sites/a.yaml:1: This should be sites by name.")
        assert lines[-1].startswith("sites/b.yaml:1: This is not YAML: ")


PUNCTUATION = st.sampled_from(" \n\t-:[]{}'\"&*!|>%@`#?,ab0~<\r\x85\u2028\ufeff\U0001f600")
FILES = (
    broken_policies().map(yaml.safe_dump).map(str.encode)
    | st.text(PUNCTUATION).map(str.encode)
    | st.binary()
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(FILES)
def test_whatever_the_file_holds_loading_gives_a_policy_or_says_what_is_wrong(
    load: Load, data: bytes
) -> None:
    try:
        load(data)
    except PolicyError as error:
        said = error.faults
    else:
        return
    assert said
    for fault in said:
        assert fault.fault
        assert "\n" not in str(fault)


HOSTILE = {
    "brackets": b"a: " + b"[]," * 340_000,
    "entries nobody knows": b"".join(b"unknown-%d: 1\n" % n for n in range(45_000)),
    "people nobody knows": b"restricted: [" + b", ".join(b"x%d" % n for n in range(4_900)) + b"]\n",
    "one long word": b"a: " + b"x" * 1_000_000,
    "one long name": b"x" * 1_000_000 + b": 1",
    "quotes": b'"' * 1_000_000,
    "anchors": b"".join(b"a%d: &a%d x\n" % (n, n) for n in range(40_000)),
    "hyphens": b"- " * 500_000,
    "question marks": b"? " * 500_000,
    "stars": b"*a " * 300_000,
    "overlapping hours": b"purposes: {p: {when: [" + b"Mon, " * 60_000 + b"]}}",
    "folded text": b"a: >\n" + b" x\n\n" * 200_000,
    "comments": b"# x\n" * 250_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_made_to_take_long_is_refused_in_seconds(load: Load, name: str) -> None:
    began = time.monotonic()
    assert faults(load, HOSTILE[name])
    assert time.monotonic() - began < promised(30)  # a second or two where nothing else runs


def test_memory_does_not_grow_over_a_hundred_reloads(load: Load, policy: dict[str, Any]) -> None:
    now, page = datetime(2026, 11, 23, 12, tzinfo=UTC), WebRequest("facebook.com", path="/school")

    def after(reloads: int) -> tuple[int, int]:
        for _ in range(reloads):
            in_force = load(policy)
            assert in_force.explain(page, in_force.people["a.larch"], now).decision.allowed
        gc.collect()
        objects = gc.get_objects()
        return len(objects), sum(isinstance(one, Policy) for one in objects)

    objects, policies = after(3)
    more, kept = after(100)
    assert more < objects * 1.02
    assert kept == policies
