"""A policy in several files: included files, and tables of people."""

# ruff: noqa: E501 - messages are compared whole

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rules.faults import PolicyError
from rules.policy import Policy
from rules.request import Role

Load = Callable[..., Policy]


def faults(load: Load, policy: Any) -> list[str]:
    with pytest.raises(PolicyError) as refused:
        load(policy)
    return str(refused.value).split("\n")


class TestIncluding:
    def test_files_join_as_if_they_were_one(
        self, load: Load, policy: dict[str, Any], tmp_path: Path
    ) -> None:
        (tmp_path / "parts").mkdir()
        (tmp_path / "parts" / "people.yaml").write_text(
            "people:\n  e.fern: {name: Fern, role: employee}\n"
            "restricted: [youtube]\nessentials: [gov.uk]\ninclude: [parts/more.yaml]\n"
        )
        (tmp_path / "parts" / "more.yaml").write_text("reviewed-by: The committee\n")
        policy["include"] = ["parts/people.yaml"]
        rules = load(policy)
        assert "e.fern" in rules.people
        assert rules.restricted == {"facebook", "tiktok", "youtube"}
        assert rules.essentials == {"gov.uk"}
        assert rules.reviewed_by == "The committee"
        assert [file.name for file in rules.files] == [
            "networks.yaml",
            "policy.yaml",
            "people.yaml",
            "more.yaml",
        ]
        assert rules.spots["people.e.fern"].file == "parts/people.yaml"

    @pytest.mark.parametrize(
        ("files", "included", "said"),
        [
            ({"a.yaml": "include: [policy.yaml]"}, "a.yaml",
             "a.yaml:1: include[0]: 'policy.yaml' is already part of this policy. Name it once."),
            ({"a.yaml": "include: [b.yaml]", "b.yaml": "include: [a.yaml]"}, "a.yaml",
             "b.yaml:1: include[0]: 'a.yaml' is already part of this policy. Name it once."),
            ({"a.yaml": "school: {name: Another}"}, "a.yaml",
             "a.yaml:1: school.name: 'name' is here twice; the first is in policy.yaml, line 2."
             " Keep one of them."),
            ({"a.yaml": "restricted: {all: yes}"}, "a.yaml",
             "a.yaml:1: restricted: 'restricted' is here twice; the first is in policy.yaml, line"),
            ({"a.yaml": "[1]"}, "a.yaml",
             "a.yaml:1: An included file should have entries of a policy. Begin it with 'people:'"),
            ({"a.yaml": "'"}, "a.yaml", "a.yaml:1: This is not YAML: "),
            ({"a.yaml": "people: {e: {name: E, role: king}}"}, "a.yaml",
             "a.yaml:1: people.e.role: 'king' is not a role."),
            ({}, "../policy.yaml", "'../policy.yaml' is not in the policy's own folder. Put the"),
            ({}, "/etc/passwd", "'/etc/passwd' is not in the policy's own folder."),
            ({}, "a\x00b", "This line"),
            ({}, ".", "'.' cannot be used: This is a folder, not a file. Check its name."),
        ],
    )  # fmt: skip
    def test_what_cannot_be_included_is_said(
        self,
        load: Load,
        policy: dict[str, Any],
        tmp_path: Path,
        files: dict[str, str],
        included: str,
        said: str,
    ) -> None:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        policy["include"] = [included]
        lines = faults(load, policy)
        assert any(said in line for line in lines) or "\x00" in included, lines

    def test_a_link_out_of_the_folder_is_not_followed(
        self, load: Load, policy: dict[str, Any], tmp_path: Path
    ) -> None:
        (tmp_path / "out.yaml").symlink_to("/etc/hostname")
        (tmp_path / "ring.yaml").symlink_to("ring.yaml")
        policy["include"] = ["out.yaml", "ring.yaml"]
        lines = faults(load, policy)
        assert "'out.yaml' is not in the policy's own folder." in lines[0]
        assert "'ring.yaml'" in lines[1]

    def test_there_is_a_bound_to_how_many(
        self, load: Load, policy: dict[str, Any], tmp_path: Path
    ) -> None:
        names = [f"part-{n}.yaml" for n in range(40)]
        for name in names:
            (tmp_path / name).write_text("essentials: [gov.uk]")
        policy["include"] = names
        [line] = faults(load, policy)
        assert line.endswith("include[31]: A policy has at most 32 files. Join some.")

    def test_what_is_no_list_of_names_is_said_by_the_form(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        policy["include"] = {"people.yaml": "yes"}
        [line] = faults(load, policy)
        assert line.endswith(
            "include: This should be a list of file names. Write it like [one, two]."
        )
        policy["include"] = "people.yaml, purposes.yaml"
        [line] = faults(load, policy)
        assert line.endswith(
            "include: 'people.yaml, purposes.yaml' looks like several file names. "
            "Put brackets round them: [people.yaml, purposes.yaml]."
        )

    def test_one_name_alone_is_added_to_a_list_and_a_list_to_it(
        self, load: Load, policy: dict[str, Any], tmp_path: Path
    ) -> None:
        (tmp_path / "more.yaml").write_text("essentials: nhs.uk\nnot-decrypted: [tiktok]\n")
        policy |= {"include": "more.yaml", "essentials": ["gov.uk"], "not-decrypted": "facebook"}
        joined = load(policy)
        assert joined.essentials == {"gov.uk", "nhs.uk"}
        assert joined.not_decrypted == {"facebook", "tiktok"}
        (tmp_path / "more.yaml").write_text("essentials: {nhs.uk: yes}\n")
        [line] = faults(load, policy)
        assert "'essentials' is here twice" in line

    def test_people_from_one_table(
        self, load: Load, policy: dict[str, Any], tmp_path: Path
    ) -> None:
        (tmp_path / "people.csv").write_text("id,name,role\ne.fern,Fern,employee\n")
        policy["people-from"] = "people.csv"
        assert load(policy).people["e.fern"].name == "Fern"


HEADER = "id,name,role,groups,addresses,devices\n"


class TestTablesOfPeople:
    @pytest.mark.parametrize(
        "table",
        [
            HEADER + "e.fern,Fern,employee,office it,10.0.0.9 fd00::9,A4-5E-60-01-02-03\n",
            "\ufeff" + HEADER.replace("\n", "\r\n")
            + '\r\ne.fern,Fern,employee,"office, it","10.0.0.9;fd00::9",a45e.6001.0203\r\n,,,,,\r\n',
            HEADER.replace(",", "\t")
            + "e.fern\tFern\temployee\toffice,it\t10.0.0.9 fd00::9\ta4:5e:60:01:02:03",
            "\ufeffsep=;\r\n" + HEADER.replace(",", ";")
            + "e.fern;Fern;employee;office,it;10.0.0.9,fd00::9;a4:5e:60:01:02:03\r\n",
            '"SEP=|"\n' + HEADER.replace(",", "|")
            + "e.fern|Fern|employee|office,it|10.0.0.9,fd00::9|a4:5e:60:01:02:03\n",
            HEADER.replace(",", ";").upper()
            + "e.fern;Fern;employee;office,it;10.0.0.9,fd00::9;a4:5e:60:01:02:03",
        ],
    )  # fmt: skip
    def test_are_read_as_spreadsheets_write_them(
        self, load: Load, policy: dict[str, Any], tmp_path: Path, table: str
    ) -> None:
        (tmp_path / "staff.csv").write_bytes(table.encode())
        policy["people-from"] = ["staff.csv"]
        rules = load(policy)
        person = rules.people["e.fern"]
        assert (person.name, person.role, person.groups) == (
            "Fern",
            Role.EMPLOYEE,
            {"office", "it"},
        )
        assert rules.addresses["10.0.0.9"] == rules.addresses["fd00::9"] == "e.fern"
        assert rules.devices == {"a4:5e:60:01:02:03": "e.fern"}
        assert rules.spots["people.e.fern"].file == "staff.csv"

    def test_may_hold_all_the_people(
        self, load: Load, policy: dict[str, Any], tmp_path: Path
    ) -> None:
        rows = "a.larch,Ash,employee,office\nb.pine,Bay,governor,\n"
        (tmp_path / "staff.csv").write_text("id,name,role,groups\n" + rows)
        del policy["people"]
        policy["people-from"] = ["staff.csv"]
        assert list(load(policy).people) == ["a.larch", "b.pine"]

    @pytest.mark.parametrize(
        ("table", "said"),
        [
            (b"id,name,role\ne,E,employee\ne,E,employee\n",
             "staff.csv:3: 'e' is here twice; the first is on line 2."),
            (b"id,name,role\na.larch,Ash,employee\n",
             "staff.csv:2: people.a.larch: 'a.larch' is here twice; the first is in"),
            (b"sep=;\nid;name;rolle\n", "staff.csv:2: There is no column 'rolle'. Did you mean"),
            (b"sep=,\nid,name,role\ne,E,king\n", "staff.csv:3: people.e.role: 'king' is not a role."),
            (b"sep=;\n", "staff.csv:1: The column 'id' is missing."),
            (b"id,name\ne,E\n", "staff.csv:1: The column 'role' is missing. The columns are:"),
            (b"id,name,rolle\n", "staff.csv:1: There is no column 'rolle'. Did you mean 'role'?"),
            (b"id,name,role,role\n", "staff.csv:1: The column 'role' is there twice. Keep one of"),
            (b"id,name,role\ne,E\n",
             "staff.csv:2: This line has 2 cells, and the first line has 3 columns. Put"),
            (b"id,name,role\ne,E,king\n", "staff.csv:2: people.e.role: 'king' is not a role."),
            (b"id,name,role\nE F,E,employee\n", "staff.csv:2: people.E F: 'E F' cannot be a name"),
            (b"id,name,role\n\x85,E,employee\n", "staff.csv:1: The table is not UTF-8."),
            ("id,name,role\n\u200b,E,employee\n".encode(), "staff.csv:2: people: "),
            ("id,name,role\n".encode("utf-16"), "staff.csv:1: The table is saved as UTF-16. Save it"),
            (b"", "staff.csv:1: This is not a table. Save it as CSV UTF-8, with a line of"),
            (b"id\x00", "staff.csv:1: This is not a table."),
            (b'id,name,role\na,A,employee\n"e,E,employee\n',
             "staff.csv:3: A quote that opens in this line is not closed, or closes too early."),
            (b"PK\x03\x04\x14\x00", "staff.csv:1: This is a spreadsheet's own file. Save it as CSV"),
            (b"x" * 1024 * 1025, "staff.csv:1: The table is too large: more than 1,024 KB."),
            (HEADER.encode() + b"".join(b"p%d,P,employee,,,\n" % n for n in range(10_001)),
             "staff.csv:10002: There are more than 10,000 people. Is it the right file?"),
            (None, "'staff.csv' cannot be used: There is no such file. Check its name."),
        ],
    )  # fmt: skip
    def test_what_is_wrong_with_one_is_said_with_its_line(
        self, load: Load, policy: dict[str, Any], tmp_path: Path, table: bytes | None, said: str
    ) -> None:
        if table is not None:
            (tmp_path / "staff.csv").write_bytes(table)
        policy["people-from"] = ["staff.csv"]
        lines = faults(load, policy)
        assert any(said in line for line in lines), lines

    def test_beside_people_that_are_no_mapping_is_one_fault(
        self, load: Load, policy: dict[str, Any], tmp_path: Path
    ) -> None:
        (tmp_path / "staff.csv").write_text("id,name,role,groups\nb.pine,B,governor,office\n")
        policy |= {"people-from": ["staff.csv"], "people": []}
        assert "people: This should be people by name." in faults(load, policy)[0]

    def test_outside_the_folder_is_not_read(self, load: Load, policy: dict[str, Any]) -> None:
        policy["people-from"] = ["../staff.csv"]
        assert "is not in the policy's own folder" in faults(load, policy)[0]


def test_there_have_to_be_people(load: Load, policy: dict[str, Any]) -> None:
    del policy["people"]
    policy["purposes"] = {}
    assert faults(load, policy) == [
        "policy.yaml:1: There are no people. Add 'people:', or 'people-from:' a table."
    ]
