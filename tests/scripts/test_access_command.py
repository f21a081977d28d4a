"""`schoolgate access`, as it is typed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from scripts.cli import main
from scripts.common import WrongUsage
from scripts.moments import length, moment_or_hour
from storage.access import Step, What, access_history, changing_access
from storage.database import open_record
from tests.support.running_gate import POLICY

SCHOOL = ZoneInfo("Europe/London")
DECLARED = """
declared:
  lesson:
    title: preparing a lesson
    who: [office]
    sites: [x, reddit]
    longest: 45 minutes
    approval: not-needed
    a-day: 2
    owner: rowan.example
    review: 2030-09-01
  concern:
    title: looking into a concern
    who: [staff]
    sites: [facebook]
    longest: 2 hours
    owner: rowan.example
    review: 2030-09-01
"""
PEOPLE = """people:
  rowan.example: {name: Rowan Example, role: employee}
"""
FERN, BY_FERN = "fern.example", ["--by", "fern.example"]
LESSON = ["--purpose", "lesson", *BY_FERN]
BY_ROWAN = ["--by", "rowan.example"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    open_record(state)
    return state


@pytest.fixture
def schoolgate(tmp_path: Path, state: Path):  # type: ignore[no-untyped-def]
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.read_text().replace("people:\n", PEOPLE) + DECLARED)

    def run(*arguments: str, where: Path = state) -> Result:
        return CliRunner().invoke(
            main, [*arguments, "--state", str(where), "--policy", str(policy)]
        )

    return run


@pytest.fixture
def access(schoolgate):  # type: ignore[no-untyped-def]
    return lambda *arguments, **more: schoolgate("access", *arguments, **more)


def test_a_grant_is_given_and_said_and_on_record(access, state) -> None:
    done = access("grant", FERN, "x", "--for", "30m", *LESSON, "--words", "Year 6\n assembly")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("Fern Example may use X (Twitter) until ")
    assert "preparing a lesson (“Year 6 assembly”) (lesson#1, granted by Fern" in done.stdout
    (step,) = access_history(open_record(state))
    assert step.until - step.starts == timedelta(minutes=30)
    assert (step.person, step.by, step.site, step.purpose) == (FERN, FERN, "x", "lesson")
    assert step.words == "Year 6 assembly"


def test_a_site_can_be_called_by_its_domain(access, state) -> None:
    assert access("grant", FERN, "www.reddit.com", "--for", "1m", *LESSON).exit_code == 0
    assert access_history(open_record(state))[0].site == "reddit"


def test_a_grant_may_begin_later_in_the_schools_time(access, state) -> None:
    times = ["--from", "2030-07-01 10:00", "--until", "2030-07-01 10:40"]
    done = access("grant", FERN, "x", *times, *LESSON)
    assert "from Monday 1 July 2030 at 10:00 until Monday 1 July 2030 at 10:40" in done.stdout
    (step,) = access_history(open_record(state))
    assert step.starts == datetime(2030, 7, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["fern.exmaple", "x", "--for", "5m", *LESSON], 2, "Did you mean 'fern.example'?"),
        ([FERN, "facebok", "--for", "5m", *LESSON], 2, "Did you mean 'facebook'?"),
        ([FERN, "not a site!", "--for", "5m", *LESSON], 2, "no site 'not a site!'"),
        ([FERN, "x", "--for", "5m", "--purpose", "leson", *BY_FERN], 2, "mean 'lesson'?"),
        ([FERN, "x", "--for", "5m", "--purpose", "lesson", "--by", "me"], 2, "nobody called 'me'"),
        ([FERN, "x", "--for", "46m", *LESSON], 1, "opens a site for 45 minutes at most."),
        ([FERN, "facebook", "--for", "5m", *LESSON], 1, "it is for X (Twitter) and Reddit, not"),
        ([FERN, "x", "--until", "2020-01-01 09:00", *LESSON], 1, "would end before it begins."),
        ([FERN, "x", "--until", "25:00", *LESSON], 2, "'25:00' is not a time"),
        ([FERN, "x", "--for", "0m", *LESSON], 2, "'0m' is not a length of time"),
        ([FERN, "x", "--for", "5m", *LESSON, "--reason", "x" * 501], 1, "500 characters"),
        ([FERN, "facebook", "--for", "5m", "--purpose", "concern", *BY_FERN], 1, "Somebody else"),
        ([FERN, "x", *LESSON], 2, "either --for or --until"),
        ([FERN, "x", "--for", "5m", "--until", "09:00", *LESSON], 2, "either --for or --until"),
        ([FERN, "x", "--for", "5m", "--purpose", "lesson"], 2, "--by"),
        ([FERN], 2, "SITE"),
    ],
)
def test_what_cannot_be_granted_is_said_and_leaves_nothing(
    access, state, arguments: list[str], code: int, said: str
) -> None:
    refused = access("grant", *arguments)
    assert (refused.exit_code, refused.stdout) == (code, "")
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert access_history(open_record(state)) == ()


def test_a_day_has_only_as_many_as_the_policy_says(access) -> None:
    for _ in range(2):
        assert access("grant", FERN, "x", "--for", "1m", *LESSON).exit_code == 0
    refused = access("grant", FERN, "reddit", "--for", "1m", *LESSON)
    assert refused.exit_code == 1
    assert "has had it 2 times that day" in refused.stderr


def test_a_revocation_ends_the_grants_of_one_site_or_of_all(access) -> None:
    access("grant", FERN, "x", "--for", "5m", *LESSON)
    access("grant", FERN, "reddit", "--for", "5m", *LESSON)
    done = access("revoke", FERN, "x", *BY_ROWAN, "--reason", "it was done")
    assert done.stdout == "Fern Example's grants for X (Twitter) have ended.\n"
    assert "Reddit" in access("list").stdout
    assert "X (Twitter)" not in access("list").stdout
    again = access("revoke", FERN, "x", *BY_ROWAN)
    assert (again.exit_code, again.stdout) == (1, "")
    assert access("revoke", FERN, *BY_ROWAN).exit_code == 0
    assert access("list").stdout == "Nothing is granted, and nobody's web access is withdrawn.\n"


def test_access_is_withdrawn_with_a_reason_and_restored(access) -> None:
    access("grant", FERN, "x", "--for", "5m", *LESSON)
    assert access("withdraw", FERN, *BY_ROWAN).exit_code == 2
    assert access("withdraw", FERN, "--reason", " ", *BY_ROWAN).exit_code == 2
    done = access("withdraw", FERN, "--reason", "a test of it", *BY_ROWAN)
    assert done.stdout == "Fern Example's web access is withdrawn. These stay open: nothing.\n"
    listed = access("list", FERN).stdout
    assert "withdrawn since" in listed
    assert listed.endswith("by Rowan Example: a test of it\n")
    twice = access("withdraw", FERN, "--reason", "another", *BY_ROWAN)
    assert twice.exit_code == 1
    assert "a test of it" in twice.stderr
    refused = access("grant", FERN, "x", "--for", "5m", *LESSON)
    assert "a grant would open nothing" in refused.stderr
    assert access("restore", FERN, *BY_ROWAN).stdout == ("Fern Example's web access is restored.\n")
    assert access("restore", FERN, *BY_ROWAN).exit_code == 1
    assert "Nothing is granted" in access("list").stdout


def test_the_history_says_who_did_what(access) -> None:
    assert access("list", "--history").stdout == "Nothing was granted or withdrawn yet.\n"
    access("grant", FERN, "x", "--for", "5m", *LESSON)
    access("revoke", FERN, *BY_ROWAN)
    access("withdraw", FERN, "--reason", "a test", *BY_ROWAN)
    access("restore", FERN, *BY_ROWAN)
    lines = access("list", "--history").stdout.splitlines()
    said = ["granted Fern Example X", "Rowan Example revoked", "withdrew", "restored"]
    assert len(lines) == 4
    assert all(word in line for word, line in zip(said, lines, strict=True))
    steps = json.loads(access("list", "--history", "--json").stdout)
    assert [step["what"] for step in steps] == ["grant", "revoke", "withdraw", "restore"]
    assert steps[0]["reference"] == "lesson#1"


def test_whoever_is_gone_from_the_policy_can_still_lose_and_regain(access, state) -> None:
    now = datetime.now(UTC)
    about = {"at": now, "person": "gone.example", "by": "rowan.example"}
    with changing_access(open_record(state)) as changes:
        changes.add(
            Step(what=What.GRANT, site="x", starts=now, until=now + timedelta(hours=1), **about)
        )
    assert "gone.example may use X" in access("list", "gone.example").stdout
    assert access("revoke", "gone.example", *BY_ROWAN).exit_code == 0
    with changing_access(open_record(state)) as changes:
        changes.add(Step(what=What.WITHDRAW, **about))
    assert "no reason was given" in access("list").stdout
    assert access("restore", "gone.example", *BY_ROWAN).exit_code == 0
    assert access("restore", "nobody.example", *BY_ROWAN).exit_code == 2
    assert access("list", "nobody.example").exit_code == 2


@pytest.mark.parametrize(
    "command",
    [["list"], ["restore", FERN, *BY_ROWAN], ["withdraw", FERN, "--reason", "x", *BY_ROWAN]],
)
def test_without_a_record_none_is_made(access, tmp_path: Path, command: list[str]) -> None:
    elsewhere = tmp_path / "elsewhere"
    refused = access(*command, where=elsewhere)
    assert refused.exit_code == 1
    assert "There is no record" in refused.stderr
    assert not elsewhere.exists()


def test_explain_knows_grants_and_withdrawals_at_any_time(access, schoolgate) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    access("grant", FERN, "reddit", "--for", "5m", *LESSON)
    opened = schoolgate("explain", "reddit.com", "--as", FERN).stdout
    assert opened.startswith("Allowed: Reddit is open to you until ")
    assert "Grant: lesson#1\nRule: lesson, “preparing a lesson” (policy.yaml:" in opened
    early = schoolgate("explain", "reddit.com", "--as", FERN, "--at", before.isoformat())
    assert early.stdout.startswith("Refused")
    access("withdraw", FERN, "--reason", "a test", *BY_ROWAN)
    assert "withdrawn" in schoolgate("explain", "bbc.co.uk", "--as", FERN).stdout


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("30m", 30), ("2h", 120), ("1h30m", 90), ("1 h 5 m", 65), ("2 Hours", 120)],
)  # fmt: skip
def test_lengths_are_read_as_people_write_them(text: str, minutes: int) -> None:
    assert length(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "soon", "0m", "30", "-5m", "30s", "1d", "m", "h"])
def test_what_is_no_length_is_said(text: str) -> None:
    with pytest.raises(WrongUsage, match="is not a length of time"):
        length(text)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("9:05", "2026-07-01T08:05"),
        ("2026-11-23 14:30", "2026-11-23T14:30"),
        ("2026-07-02T14:30+02:00", "2026-07-02T12:30"),
        ("2026-10-25 01:30", "2026-10-25T00:30"),  # comes twice that night: the earlier
    ],
)
def test_times_are_the_schools(text: str, utc: str) -> None:
    now = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)  # already 1 July at the school
    read = moment_or_hour(text, SCHOOL, now).astimezone(UTC)
    assert read.isoformat(timespec="minutes") == f"{utc}+00:00"


@pytest.mark.parametrize("text", ["24:00", "noon", "2026-02-30 10:00", "2026-03-29 01:30"])
def test_a_time_that_does_not_exist_is_said(text: str) -> None:
    with pytest.raises(WrongUsage, match=r"is not a time|clocks go forward"):
        moment_or_hour(text, SCHOOL, datetime(2026, 3, 29, tzinfo=UTC))
