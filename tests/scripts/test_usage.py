"""What is said to whoever types something that cannot be meant: one sentence, exit status 2."""

# ruff: noqa: E501 - sentences are compared whole

from __future__ import annotations

import pytest
from click.testing import CliRunner

from scripts.cli import main

TABLE = [
    ("nonsense", "There is no command 'nonsense'. See 'schoolgate --help'."),
    ("chek", "There is no command 'chek'. Did you mean 'check'? See 'schoolgate --help'."),
    ("report overvew", "There is no command 'overvew'. Did you mean 'overview'? See 'schoolgate report --help'."),
    ("--nope", "There is no option --nope here. See 'schoolgate --help'."),
    ("check --jsn", "There is no option --jsn here. Did you mean --json? See 'schoolgate check --help'."),
    ("check a.yaml b.yaml", "There is nothing to do with 'b.yaml' here. See 'schoolgate check --help'."),
    ("explain", "URL|REFERENCE|- is missing. See 'schoolgate explain --help'."),
    ("explain x.com --at", "--at needs something after it."),
    ("explain x.com --at Tuesday", "'Tuesday' is not a time; write it like '2026-11-23 08:30', or '2026-11-23' for the beginning of the day."),
    ("explain x.com --as nobody.known", "The policy knows nobody called 'nobody.known'."),
    ("replay --since 2026-02-30", "'2026-02-30' is not a time;"),
    ("report overview --weeks 0", "--weeks: Give a whole number from 1 to 60. See 'schoolgate report overview --help'."),
    ("report overview --weeks 1.5", "--weeks: Give a whole number from 1 to 60. See"),
    ("report overview --format pdf", "--format: 'pdf' is none of text, json. See"),
    ("lists import", "NAME is missing. See 'schoolgate lists import --help'."),
    ("lists import A! x", "NAME: 'A!' cannot be the name of a list; use small letters, figures and hyphens. See"),
    ("lists diff", "Give the NAME of a list, or --against a folder. See 'schoolgate lists diff --help'."),
    ("run --mode sideways", "--mode: 'sideways' is none of "),
    ("run --listen here", "--listen: 'here' is not an address and a port; it reads like 127.0.0.1:8081. See"),
    ("run --listen 127.0.0.1:9 --portal 127.0.0.1:9", "The proxy and the portal cannot both listen on 127.0.0.1:9; give two ports."),
    ("run --portal-url gate", "'gate' is not an address for --portal-url, such as "),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "said"), TABLE, ids=[typed for typed, _ in TABLE])
def test_wrong_usage_is_one_sentence_and_exit_status_2(
    typed: str, said: str, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where a state folder would be made, if it got that far
    shown = CliRunner().invoke(main, typed.split(), prog_name="schoolgate")
    assert shown.stderr.startswith(said)
    assert len(shown.stderr.splitlines()) == 1
    assert shown.exit_code == 2
    assert shown.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_what_a_variable_holds_is_told_by_its_name(monkeypatch) -> None:
    monkeypatch.setenv("SCHOOLGATE_MODE", "sideways")
    shown = CliRunner().invoke(main, ["run"], prog_name="schoolgate")
    assert shown.stderr.startswith("SCHOOLGATE_MODE: 'sideways' is none of ")
    assert shown.exit_code == 2


@pytest.mark.parametrize("group", [[], ["lists"], ["report"]])
def test_a_command_without_its_subcommand_shows_what_there_is(group: list[str]) -> None:
    shown = CliRunner().invoke(main, group, prog_name="schoolgate")
    assert "Commands:" in shown.output
    assert shown.exit_code == 2
