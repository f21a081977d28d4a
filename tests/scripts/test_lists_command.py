"""`schoolgate lists` as people type it."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from scripts.cli import main
from tests.rules.policies import small_policy
from tests.rules.test_catalogue import rows
from tests.support.list_server import ListServer, answer, content, list_server

Run = Callable[..., Result]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def run(state: Path) -> Run:
    def run(*words: object) -> Result:
        command = ["lists", *map(str, words), "--state", str(state)]
        return CliRunner().invoke(main, command, catch_exceptions=False)

    return run


@pytest.fixture
def server() -> Iterator[ListServer]:
    with list_server() as server:
        server.pages["/list"] = content(b"larch.example\noak.example\nbad name\n", ETag='"1"')
        yield server


def sources(state: Path, **entries: dict[str, Any]) -> None:
    (state / "lists").mkdir(parents=True, exist_ok=True)
    (state / "lists" / "sources.yaml").write_text(yaml.safe_dump(entries), encoding="utf-8")


def test_a_list_is_imported_and_its_source_is_written_out(
    run: Run, state: Path, server: ListServer
) -> None:
    result = run("import", "trees", server.at("/list"), "--without", "oak.example")
    assert result.exit_code == 0
    said, _, entry = result.output.partition("\n\n")
    assert said.splitlines() == [
        f"trees: 1 names with all below (domains) from {server.at('/list')}.",
        "1 left out, as you or the list itself say.",
        "1 passed over: not a name or an address.",
        f"  {server.at('/list')}:3: 'bad name' is not a name or an address.",
    ]
    as_source, _, as_entry = entry.partition("\n\nThe list counts only once the policy names it")
    assert yaml.safe_load(as_entry.partition("\n\n")[2]) == {
        "lists": {"trees": {"name": "a listed site", "categories": ["social-networking"]}}
    }
    sources(state, **yaml.safe_load(as_source.partition("\n\n")[2]))
    assert run("update").output == "None of the 1 lists is due.\n"
    assert run("update", "trees").output == "trees: nothing new.\n"


def test_a_folder_is_imported_with_its_parts(run: Run, tmp_path: Path) -> None:
    (tmp_path / "trees").write_text("include:larch\noak.example @ads\n", encoding="utf-8")
    (tmp_path / "larch").write_text(
        "# larches\nfull:larch.example\nregexp:^l[0-9]$\n", encoding="utf-8"
    )
    result = run("import", "trees", tmp_path, "--part", "trees @-ads", "--json")
    facts = json.loads(result.output)
    assert facts["entries"] == {"host": 1, "pattern": 1}
    assert facts["skipped"] == {"not among the attributes asked for": 1}
    assert (facts["format"], facts["origin"], facts["faults"]) == ("v2fly", str(tmp_path), [])


def test_what_of_a_list_is_not_used_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "trees").write_text(
        "||oak.example^\n||larch.example/wood^\n/tree[0-9]+/\n||fastly.net/wood^\n", "utf-8"
    )
    said = (
        "Patterns are not used (1): names that only a pattern fits do not reach the gate.\n",
        "Hosts that others have names below, and paths there, are not used (1).\n",
        "Paths are used (2) if the policy says 'paths: decrypted' for this list.\n",
    )
    imported, stats = run("import", "trees", tmp_path / "trees"), run("stats")
    for line in said:
        assert line in imported.stdout
        assert f"  {line}" in stats.stdout


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["import", "trees", "gone"], 1, "/gone.\n"),
        (["import", "Trees!", "x"], 2, "cannot be the name of a list"),
        (["import", "trees", "ftp://x/y"], 2, "is not an address"),
        (["update"], 1, "Write a file that says where your lists are"),
        (["diff"], 2, "Give the NAME of a list, or --against a folder."),
        (["diff", "trees", "--from", "x"], 1, "There is no list at "),
        (["diff", "--against", "https://lists.example/"], 2, "fetch it first"),
        (["diff", "--against", "gone"], 1, "There is no gone."),
        (["stats", "--sources", "gone"], 1, "There is no gone."),
        (
            ["stats", "--policy", "gone"],
            1,
            "The policy has faults, so its essentials are not known.",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    run: Run, words: list[str], status: int, message: str
) -> None:
    result = run(*words)
    assert (result.exit_code, message in result.stderr) == (status, True), result.stderr
    assert result.stdout == ""


def test_one_failure_does_not_stop_the_other_lists(
    run: Run, state: Path, server: ListServer
) -> None:
    server.pages["/gone"] = answer(404)
    sources(
        state,
        a={"where": server.at("/gone"), "every": "1d"},
        b={"where": server.at("/list"), "every": "1d"},
    )
    result = run("update")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"{server.at('/gone')} cannot be fetched: there is nothing at this address any more. "
        "The last good copy, if any, stays.",
        "b: 2 names with all below.",
    ]
    stats = run("stats").output
    assert "a: not in force.\n  The last attempt failed: " in stats
    assert "there is nothing at this address any more." in stats
    assert "import it first" not in stats
    assert "b: 2 names with all below, of " in stats
    assert "  1 passed over: not a name or an address.\n" in stats
    assert stats.startswith("Catalogue: ")
    assert json.loads(run("update", "b", "--json").output) == [{"name": "b", "unchanged": True}]
    assert "No list 'c' is among the sources (a, b)." in run("update", "c").stderr


def test_faulty_sources_are_said_with_their_lines(run: Run, state: Path) -> None:
    sources(state, a={"wher": "x"})
    result = run("update")
    assert result.exit_code == 1
    assert (
        "sources.yaml:2: a.wher: There is no entry 'wher' here. Did you mean 'where'?"
        in result.stderr
    )


def test_what_an_update_would_change_is_shown_and_not_done(
    run: Run, state: Path, server: ListServer
) -> None:
    sources(state, trees={"where": server.at("/list"), "every": "1w"})
    run("update")
    server.pages["/list"] = content(b"elm.example\noak.example\n")
    shown = run("diff", "trees").output
    assert shown.splitlines() == [
        "+ elm.example",
        "- larch.example",
        "trees: 1 more, 1 gone, of 2 entries.",
    ]
    facts = json.loads(run("diff", "trees", "--from", server.at("/list"), "--json").output)
    assert facts == {
        "name": "trees",
        "before": 2,
        "after": 2,
        "gained": ["elm.example"],
        "lost": ["larch.example"],
    }
    assert "2 names with all below" in run("stats").output
    assert "trees is refused, for 1 of the 2 entries" in run("update", "--all").output
    assert run("update", "--all", "--accept-loss").output == "trees: 2 names with all below.\n"
    assert json.loads(run("stats", "--json").output)["lists"][0]["about"]["entries"] == {
        "domain": 2
    }


def test_the_catalogue_is_held_against_lists_of_others(run: Run, tmp_path: Path) -> None:
    lists = {
        "facebook": "facebook.com\nmade-up-facebook.example\ninstagram.com\n",
        "trees": "larch.example\n",
        "all": "include:facebook\ninclude:trees\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    result = run("diff", "--against", tmp_path, "--part", "all")
    assert result.output.splitlines() == [
        "facebook: 1 of 3 names in 'facebook' missing",
        "  made-up-facebook.example",
        "instagram.com in 'facebook' belongs to instagram, not facebook",
        "Lists with no name in the catalogue: trees (1).",
        "2 of 4 names are recognised; 1 of 3 lists have names of sites in the catalogue.",
    ]
    rows = json.loads(run("diff", "--against", tmp_path, "--json").output)
    assert [(row["name"], row["total"]) for row in rows] == [
        ("all", 0),
        ("facebook", 3),
        ("trees", 1),
    ]


def test_a_policy_may_name_lists_that_are_not_there_yet(
    run: Run, tmp_path: Path, server: ListServer
) -> None:
    policy = small_policy()
    policy["lists"] = {"trees": {"name": "A tree site", "categories": ["social-networking"]}}
    policy["essentials"] = ["oak.example"]
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(policy), encoding="utf-8")
    result = run("import", "trees", server.at("/list"), "--policy", path)
    assert "'oak.example' (part of oak.example, which stays open)" in result.stderr
    result = run(
        "import", "trees", server.at("/list"), "--policy", path, "--without", "oak.example"
    )
    assert result.exit_code == 0
    assert "lists/sources.yaml" in result.output
    assert "The list counts only once" not in result.output  # the policy names it


def test_a_list_that_nobody_has_fetched_yet_is_said_to_be_missing(run: Run, state: Path) -> None:
    sources(state, a={"where": "https://lists.example/a", "every": "1d"})
    stats = run("stats").output
    assert "a: not in force.\n  There is no list at " in stats
    assert "The last attempt failed" not in stats


def test_progress_is_shown_on_a_terminal_only(
    run: Run, server: ListServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("import", "trees", server.at("/list")).stderr == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "trees" in run("import", "trees", server.at("/list")).stderr
    assert run("import", "trees", server.at("/list"), "--json").stderr == ""


@pytest.mark.skipif("SCHOOLGATE_V2FLY" not in os.environ, reason="set SCHOOLGATE_V2FLY=FOLDER")
def test_the_catalogue_has_all_of_v2flys_lists_of_its_networks_but_what_is_left_out_for_a_reason(
    run: Run,
) -> None:
    """FOLDER is `data/` of the public project v2fly/domain-list-community."""
    measured = run("diff", "--against", os.environ["SCHOOLGATE_V2FLY"], "--json")
    ours = [one for one in json.loads(measured.output) if one["site"]]
    assert len(ours) >= 28
    assert sum(one["recognised"] for one in ours) >= 840
    missing = {name for one in ours for name in one["missing"]}
    assert missing <= {host for (host,) in rows("v2fly_left_out.txt")}
