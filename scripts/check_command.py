"""`schoolgate check`: every fault of a policy at once, then its own tests, then what to look at."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from addon.authority.report import AuthorityReport, authority_report
from addon.kept_policy import KeptPolicy
from addon.record_room import little_room
from addon.state_folder import lists_folder
from addon.status import read_all
from rules.faults import Fault
from rules.lint import lint
from rules.loading import PolicyError, load_policy
from rules.policy import Policy
from rules.policy_tests import TrialResult, run_policy_tests
from scripts.common import A_PATH, json_option, policy_option, state_option


@click.command()
@click.argument("file", type=A_PATH, required=False)
@policy_option
@state_option
@json_option
def check(file: Path | None, policy: Path, state: Path, as_json: bool) -> None:
    """Check a policy: all of its faults at once, its own tests, and what is worth a second look.

    Exit status 1 if there is a fault or a test that fails; such a policy never takes effect.
    """
    policy = file or policy
    try:
        loaded = load_policy(policy, lists=lists_folder(state))
    except PolicyError as error:
        if as_json:
            _say_json(policy, state, error.faults)
        else:
            click.echo(str(error))
            click.echo(f"{_counted(len(error.faults), 'fault')} in {policy}.", err=True)
            _say_what_stays(policy, state)
        raise SystemExit(1) from error
    results = run_policy_tests(loaded)
    now = datetime.now(UTC)
    notes = lint(loaded, now.astimezone(loaded.school.timezone).date())
    authority = authority_report(state, loaded, now)
    if as_json:
        _say_json(policy, state, (), loaded, results, notes, authority)
    else:
        _say(policy, state, loaded, results, notes)
        for sentence in authority.problems:
            click.echo(sentence)
        running = [each.status.record for each in read_all(state, now) if each.status]
        for note in little_room(state, running).values():
            click.echo(str(note))
    if not all(result.passed for result in results):
        raise SystemExit(1)


def _say_what_stays(path: Path, state: Path, policy: Policy | None = None) -> None:
    if kept := KeptPolicy(state, path).last():
        since = kept.since.astimezone(policy.school.timezone if policy else None)
        click.echo(
            f"The gate in {state} stays with the policy in force since {since:%a %d %b %Y, %H:%M},"
            " of which it keeps a copy.",
            err=True,
        )


def _say(
    path: Path,
    state: Path,
    policy: Policy,
    results: tuple[TrialResult, ...],
    notes: tuple[Fault, ...],
) -> None:
    failed = [result for result in results if not result.passed]
    if results:
        Console().print(_table(results))
    for result in failed:
        click.echo(str(result))
    if notes:
        click.echo("Worth a second look:")
        for note in notes:
            click.echo(f"  {note}")
    if failed:
        click.echo(f"{_counted(len(failed), 'test')} of {path} failed.", err=True)
        _say_what_stays(path, state, policy)
        return
    click.echo(
        f"{path} is sound: {_counted(len(policy.people), 'person', 'people')},"
        f" {_counted(len(policy.restricted), 'restricted site')},"
        f" {_counted(len(policy.purposes), 'school purpose')},"
        f" {_counted(len(results), 'test')} passed."
    )


def _table(results: tuple[TrialResult, ...]) -> Table:
    table = Table(title="The policy's own tests", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("", "Who, and when"):
        table.add_column(heading, no_wrap=True)
    table.add_column("What, and why", overflow="fold")
    table.add_column("Should", no_wrap=True)
    for result in results:
        trial = result.trial
        table.add_row(
            "ok" if result.passed else "FAILED",
            f"{trial.who or 'nobody known'}\n{trial.when:%a %Y-%m-%d %H:%M}",
            f"{trial.what.removeprefix('https://').removesuffix('/')}\n{trial.why}",
            "open" if trial.opens else "be refused",
        )
    return table


def _say_json(
    path: Path,
    state: Path,
    faults: tuple[Fault, ...],
    policy: Policy | None = None,
    results: tuple[TrialResult, ...] = (),
    notes: tuple[Fault, ...] = (),
    authority: AuthorityReport | None = None,
) -> None:
    kept = KeptPolicy(state, path).last()
    facts: dict[str, Any] = {
        "policy": str(path),
        "ok": not faults and all(result.passed for result in results),
        # What the gate in the state folder goes by, whatever these files say now.
        "in_force": kept and {"digest": kept.digest, "since": kept.since.isoformat()},
        "faults": [_fault_json(fault) for fault in faults],
    }
    if policy:
        facts |= {
            "digest": policy.digest,
            "people": len(policy.people),
            "restricted_sites": len(policy.restricted),
            "purposes": len(policy.purposes),
            "tests": [_result_json(result) for result in results],
            "notes": [_fault_json(note) for note in notes],
            "authority": list(authority.problems) if authority else [],
        }
    click.echo(json.dumps(facts, indent=2, ensure_ascii=False))


def _result_json(result: TrialResult) -> dict[str, Any]:
    trial = result.trial
    return {
        "file": trial.file,
        "line": trial.line,
        "who": trial.who,
        "when": trial.when.isoformat(),
        "what": trial.what,
        "opens": trial.opens,
        "why": trial.why,
        "passed": result.passed,
        "reason": result.decision.reason,
    }


def _fault_json(fault: Fault) -> dict[str, str | int]:
    return {
        "file": fault.file,
        "line": fault.line,
        "key": fault.key,
        "fault": fault.fault,
        "remedy": fault.remedy,
    }


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
