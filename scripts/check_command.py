"""`schoolgate check`: every fault of a policy at once."""

from __future__ import annotations

import json
from pathlib import Path

import click

from rules.loading import PolicyError, load_policy
from scripts.common import json_option, policy_option


@click.command()
@policy_option
@json_option
def check(policy: Path, as_json: bool) -> None:
    """Check a policy and say all of its faults. Exit status 1 if there are any."""
    try:
        loaded = load_policy(policy)
    except PolicyError as error:
        if as_json:
            faults = [
                {
                    "file": fault.file,
                    "line": fault.line,
                    "key": fault.key,
                    "fault": fault.fault,
                    "remedy": fault.remedy,
                }
                for fault in error.faults
            ]
            click.echo(json.dumps({"policy": str(policy), "ok": False, "faults": faults}, indent=2))
        else:
            count = len(error.faults)
            click.echo(str(error))
            click.echo(f"{count} fault{'s' if count != 1 else ''} in {policy}.", err=True)
        raise SystemExit(1) from error
    facts = {
        "policy": str(policy),
        "ok": True,
        "faults": [],
        "digest": loaded.digest,
        "people": len(loaded.people),
        "restricted_sites": len(loaded.restricted),
        "purposes": len(loaded.purposes),
    }
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    click.echo(
        f"{policy} is sound: {facts['people']} people, {facts['restricted_sites']} restricted"
        f" sites, {facts['purposes']} school purposes."
    )
