"""`schoolgate centre`: the PostgreSQL database to which the gateways of many schools forward."""

from __future__ import annotations

import json

import click

from scripts.common import Command, Sorry, json_option
from scripts.record_forwarding import address_of
from storage.centre.address import CentreError
from storage.centre.setting_up import Access, School, schools, set_up
from storage.centre.setting_up import add_reader as make_reader
from storage.centre.setting_up import add_school as make_school
from storage.centre.setting_up import new_password as another_password


@click.group()
def centre() -> None:
    """A trust's database, to which its schools' gateways forward their records."""


def _at_option(command: Command) -> Command:
    return click.option(
        "--at",
        "url",
        required=True,
        metavar="URL",
        envvar="SCHOOLGATE_CENTRE",
        show_envvar=True,
        help="The centre: postgresql://ROLE@HOST/DATABASE, with a role that may make roles.",
    )(command)


@centre.command()
@_at_option
def init(url: str) -> None:
    """Make the centre's tables in an empty database, or bring them up to date."""
    try:
        set_up(address_of(url))
    except CentreError as error:
        raise Sorry(str(error)) from error
    click.echo("The centre is ready. Add each school with 'schoolgate centre add-school'.")


@centre.command("add-school")
@click.argument("name")
@click.option(
    "--timezone", default="Europe/London", show_default=True, help="Its weeks are by this."
)
@click.option("--new-password", is_flag=True, help="For a school that is there: another password.")
@_at_option
def add_school(name: str, timezone: str, new_password: bool, url: str) -> None:
    """Add the school NAME, and print the role and the password with which its gateway signs in.

    The password is shown this once. The role can add sealed batches of its own school's record and
    read them, and nothing else.
    """
    address = address_of(url)
    try:
        access = (
            another_password(address, name)
            if new_password
            else make_school(address, name, timezone)
        )
    except CentreError as error:
        raise Sorry(str(error)) from error
    _show(access)


@centre.command("add-reader")
@click.argument("name")
@_at_option
def add_reader(name: str, url: str) -> None:
    """Add a role that reads the trust's weekly figures, and no event and no name."""
    try:
        access = make_reader(address_of(url), name)
    except CentreError as error:
        raise Sorry(str(error)) from error
    _show(access)
    click.echo("It reads schoolgate.weeks and schoolgate.standing.", err=True)


@centre.command("list")
@json_option
@_at_option
def list_schools(as_json: bool, url: str) -> None:
    """Show the schools, and when each was last heard of."""
    try:
        found = schools(address_of(url))
    except CentreError as error:
        raise Sorry(str(error)) from error
    if as_json:
        click.echo(json.dumps([_facts(school) for school in found], indent=2))
        return
    for school in found or ():
        heard = f"{school.heard:%-d %B %Y %H:%M %Z}" if school.heard else "never"
        click.echo(f"{school.name}: last heard {heard}, seal {school.last:,}, role {school.role}")
    if not found:
        click.echo("The centre has no school yet.")


def _show(access: Access) -> None:
    click.echo(f"Role: {access.role}\nPassword: {access.password}")
    click.echo(
        f"For the gateway's PGPASSFILE: *:*:*:{access.role}:{access.password}\n"
        "It is shown this once, and kept nowhere.",
        err=True,
    )


def _facts(school: School) -> dict[str, object]:
    return {
        "name": school.name,
        "role": school.role,
        "records": school.records,
        "last_seal": school.last,
        "heard": school.heard.isoformat() if school.heard else None,
    }
