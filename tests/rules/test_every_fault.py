"""Every fault that can be told is told at once, and none that only follows from another."""

# ruff: noqa: E501 - messages are compared whole, and a table is read across

from collections.abc import Callable
from pathlib import Path

import pytest

from rules.faults import PolicyError
from rules.loading import load_policy
from rules.policy import Policy
from tests.rules.policies import SITES
from tests.rules.test_bad_policies import GOOD

Load = Callable[..., Policy]
DECLARED = GOOD.replace("purposes:\n  page", "declared:\n  page") + "    longest: 45 minutes\n"
CALENDAR = "calendar:\n  terms: [{first: 2026-09-01, last: 2026-12-18}]\n"


def told(text: str, tmp_path: Path, **files: str) -> list[str]:
    """The faults of a policy in a folder with more files; `a_csv` is called a.csv."""
    for name, content in files.items():
        (tmp_path / name.replace("_", ".")).write_text(content)
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(PolicyError) as refused:
        load_policy(tmp_path / "policy.yaml", SITES)
    return [line.removeprefix("policy.yaml:") for line in str(refused.value).split("\n")]


@pytest.mark.parametrize(("good", "section"), [(GOOD, "purposes"), (DECLARED, "declared")])
def test_a_purpose_with_a_bad_date_is_checked_in_all_else(
    good: str, section: str, tmp_path: Path
) -> None:
    text = (
        good.replace("who: [office]", "who: [pupil]")
        .replace("Mon-Fri 08:30-15:45", "[Mon 08:30-12:00, Mon-Fri 11:00-13:00]")
        .replace("2027-09-01", "2027-13-01")
    )
    assert told(text, tmp_path) == [
        f"18: {section}.page.who[0]: No purpose opens a restricted site to a pupil, and 'pupil' is one. Name members of staff, or a group of theirs.",
        f"20: {section}.page.when[1]: These hours (Monday to Friday, 11:00 to 13:00) overlap others here (Monday, 08:30 to 12:00). Write each hour once, so that nobody mends one line and misses the other.",
        f"22: {section}.page.review: There is no such day as 2027-13-01.",
    ]


# What is changed in the good policy, what is added to it, and all that is said.
TOLD: list[tuple[str, str, str, str, list[str]]] = [
    ("a person with a bad role, whose address is another's too",
     "role: governor}", "role: king, addresses: [10.0.0.7]}", "",
     ["people.b.pine.addresses[0]: 10.0.0.7 is already an address of a.larch.", "people.b.pine.role: 'king' is not"]),
    ("a pupil without a name, whose group has a purpose",
     "{name: Daisy Reed, role: pupil}", "{role: pupil, groups: [office]}", "",
     ["people.d.reed: 'name' is missing.", "the group 'office' has one in it: d.reed."]),
    ("sites without names, on each other's domains and networks", "", "",
     "sites:\n  one: {name: 7, domains: [a.example], networks: [192.0.2.0/24]}\n"
     "  two: {name: Two, domains: [a.example, b.a.example], networks: [192.0.2.0/25]}\n",
     ["sites.one.name: This should be", "a.example already belongs to one.", "a.example already belongs to one.",
      "192.0.2.0/25 already belongs to one."]),
    ("a term without an end, and one that ends before it begins", "", "",
     "calendar:\n  terms: [{first: 2026-09-01}, {first: 2027-01-04, last: 2026-12-01}]\n",
     ["terms[0]: 'last' is missing.", "terms[1]: It ends on 2026-12-01, before it begins."]),
    ("a test without its answer, of no address and at no time", "", "",
     "tests:\n  - {who: b.pine, when: 2027-03-28 01:30, what: 'ftp://x', expect: open, why: so}\n"
     "  - {who: b.pine, expect: opens, why: so}\n",
     ["tests[0].expect: 'open' is not an answer.", "tests[0].when: There is no 2027-03-28 01:30",
      "tests[0].what: ", "tests[1]: 'what' is missing.", "tests[1]: 'when' is missing."]),
    ("a case without the one who authorises it", "", "",
     "cases: {authorised-by: [b.pine], grounds: {a: {clause: none}}}\n",
     ["cases: 'about-them' is missing.", "cases.grounds.a: 'title' is missing.", "'none' is not a clause."]),
    ("a calendar without terms", "Mon-Fri 08:30", "school days 08:30", "calendar: {}\n",
     ["calendar: 'terms' is missing."]),
    ("a calendar that is none", "Mon-Fri 08:30", "school days 08:30", "calendar: soon\n",
     ["calendar: This should be the school year."]),
    ("a calendar misspelt", "Mon-Fri 08:30", "school days 08:30", CALENDAR.replace("cal", "kal"),
     ["kalendar: There is no entry 'kalendar' here. Did you mean 'calendar'?"]),
    ("groups misspelt", "groups:", "grups:", "", ["people.a.larch.grups: There is no entry 'grups'"]),
    ("a person's name with capitals", "b.pine: {", "B.Pine: {", "",
     ["people.B.Pine: 'B.Pine' cannot be a name here."]),
    ("a person who is only a word", "{name: Ash Larch, role: employee, groups: [office], addresses: [10.0.0.7]}", "Ash", "",
     ["people.a.larch: This should be a person."]),
    ("clauses misspelt", "clauses:", "klauses:", "purposes: {p: {clause: purposes}}\n".replace("purposes: {p", "declared: {p"),
     ["'clauses' is missing.", "klauses: There is no entry", *["declared.p: '"] * 6]),
    ("clauses that are none", "  purposes: {heading: Personal use, text: For school purposes only.}",
     "  - Personal use", "reasons: {grant: {clause: purposes}}\n", ["clauses: This should be clauses by name."]),
    ("a site of the school's own with a bad name", "[facebook]", "[forum]",
     "sites:\n  Forum: {name: Forum, domains: [forum.example]}\n", ["sites.Forum: 'Forum' cannot be"]),
    ("a path on a site that is misspelt", "    sites: [facebook]", "    sites: [facebook, titkok]\n    paths: [tiktok.com/x]", "",
     ["'titkok' is not a site. Did you mean 'tiktok'?"]),
    ("a path on a site that is not a name", "    sites: [facebook]", "    sites: [facebook, 7]\n    paths: [tiktok.com/x]", "",
     ["purposes.page.sites[1]: This should be"]),
    ("a path on a domain that is misspelt", "    sites: [facebook]", "    sites: [own]\n    paths: [own.example/x]",
     "sites:\n  own: {name: Own, domains: [own example]}\n", ["sites.own.domains[0]: 'own example' is not a domain;"]),
    ("RADIUS that is wrong", "", "",
     "identity: {sources: [radius, lease], radius: {clients: {a: {addresses: [x]}}}, leases: [{}]}\n",
     ["addresses[0]: 'x' is not a network", "leases[0]: 'file' is missing.", "leases[0]: 'format' is missing."]),
    ("RADIUS that is nothing, and an address of somebody's that is shared", "", "",
     "identity: {sources: [radius], radius: 7, shared: [10.0.0.7]}\n",
     ["identity.radius: This should be", "10.0.0.7 is shared, and is also given to a.larch alone."]),
    ("a source misspelt", "", "",
     "identity: {sources: [raduis], radius: {clients: {a: {addresses: [10.0.0.1]}}}}\n",
     ["identity.sources[0]: 'raduis' is not a source. Did you mean 'radius'?"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "added", "said"), [row[1:] for row in TOLD], ids=[row[0] for row in TOLD]
)
def test_all_is_told_and_nothing_that_follows(
    old: str, new: str, added: str, said: list[str], tmp_path: Path
) -> None:
    lines = told(GOOD.replace(old, new, 1) + added, tmp_path)
    assert len(lines) == len(said), lines
    for part in said:
        assert any(part in line for line in lines), lines


TABLE = "id,name,rol\nb.pine,Bay Pine,governor\n"
FROM_TABLE = "people-from: [a.csv]\n" + GOOD.replace(
    "  b.pine: {name: Bay Pine, role: governor}\n", ""
)
PARTS = "include: [a.yaml]\n" + GOOD.replace("restricted: [social-networking]\n", "").replace(
    "Mon-Fri", "school days"
).replace("owner: b.pine", "owner: e.fern").replace("[office]", "[office, it]")


@pytest.mark.parametrize(
    ("text", "files", "said"),
    [
        (FROM_TABLE, {"a_csv": TABLE},
         ["a.csv:1: The column 'role' is missing.", "a.csv:1: There is no column 'rol'."]),
        (FROM_TABLE, {}, ["people-from[0]: 'a.csv' cannot be used: There is no such file."]),
        (FROM_TABLE.replace("[a.csv]", "a.csv, b.csv"), {}, ["people-from: 'a.csv, b.csv' looks like several"]),
        (FROM_TABLE.replace("[a.csv]", "[../a.csv]"), {}, ["'../a.csv' is not in the policy's own folder."]),
        (PARTS, {}, ["include[0]: 'a.yaml' cannot be used: There is no such file."]),
        (PARTS, {"a_yaml": "restricted: ["}, ["a.yaml:2: This is not YAML: "]),
        (PARTS, {"a_yaml": "[restricted]"}, ["a.yaml:1: An included file should have entries of a policy."]),
        (PARTS.replace("[a.yaml]", "[../a.yaml]"), {}, ["'../a.yaml' is not in the policy's own folder."]),
        (PARTS.replace("[a.yaml]", "a.yaml, b.yaml"), {}, ["include: 'a.yaml, b.yaml' looks like several file names."]),
        # What is needed deeper down cannot be in another file.
        (PARTS.replace("    title: the school's page\n", ""), {},
         ["'a.yaml' cannot be used", "purposes.page: 'title' is missing."]),
        (PARTS.replace("people:", "peple:"), {}, ["'a.yaml' cannot be used", "Did you mean 'people'?"]),
        # An entry of another kind than the one it should join is read from neither.
        ("include: [a.yaml]\n" + GOOD.replace("owner: b.pine", "owner: e.fern"), {"a_yaml": "people: [e.fern]"},
         ["a.yaml:1: people: 'people' is here twice; the first is in policy.yaml, line 11."]),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_all_that_is_said_of_what_may_be_in_it(
    text: str, files: dict[str, str], said: list[str], tmp_path: Path
) -> None:
    lines = told(text, tmp_path, **files)
    assert len(lines) == len(said), lines
    for part in said:
        assert any(part in line for line in lines), lines


def test_a_name_is_looked_up_where_the_people_are_known_though_one_has_a_fault(
    tmp_path: Path,
) -> None:
    text = GOOD.replace("role: governor", "role: king").replace("owner: b.pine", "owner: c.fir")
    assert [line.partition(":")[0] for line in told(text, tmp_path)] == ["12", "21"]


def test_a_broken_file_of_the_catalogue_makes_no_site_unknown(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "a.yaml").write_text("facebook: [")
    (tmp_path / "policy.yaml").write_text(GOOD)
    with pytest.raises(PolicyError) as refused:
        load_policy(tmp_path / "policy.yaml", tmp_path / "sites")
    [line] = str(refused.value).split("\n")
    assert line.startswith("sites/a.yaml:")
