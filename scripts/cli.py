"""`schoolgate`: one command, a file for each subcommand, each loaded only when it is used."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from scripts.usage import in_words

_SUBCOMMANDS = {
    "run": "scripts.run_command:run",
    "check": "scripts.check_command:check",
    "explain": "scripts.explain_command:explain",
    "replay": "scripts.replay_command:replay",
    "lists": "scripts.lists_command:lists",
    "who": "scripts.who_command:who",
    "identity": "scripts.identity_command:identity",
    "ca": "scripts.ca_command:ca",
    "report": "scripts.report_command:report",
    "access": "scripts.access_command:access",
    "gateway": "scripts.gateway_command:gateway",
    "record": "scripts.record_command:record",
    "centre": "scripts.centre_command:centre",
    "portal": "scripts.portal_command:portal",
    "doctor": "scripts.doctor_command:doctor",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_SUBCOMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _SUBCOMMANDS:
            return None
        module, _, attribute = _SUBCOMMANDS[name].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        with in_words():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: click.Context) -> Any:
        with in_words():
            return super().invoke(ctx)


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="schoolgate")
def main() -> None:
    """The gate on a school's internet connection.

    Social networking sites open for school purposes; everything else passes untouched.
    Exit status: 0 done, 1 the answer is no or something is wrong, 2 wrong usage.
    """


if __name__ == "__main__":
    sys.exit(main())
