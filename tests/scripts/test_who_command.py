"""`schoolgate who` and `schoolgate identity`, as they are typed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from addon.identity.directory import Directory
from addon.identity.following import BindingsInForce
from addon.identity.sign_in_codes import redeem
from rules.loading import load_policy
from scripts.cli import main
from storage.bindings import Binding, write_bindings
from storage.database import open_record
from tests.support.identity import policy_with

LAPTOP, MADE_UP = "a4:5e:60:00:00:01", "a6:5e:60:00:00:02"
FERN, WILLOW = "fern.example", "willow.example"


class School:
    """A state folder and a policy, and the command on them."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        clients = {"wifi": {"addresses": ["10.9.0.1"]}}
        self.policy = policy_with(
            folder,
            {
                "sources": ["sign-in", "radius", "device", "address"],
                "radius": {"clients": clients},
                "shared": ["10.0.0.50"],
            },
            willow={"addresses": ["10.0.0.20"]},
        )
        self.database = open_record(self.state)
        self.now = datetime.now(UTC)
        self._written = 0

    def binding(self, person: str, address: str, source: str, **more: object) -> None:
        self._written += 1
        facts = {"hardware": "", "vouched": self.now, "ends": None, "ended": None, "why": ""}
        facts |= {"began": self.now - timedelta(hours=1), **more}
        write_bindings(
            self.database,
            [
                Binding(
                    id=self._written, person=person, address=address, source=source,
                    session=f"s{self._written}", confidence=90, **facts,  # type: ignore[arg-type]
                )
            ],
        )  # fmt: skip

    def run(self, *words: str) -> Result:
        where = ["--state", str(self.state), "--policy", str(self.policy)]
        return CliRunner().invoke(main, [*words, *where])

    def looks(self) -> list[str]:
        path = self.state / "looks.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line)["asked"] for line in lines]


@pytest.fixture
def school(tmp_path: Path) -> School:
    return School(tmp_path)


def test_an_address_says_who_by_which_source_how_sure_and_how_old(school: School) -> None:
    vouched = school.now - timedelta(minutes=3)
    school.binding(FERN, "10.0.0.7", "radius", hardware=LAPTOP, vouched=vouched)
    found = school.run("who", "10.0.0.7")
    assert found.exit_code == 0
    first, second = found.output.splitlines()
    assert first == "10.0.0.7: Fern Example (fern.example), certain (90 of 100), by radius."
    assert "last heard of 3 minutes before" in second
    assert LAPTOP in second
    assert school.looks() == ["10.0.0.7"]


def test_nobody_there_is_an_answer_of_no_and_no_look_at_anybody(school: School) -> None:
    found = school.run("who", "10.0.0.99")
    assert (found.exit_code, found.output) == (1, "10.0.0.99: nobody is known to be there.\n")
    assert school.looks() == []


def test_what_is_not_sure_enough_and_what_disagrees_is_shown_all_the_same(school: School) -> None:
    school.binding(FERN, "10.0.0.7", "radius", vouched=school.now - timedelta(hours=3))
    school.binding(FERN, "10.0.0.8", "radius")
    school.binding(WILLOW, "10.0.0.8", "sign-in")
    old, both = school.run("who", "10.0.0.7"), school.run("who", "10.0.0.8")
    assert (old.exit_code, both.exit_code) == (1, 1)
    assert "not sure enough" in old.output
    assert "the sources disagree" in both.output
    assert "Willow Example" in both.output


def test_a_person_is_found_at_all_addresses(school: School) -> None:
    school.binding(WILLOW, "10.0.0.8", "device", hardware=MADE_UP)
    school.binding(WILLOW, "fd00::8", "device", hardware=MADE_UP)
    school.binding(WILLOW, "10.0.0.50", "radius")
    found = school.run("who", WILLOW, "--json")
    assert found.exit_code == 0
    facts = {fact["address"]: fact for fact in json.loads(found.output)}
    assert {a: (f["person"], f["source"], f["in_words"]) for a, f in facts.items()} == {
        "10.0.0.20": (WILLOW, "address", "certain"),
        "10.0.0.50": (None, "", "unknown"),  # a shared device
        "10.0.0.8": (WILLOW, "device", "likely"),
        "fd00::8": (WILLOW, "device", "likely"),
    }
    assert facts["10.0.0.8"]["told"][0]["randomised"] is True
    assert facts["10.0.0.8"]["told"][0]["age_seconds"] < 60


def test_a_moment_in_the_past_has_what_held_then(school: School) -> None:
    ended = school.now - timedelta(minutes=30)
    school.binding(FERN, "10.0.0.7", "radius", ended=ended, vouched=ended, why="left")
    then = (school.now - timedelta(minutes=45)).isoformat()
    assert school.run("who", "10.0.0.7").exit_code == 1
    found = school.run("who", "10.0.0.7", "--at", then)
    assert found.exit_code == 0
    assert "Fern Example" in found.output
    assert "(left)" in found.output


class TestSomebodyWhoLeftThePolicy:
    """Or was renamed there: history stays under the old name."""

    def test_is_named_as_they_were_and_unidentified_to_the_gate(self, school: School) -> None:
        school.binding("gone.example", "10.0.0.7", "radius")
        found = school.run("who", "10.0.0.7")
        assert found.exit_code == 1
        first, second = found.output.splitlines()
        assert first == (
            "10.0.0.7: gone.example (not in the policy any more), certain (90 of 100), by radius."
            " To the gate the device is unidentified."
        )
        assert second.startswith("  radius: gone.example (not in the policy any more), certain")
        [fact] = json.loads(school.run("who", "10.0.0.7", "--json").output)
        assert (fact["person"], fact["in_policy"]) == ("gone.example", False)
        assert fact["told"][0]["in_policy"] is False
        # What the gate itself makes of it:
        bindings = BindingsInForce(school.database)
        bindings.look()
        policy = load_policy(school.policy)
        directory = Directory(lambda: policy, bindings.bindings)
        assert directory.person_at("10.0.0.7", school.now).person is None
        bindings.close()

    def test_is_found_by_the_old_name_where_they_were(self, school: School) -> None:
        ended = school.now - timedelta(minutes=30)
        school.binding("gone.example", "10.0.0.7", "radius", ended=ended, vouched=ended, why="left")
        then = (school.now - timedelta(minutes=45)).isoformat()
        found = school.run("who", "gone.example", "--at", then)
        assert found.exit_code == 0
        first, _ = found.output.splitlines()
        assert first == (
            "10.0.0.7: gone.example (not in the policy any more), certain (90 of 100), by radius."
        )
        assert school.looks() == ["gone.example"]

    def test_is_said_to_be_nowhere_where_they_are_not(self, school: School) -> None:
        ended = school.now - timedelta(minutes=30)
        school.binding("gone.example", "10.0.0.7", "radius", ended=ended, vouched=ended, why="left")
        found = school.run("who", "gone.example")
        assert (found.exit_code, found.output) == (
            1, "gone.example (not in the policy any more) is not known to be anywhere.\n",
        )  # fmt: skip
        early = school.run("who", "gone.example", "--at", "2020-01-01")
        assert early.output == (
            "gone.example (not in the policy any more) was not known to be anywhere.\n"
        )


@pytest.mark.parametrize("whom", ["nobody.example", "10.0.0.777"])
def test_what_is_neither_an_address_nor_a_person_is_told_so(school: School, whom: str) -> None:
    found = school.run("who", whom)
    assert found.exit_code == 1
    assert "neither an address nor a person" in found.output


def test_where_the_look_cannot_be_noted_nothing_is_shown(school: School) -> None:
    school.binding(FERN, "10.0.0.7", "radius")
    (school.state / "looks.jsonl").mkdir()
    found = school.run("who", "10.0.0.7")
    assert found.exit_code == 1
    assert "Fern" not in found.output


def test_a_secret_is_made_and_shown_once(school: School) -> None:
    found = school.run("identity", "secret", "radius.wifi")
    assert found.exit_code == 0
    path = school.state / "secrets" / "radius.wifi"
    assert path.read_text().strip() in found.output
    assert path.stat().st_mode & 0o777 == 0o600
    assert school.run("identity", "secret", "radius.other").exit_code == 1


def test_a_code_is_made_for_a_person_of_the_policys(school: School) -> None:
    found = school.run("identity", "code", FERN)
    assert found.exit_code == 0
    assert redeem(school.state, FERN, found.output, datetime.now(UTC))
    assert school.run("identity", "code", "nobody.example").exit_code == 1
    assert school.run("identity", "code", FERN, "--lasts", "long").exit_code == 1


@pytest.mark.parametrize("words", [("identity", "code", FERN), ("identity", "secret", "logons")])
@pytest.mark.parametrize("there", [False, True])
def test_a_state_folder_that_is_none_is_named_in_one_sentence(
    tmp_path: Path, words: tuple[str, ...], there: bool
) -> None:
    state = tmp_path / "elsewhere"
    if there:
        state.write_text("")
    said = CliRunner().invoke(main, [*words, "--state", str(state)])
    what = "is no folder" if there else "is not there"
    assert said.output == (
        f"{state} {what}: run Schoolgate once, or name its folder with --state.\n"
    )
    assert said.exit_code == 1


def test_of_a_time_to_come_nothing_is_said(tmp_path: Path) -> None:
    done = School(tmp_path).run("who", "10.0.0.20", "--at", "2099-01-01")
    assert done.exit_code == 2
    assert done.output == "'2099-01-01' has not come yet, so nobody can know who is where then.\n"
