"""`schoolgate doctor`: what is wrong with this installation, and what to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from addon.doctor.finding import Finding, Verdict, broken, good, look
from addon.doctor.patient import Patient
from addon.doctor.rounds import EXAMINATIONS, examine
from addon.endpoint import Endpoint
from addon.gateway.applying import Gateway
from addon.gateway.facts import Facts
from addon.state_folder import lists_folder
from rules.loading import PolicyError, load_policy
from rules.policy import Policy
from scripts.common import (
    Sorry,
    json_option,
    policy_option,
    portal_option,
    record_option,
    state_option,
)
from scripts.gateway_command import findings_at
from scripts.gateway_options import read_facts
from storage.events import WORKERS

_COLOURS = {Verdict.GOOD: "green", Verdict.LOOK: "yellow", Verdict.BROKEN: "red"}
_WIDTH = max(map(len, Verdict))


@click.command()
@portal_option
@click.option(
    "--workers",
    type=click.IntRange(1, WORKERS),
    envvar="SCHOOLGATE_WORKERS",
    show_envvar=True,
    help="How many workers there should be. [default: as many as have been]",
)
@state_option
@record_option
@policy_option
@json_option
def doctor(
    portal: Endpoint, workers: int | None, state: Path, url: str | None, policy: Path, as_json: bool
) -> None:
    """Look this installation over, and say what to do about what is wrong.

    Exit status 0 if nothing is to be done, 1 otherwise. Root sees more than others.
    """
    judged, faults = _judged(policy, state)
    facts, stand = _facts(state)
    patient = Patient(
        state.absolute(), policy, judged, faults, facts, portal, workers, datetime.now(UTC), url
    )

    def gateway(_: Patient) -> Iterator[Finding]:
        yield from stand
        if facts is not None and judged is not None:
            yield from _gateway(state, judged)

    found = examine(patient, examinations=(*EXAMINATIONS, ("gateway", gateway)))
    if as_json:
        click.echo(json.dumps([one.as_json() for one in found], indent=2, ensure_ascii=False))
    else:
        _say(found)
    sys.stdout.flush()
    sys.exit(1 if any(one.wants_something for one in found) else 0)


def _judged(policy: Path, state: Path) -> tuple[Policy | None, str]:
    try:
        return load_policy(policy, lists=lists_folder(state)), ""
    except PolicyError as error:
        return None, str(error)


def _facts(state: Path) -> tuple[Facts | None, list[Finding]]:
    """What stands of a gateway, and what cannot be read of it."""
    here = Gateway(state)
    path = here.stand.folder / here.facts_file.name
    try:
        if not path.exists():
            return None, [good("gateway", "None is in force here; browsers are told of the proxy.")]
        return read_facts(path), []
    except PermissionError:
        return None, []  # the state folder is hidden, which is said more than once
    except (Sorry, OSError) as error:
        return None, [
            broken("gateway", str(error).replace("\n", " "), "Run 'schoolgate gateway apply'.")
        ]


def _gateway(state: Path, policy: Policy) -> Iterator[Finding]:
    """What `schoolgate gateway status` finds different from what should be in force.

    What it finds good the doctor has looked at more closely.
    """
    try:
        for one in findings_at(state, policy):
            if one.good and one.what == "gateway":
                yield good(one.what, one.found)
            elif one.good and one.remedy:
                yield look(one.what, one.found, one.remedy)
            elif not one.good:
                yield broken(one.what, one.found, one.remedy)
    except Sorry as error:
        yield broken("gateway", str(error), "Run 'schoolgate gateway status'.")


def _say(found: Sequence[Finding]) -> None:
    width = max(len(one.what) for one in found)
    for one in found:
        mark = click.style(f"{one.verdict:<{_WIDTH}}", fg=_COLOURS.get(one.verdict))
        click.echo(f"{mark}  {one.what:<{width}}  {' '.join((one.found, one.remedy)).strip()}")
    wanting = sum(one.wants_something for one in found)
    hidden = sum(one.verdict is Verdict.UNSEEN for one in found)
    said = "All is well." if not wanting else f"{wanting} of {len(found)} want somebody to look."
    if hidden:
        said += f" {hidden} could not be seen by this user."
    click.echo(said)
