"""What the subcommands share: options, addresses and how an error is said."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from addon.endpoint import EndpointType
from addon.kept_policy import KeptPolicy
from addon.record_address import RECORD_VARIABLE
from addon.state_folder import lists_folder
from rules.loading import SHIPPED_POLICY, PolicyError, load_policy
from rules.policy import Policy
from rules.proof import load_proven_policy
from storage.events import WORKERS

Command = Callable[..., Any]

LATER: Final = 75
"""The exit status that says: not now, but perhaps in some minutes."""

# Click would turn what cannot be read into wrong usage (exit status 2); here it is a fault of the
# set-up, and whoever opens the file or folder says so better.
A_PATH = click.Path(path_type=Path, readable=False)


class Sorry(click.ClickException):
    """An error for a person: one sentence on standard error, exit status 1, no traceback."""

    def show(self, file: Any = None) -> None:
        click.echo(self.format_message(), err=True)


class NotNow(Sorry):
    """What stands in the way may pass by itself: one sentence, exit status 75 (EX_TEMPFAIL of
    sysexits.h), on which `schoolgate run` tries again within minutes.
    """

    exit_code = LATER


class WrongUsage(Sorry):
    """What was typed cannot be meant: likewise one sentence, exit status 2."""

    exit_code = 2


def state_option(command: Command) -> Command:
    """`--state DIR`."""
    return click.option(
        "--state",
        type=A_PATH,
        default=Path("var"),
        envvar="SCHOOLGATE_STATE",
        show_envvar=True,
        show_default=True,
        help="The folder with the record, the certificates and the secrets.",
    )(command)


class RecordUrl(click.ParamType[str]):
    """The address of a record on a PostgreSQL server."""

    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        # SQLAlchemy takes a moment to load, and most commands have no such address.
        from storage.record_url import RecordUrlError, has_password

        try:
            seen = has_password(value)
        except RecordUrlError as error:
            raise WrongUsage(str(error)) from error
        source = ctx.get_parameter_source(param.name) if ctx and param and param.name else None
        if seen and source is ParameterSource.COMMANDLINE:
            click.echo(
                "Everybody on this computer can read the password in --record: put it in the file"
                " that PGPASSFILE names or in ~/.pgpass, or the whole address in"
                f" {RECORD_VARIABLE}.",
                err=True,
            )
        return value


def record_option(command: Command) -> Command:
    """`--record URL`, as `url`; None for the file in the state folder."""
    return click.option(
        "--record",
        "url",
        type=RecordUrl(),
        metavar="URL",
        envvar=RECORD_VARIABLE,
        show_envvar=True,
        help="A PostgreSQL database with the record, instead of a file in --state:"
        " postgresql+psycopg://schoolgate@db.school.example/schoolgate. Its password is better kept"
        " in the file that PGPASSFILE names, or in ~/.pgpass.",
    )(command)


def policy_option(command: Command) -> Command:
    """`--policy FILE`."""
    return click.option(
        "--policy",
        type=A_PATH,
        default=SHIPPED_POLICY,
        envvar="SCHOOLGATE_POLICY",
        show_envvar=True,
        help="The YAML file with the school's policy. [default: the policy that is shipped]",
    )(command)


def portal_option(command: Command) -> Command:
    """`--portal HOST:PORT`."""
    return click.option(
        "--portal",
        type=EndpointType(),
        default="127.0.0.1:8081",
        show_default=True,
        envvar="SCHOOLGATE_PORTAL",
        show_envvar=True,
        help="Where the portal listens.",
    )(command)


def workers_option(words: str) -> Callable[[Command], Command]:
    """`--workers N`, 1 if it is not said; `words` are its help."""
    return click.option(
        "--workers",
        type=click.IntRange(1, WORKERS),
        default=1,
        show_default=True,
        envvar="SCHOOLGATE_WORKERS",
        show_envvar=True,
        help=words,
    )


def json_option(command: Command) -> Command:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="For machines.")(command)


def policy_at(path: Path, state: Path) -> Policy:
    """The policy, with the lists that the state folder keeps. Raises Sorry with all its faults."""
    return _loaded(load_policy, path, state)


def proven_policy_at(path: Path, state: Path) -> Policy:
    """The policy, which has passed its own tests too, as the gate asks. Raises Sorry."""
    return _loaded(load_proven_policy, path, state)


def _loaded(load: Callable[..., Policy], path: Path, state: Path) -> Policy:
    try:
        return load(path, lists=lists_folder(state))
    except PolicyError as error:
        raise Sorry(f"The policy has faults, so it cannot be used.\n{error}") from error


def policy_in_force(path: Path, state: Path) -> Policy:
    """The policy in its files or, while they have faults, the one that the gate itself goes by.

    Without it a machine that starts just then would stand open. Raises Sorry.
    """
    try:
        return proven_policy_at(path, state)
    except Sorry:
        if (kept := _kept_policy(path, state)) is None:
            raise
    click.echo(
        "The policy's files have faults (see 'schoolgate check'), so the rules go by the copy of"
        " the policy that is in force.",
        err=True,
    )
    return kept


def _kept_policy(path: Path, state: Path) -> Policy | None:
    kept = KeptPolicy(state, path)
    with suppress(PolicyError):
        if last := kept.last():
            return kept.read(last)
    return None
