"""What the subcommands share: options, addresses and how an error is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from addon.state_folder import lists_folder
from rules.loading import SHIPPED_POLICY, PolicyError, load_policy
from rules.policy import Policy

Command = Callable[..., Any]

# Click would turn what cannot be read into wrong usage (exit status 2); here it is a fault of the
# set-up, and whoever opens the file or folder says so better.
A_PATH = click.Path(path_type=Path, readable=False)


class Sorry(click.ClickException):
    """An error for a person: one sentence on standard error, exit status 1, no traceback."""

    def show(self, file: Any = None) -> None:
        click.echo(self.format_message(), err=True)


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


def json_option(command: Command) -> Command:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="For machines.")(command)


def policy_at(path: Path, state: Path) -> Policy:
    """The policy, with the lists that the state folder keeps. Raises Sorry with all its faults."""
    try:
        return load_policy(path, lists=lists_folder(state))
    except PolicyError as error:
        raise Sorry(f"The policy has faults, so it cannot be used.\n{error}") from error
