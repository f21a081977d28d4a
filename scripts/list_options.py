"""What the subcommands of `schoolgate lists` share: their options, and what those lead to."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from rules.lists.bundles import Recipe
from rules.lists.formats import Format
from rules.lists.sources import Source, load_sources, parse_name, parse_origin
from rules.loading import PolicyError, load_policy
from rules.policy import Policy
from scripts.common import Command, Sorry, WrongUsage

# The entry of a list in a policy, as faults name it.
_LIST = re.compile(r"lists\.([a-z0-9][a-z0-9.-]*)")


class Read(click.ParamType[str]):
    """A word that a function of the rules understands."""

    def __init__(self, parse: Callable[[str], str], name: str) -> None:
        self._parse, self.name = parse, name

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        try:
            return self._parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


NAME, WHERE = Read(parse_name, "NAME"), Read(parse_origin, "WHERE")


def recipe_options(command: Command) -> Command:
    """`--format`, `--part` and `--column`."""
    for option in (
        click.option("--column", default="", help="The column of a table with the names in it."),
        click.option(
            "--part",
            "parts",
            multiple=True,
            help="A list or category of a folder or archive; for v2fly also 'facebook @-ads'. "
            "Can be given several times.",
        ),
        click.option(
            "--format", "format_", type=click.Choice(list(Format)), help="[default: found out]"
        ),
    ):
        command = option(command)
    return command


accept_loss_option = click.option(
    "--accept-loss", is_flag=True, help="Accept a list that has lost more than a third."
)
sources_option = click.option(
    "--sources",
    type=click.Path(path_type=Path),
    envvar="SCHOOLGATE_SOURCES",
    show_envvar=True,
    help="The YAML file that says where lists are. [default: lists/sources.yaml in the state]",
)


def recipe_of(format_: str | None, parts: tuple[str, ...], column: str) -> Recipe:
    """How to read a list, from the options."""
    return Recipe(Format(format_) if format_ else None, parts, column)


def policy_of(path: Path) -> Policy:
    """The policy, for its essentials and its catalogue; without its long lists.

    The first list is brought in before there is a file for the policy to read it from, so a list
    that is missing is no fault here.
    """
    with TemporaryDirectory() as folder:
        for _ in range(2):
            try:
                return load_policy(path, lists=Path(folder))
            except PolicyError as error:
                found = error
            for fault in found.faults:
                if match := _LIST.fullmatch(fault.key):
                    (Path(folder) / f"{match[1]}.txt").touch()
        raise Sorry(f"The policy has faults, so its essentials are not known.\n{found}") from found


def sources_in(path: Path) -> dict[str, Source]:
    """The sources in a file, by name."""
    if not path.exists():
        raise Sorry(
            f"There is no {path}. Write a file that says where your lists are, "
            "or bring one in with 'schoolgate lists import'."
        )
    try:
        return dict(load_sources(path))
    except PolicyError as error:
        raise Sorry(str(error)) from error


def source_of(name: str, sources: dict[str, Source]) -> Source:
    """One of the sources."""
    if name not in sources:
        known = ", ".join(sources) or "none"
        raise WrongUsage(f"No list '{name}' is among the sources ({known}).")
    return sources[name]
