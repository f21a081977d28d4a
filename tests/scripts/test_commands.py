"""`schoolgate check`, `explain` and `report`, as they are typed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scripts.cli import main
from storage.database import open_record
from storage.events import Event, EventIds, reference
from storage.recorder import Recorder
from tests.support.running_gate import POLICY


def schoolgate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def put_on_record(
    state: Path,
    *people: str,
    allowed: bool = False,
    outcome: str = "no-purpose",
    host: str = "www.facebook.com",
) -> list[Event]:
    """One navigation to Facebook for each person named, a minute apart, ending now."""
    database = open_record(state)
    recorder = Recorder(database)
    recorder.start()
    ids = EventIds(0, database.last_event_id())
    now = datetime.now(UTC)
    events = [
        Event(
            id=ids.next(at),
            at=at,
            person=person,
            source="address",
            address="192.0.2.7",
            site="facebook",
            host=host,
            scheme="https",
            method="GET",
            kind="navigation",
            allowed=allowed,
            outcome=outcome,
            reason="Facebook opens for school purposes only.",
            clause="school-purposes",
            policy="0123456789ab",
        )
        for number, person in enumerate(people)
        for at in [now - timedelta(minutes=len(people) - number)]
    ]
    for event in events:
        recorder.note(event)
    assert recorder.close(10) == 0
    database.dispose()
    return events


def test_help_lists_every_subcommand() -> None:
    shown = schoolgate("--help")
    assert shown.exit_code == 0
    for name in ("run", "check", "explain", "report"):
        assert name in shown.output


def test_an_unknown_subcommand_is_wrong_usage() -> None:
    assert schoolgate("nonsense").exit_code == 2


def test_the_shipped_policy_is_sound() -> None:
    checked = schoolgate("check")
    assert checked.exit_code == 0
    assert "is sound" in checked.stdout


def test_check_says_every_fault_with_its_line(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        POLICY.read_text().replace("sites: [x]", "sites: [facebok]").replace("head:", "haed:")
    )
    checked = schoolgate("check", "--policy", policy)
    assert checked.exit_code == 1
    assert "policy.yaml:" in checked.stdout
    assert "facebook" in checked.stdout
    assert "haed" in checked.stdout
    as_json = schoolgate("check", "--policy", policy, "--json")
    assert as_json.exit_code == 1
    assert len(json.loads(as_json.stdout)["faults"]) >= 2


def test_check_json_of_a_sound_policy() -> None:
    facts = json.loads(schoolgate("check", "--policy", POLICY, "--json").stdout)
    assert facts["ok"] is True
    assert facts["in_force"] is None  # no gate has run on it
    assert facts["purposes"] == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["https://www.facebook.com/", "--as", "fern.example"], "Refused: Facebook"),
        (["x.com", "--as", "fern.example"], "Allowed: X"),
        (["wss://x.com/chat", "--as", "fern.example"], "Rule: news-on-x"),
        (["https://www.linkedin.com/in/a", "--as", "fern.example"], "Came close: jobs"),
        (["https://www.facebook.com/"], "Refused"),
        (["https://www.bbc.co.uk/"], "Allowed"),
        (["x.com", "--as", "fern.example", "--at", "2026-07-01 03:00"], "Allowed: X"),
    ],
)
def test_explain_says_what_would_happen_and_why(arguments: list[str], expected: str) -> None:
    shown = schoolgate("explain", *arguments, "--policy", POLICY)
    assert shown.exit_code == 0, shown.stderr
    assert expected in shown.stdout


def test_explain_does_not_say_twice_what_a_purpose_lacked() -> None:
    asked = ["https://www.linkedin.com/in/a", "--as", "fern.example", "--policy", POLICY]
    lines = schoolgate("explain", *asked).stdout.splitlines()
    why = "“advertising posts on LinkedIn”: it is only for part of the site, /jobs."
    assert lines[0].endswith(f"You have a purpose for it, {why}")
    close = [line for line in lines if line.startswith("Came close: ")]
    assert close[0].startswith("Came close: jobs, “advertising posts on LinkedIn” (")
    assert close[0].endswith(").")
    assert close[1].endswith(", but it is for X (Twitter), not for LinkedIn.")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["https://"], "is not a web address"),
        (["ftp://x.com/"], "is not a web address"),
        (["https://face book.com/"], "is not a web address"),
        (["http://x.com:99999/"], "is not a web address"),
        (["x.com", "--as", "fern.exampel"], "nobody called 'fern.exampel'. Did you mean"),
        (["x.com", "--at", "yesterday"], "is not a time"),
        (["x.com", "--at", "0001-01-01"], "is not a time"),
        (["x.com", "--at", "2027-03-28 01:30"], "There is no 2027-03-28 01:30"),
        (["facebook"], "neither a web address"),
        (["facebook"], "for Facebook ask about one of its addresses, such as facebook.com."),
        (["x"], "for X (Twitter) ask about one of its addresses, such as x.com."),
        (["mailto:a@b"], "it reads like an e-mail address"),
        (["x.com", "--method", "G ET"], "is not a method; write it like POST"),
        (["x.com", "--method", "POST", "--action", "post"], "Give --method or --action"),
        (["myspace.com", "--action", "post"], "so there it would count as 'view'"),
        (["example.org", "--action", "post"], "no site of the catalogue"),
        (["0T5YX-A1DU0"], "nor the reference of a block page"),
    ],
)
def test_explain_says_in_a_sentence_what_it_was_given_wrongly(
    arguments: list[str], sentence: str, state: Path
) -> None:
    shown = schoolgate("explain", *arguments, "--policy", POLICY, "--state", state)
    assert shown.exit_code == 2
    assert sentence in shown.stderr
    assert "Traceback" not in shown.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["x.com", "--action", "post"], "Allowed: X"),
        (["x.com", "--action", "view"], "Refused: X"),
        (["https://x.com/i/api/graphql/a/CreateTweet", "--method", "post"], "Allowed: X"),
        (["https://x.com/i/api/graphql/a/CreateTweet"], "it is for: post; this is: view"),
        (["x.com", "--action", "react"], "it is for: post; this is: react"),
        (["x.com", "--action", "post"], "Asked about: POST x.com/i/api/graphql/x/createtweet"),
    ],
)
def test_explain_can_be_asked_about_posting(
    arguments: list[str], expected: str, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.read_text().replace("sites: [x]", "sites: [x]\n    actions: [post]"))
    shown = schoolgate("explain", *arguments, "--as", "fern.example", "--policy", policy)
    assert (shown.exit_code, expected in shown.stdout) == (0, True), shown.output


@pytest.mark.parametrize(
    ("who", "what", "at", "expected"),
    [
        (
            "willow.example",
            "reddit.com",
            "2026-11-23 10:00",
            ["Could declare: lesson, ", ", for 45 minutes at most, 2 times a day, at once."],
        ),
        (
            "willow.example",
            "reddit.com",
            "2026-11-22 10:00",
            ["at once, but not now: it is for school days, 08:00 to 18:00, and it is Sunday"],
        ),
        (
            "linden.example",
            "tiktok.com",
            "2026-11-22 10:00",
            ["Could declare: concern, ", ", for 2 hours at most, 3 times a day, after approval."],
        ),
        ("fern.example", "reddit.com", "2026-11-23 10:00", []),
        ("willow.example", "facebook.com", "2026-11-23 10:00", []),
        ("fern.example", "x.com", "2026-11-23 10:00", []),
    ],
)
def test_explain_says_what_the_person_could_declare(
    who: str, what: str, at: str, expected: list[str]
) -> None:
    shown = schoolgate("explain", what, "--as", who, "--at", at).stdout
    assert all(part in shown for part in expected), shown
    assert ("Could declare" in shown) is bool(expected)
    facts = json.loads(schoolgate("explain", what, "--as", who, "--at", at, "--json").stdout)
    assert bool(facts["could_declare"]) is bool(expected)


def test_a_reference_needs_a_record_to_be_looked_up_in(state: Path) -> None:
    shown = schoolgate("explain", "00000-00000", "--policy", POLICY, "--state", state)
    assert (shown.exit_code, "no record" in shown.stderr) == (1, True)


def test_a_reference_tells_the_decision_and_never_the_person(state: Path) -> None:
    (event,) = put_on_record(state, "fern.example")
    for form in ([], ["--json"]):
        shown = schoolgate(
            "explain", reference(event.id).lower(), "--policy", POLICY, "--state", state, *form
        )
        assert shown.exit_code == 0, shown.stderr
        assert "Facebook" in shown.stdout
        assert "fern" not in shown.stdout.lower()
        assert "192.0.2.7" not in shown.stdout


def test_a_reference_that_is_not_on_record(state: Path) -> None:
    put_on_record(state, "fern.example")
    shown = schoolgate("explain", "00000-00001", "--policy", POLICY, "--state", state)
    assert (shown.exit_code, "There is no request 00000-00001" in shown.stderr) == (1, True)


def test_explain_reads_addresses_from_standard_input() -> None:
    lines = (
        "https://www.facebook.com/\n\nx.com\nftp://nowhere\nhttps://www.gov.uk/\n"
        "facebook\nx\nmailto:a@b\nhttp://intranet/\n"
    )
    command = ["explain", "-", "--as", "fern.example", "--policy", str(POLICY)]
    shown = CliRunner().invoke(main, command, input=lines)
    assert shown.exit_code == 0
    answers = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [answer.get("allowed") for answer in answers] == [
        False, True, None, True, None, None, None, True,
    ]  # fmt: skip
    assert "not a web address" in answers[2]["error"]
    assert answers[0]["near"][0]["rule"]["id"] == "news-on-x"
    assert answers[1]["rule"]["line"] > 0


def test_check_shows_the_policys_own_tests_and_refuses_when_one_fails(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    trial = "{who: fern.example, when: 2026-11-23 10:00, what: x.com, expect: %s, why: the news}"
    policy.write_text(POLICY.read_text() + "tests:\n  - " + trial % "opens" + "\n")
    passing = schoolgate("check", "--policy", policy)
    assert passing.exit_code == 0
    assert "the news" in passing.stdout
    policy.write_text(POLICY.read_text() + "tests:\n  - " + trial % "refused" + "\n")
    failing = schoolgate("check", policy)
    assert failing.exit_code == 1
    assert "opens and should be refused (the news)" in failing.stdout
    started = schoolgate("run", "--policy", policy, "--state", tmp_path / "state")
    assert started.exit_code == 1
    assert "should be refused (the news)" in started.stderr
    facts = json.loads(schoolgate("check", "--policy", policy, "--json").stdout)
    assert (facts["ok"], facts["tests"][0]["passed"]) == (False, False)


def test_check_says_what_is_worth_a_second_look(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.read_text().replace("review: 2030-09-01", "review: 2020-09-01"))
    shown = schoolgate("check", "--policy", policy)
    assert shown.exit_code == 0
    assert "Worth a second look" in shown.stdout
    assert "2020-09-01" in shown.stdout


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(("", ""), "the same", id="the same policy"),
        pytest.param(("sites: [x]", "sites: [x, facebook]"), "newly allowed", id="a wider purpose"),
        pytest.param(
            ("sites: [x]", "sites: [x, facebook]\n    paths: [/school]"),
            "cannot be told",
            id="a purpose that needs a path nobody recorded",
        ),
        pytest.param(
            ("restricted: [social-networking]", "restricted: [x, linkedin]"),
            "no longer restricted",
            id="a site set free",
        ),
    ],
)
def test_replay_counts_what_a_new_policy_would_change_and_names_nobody(
    state: Path, tmp_path: Path, change: tuple[str, str], expected: str
) -> None:
    put_on_record(state, "fern.example", "fern.example")
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.read_text().replace(*change))
    shown = schoolgate("replay", "--policy", policy, "--state", state)
    assert shown.exit_code == 0, shown.stderr
    assert expected in shown.stdout
    assert "fern" not in shown.stdout
    facts = json.loads(schoolgate("replay", "--policy", policy, "--state", state, "--json").stdout)
    assert [(c["site"], c["change"], c["requests"]) for c in facts["changes"]] == [
        ("facebook", expected, 2)
    ]


def test_replay_tells_newly_refused_and_leaves_faults_out(state: Path, tmp_path: Path) -> None:
    put_on_record(state, "fern.example", allowed=True, outcome="purpose")
    put_on_record(state, "fern.example", outcome="internal-error")
    shown = schoolgate("replay", "--policy", POLICY, "--state", state)
    assert "newly refused" in shown.stdout
    assert "Left out: 1 that were refused for faults" in shown.stdout
    later = schoolgate("replay", "--policy", POLICY, "--state", state, "--since", "2999-01-01")
    assert "No request was decided" in later.stdout
    wrong = schoolgate("replay", "--policy", POLICY, "--state", state, "--since", "Tuesday")
    assert (wrong.exit_code, "is not a time" in wrong.stderr) == (2, True)


def test_replay_leaves_out_what_a_withdrawal_refused_however_the_policy_reads(state: Path) -> None:
    put_on_record(state, "fern.example", outcome="withdrawn")
    asked = ["replay", "--policy", POLICY, "--state", state]
    shown = schoolgate(*asked).stdout
    assert "Left out: 1 that were refused because web access was withdrawn." in shown
    put_on_record(state, "fern.example")
    shown = schoolgate(*asked).stdout
    assert "0 of 1 requests would be decided differently." in shown
    assert "Left out: 1 that were refused because web access was withdrawn." in shown
    facts = json.loads(schoolgate(*asked, "--json").stdout)
    assert facts["left_out"] == {"withdrawn": 1, "faults": 0}


def test_replay_does_not_count_what_it_cannot_tell_as_decided_differently(
    state: Path, tmp_path: Path
) -> None:
    put_on_record(state, "fern.example", "fern.example")
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        POLICY.read_text().replace("sites: [x]", "sites: [x, facebook]\n    paths: [/school]")
    )
    shown = schoolgate("replay", "--policy", policy, "--state", state).stdout
    assert "0 of 2 requests would be decided differently." in shown
    assert "Of 2 it cannot be told" in shown


def test_replay_knows_the_site_that_an_archive_showed(state: Path) -> None:
    put_on_record(state, "fern.example", host="web.archive.org")
    shown = schoolgate("replay", "--policy", POLICY, "--state", state)
    assert "0 of 1 requests would be decided differently." in shown.stdout


def test_the_overview_names_sites_and_nobody(state: Path) -> None:
    put_on_record(state, *[f"person{n}" for n in range(6)] * 4)
    text = schoolgate("report", "overview", "--policy", POLICY, "--state", state)
    assert text.exit_code == 0, text.stderr
    assert "Facebook" in text.stdout
    assert "person" not in text.stdout.replace("person.", "").replace("person ", "")
    facts = json.loads(
        schoolgate(
            "report", "overview", "--policy", POLICY, "--state", state, "--format", "json"
        ).stdout
    )
    assert facts["sites"][0]["site"] == "facebook"


def test_the_overview_of_a_state_folder_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    shown = schoolgate("report", "overview", "--state", tmp_path / "nowhere", "--policy", POLICY)
    assert shown.exit_code == 1
    assert len(shown.stderr.strip().splitlines()) == 1


def test_a_broken_policy_is_said_by_every_command(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("school: [")
    for command in (["explain", "x.com"], ["report", "overview"], ["run"]):
        shown = schoolgate(*command, "--policy", policy, "--state", tmp_path / "state")
        assert shown.exit_code == 1
        assert "policy.yaml:" in shown.stderr
    assert not (tmp_path / "state").exists()
