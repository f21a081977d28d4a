"""`schoolgate identity`: the secrets and sign-in codes that knowing people needs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from addon.identity.secret_files import LOGONS, SecretError, make_secret, radius_secret_name
from addon.identity.sign_in_codes import CodeError, issue
from rules.lengths import parse_length
from scripts.common import Sorry, policy_at, policy_option, state_option


@click.group()
def identity() -> None:
    """Secrets of RADIUS clients and of the Windows domain, and codes for signing in."""


@identity.command()
@click.argument("name", metavar="radius.CLIENT|logons")
@state_option
@policy_option
def secret(name: str, state: Path, policy: Path) -> None:
    """Make the secret NAME, in place of the one before, and show it, this once.

    radius.CLIENT is shared with that RADIUS client of the policy's, logons with the computer that
    reports logons.
    """
    radius = policy_at(policy, state).identity.radius
    known = [radius_secret_name(client.name) for client in (radius.clients if radius else ())]
    if name != LOGONS and name not in known:
        raise Sorry(
            f"There is no secret called {name!r}; it can be: {', '.join([*known, LOGONS])}."
        )
    _has_to_be_there(state)
    try:
        click.echo(make_secret(state, name))
    except SecretError as error:
        raise Sorry(str(error)) from error
    if name != LOGONS:
        click.echo("If Schoolgate is running, restart it, or send it SIGHUP.", err=True)


@identity.command()
@click.argument("who", metavar="PERSON")
@click.option("--lasts", default="24 hours", show_default=True, help="How long it can be used.")
@state_option
@policy_option
def code(who: str, lasts: str, state: Path, policy: Path) -> None:
    """Make a code with which PERSON can sign in once at the portal, and show it."""
    rules = policy_at(policy, state)
    person = rules.people.get(who)
    if person is None:
        raise Sorry(f"The policy knows nobody called {who!r}.")
    _has_to_be_there(state)
    try:
        length = parse_length(lasts)
        click.echo(issue(state, person.id, length, datetime.now(UTC)))
    except (ValueError, CodeError) as error:
        raise Sorry(str(error)) from error


def _has_to_be_there(state: Path) -> None:
    """A folder that is made here would be the wrong one, or of an account that cannot run it."""
    if not state.is_dir():
        what = "is no folder" if state.exists() else "is not there"
        raise Sorry(f"{state} {what}: run Schoolgate once, or name its folder with --state.")
