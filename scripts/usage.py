"""Wrong usage, said in a sentence: what was wrong, what there is, and where to read on.

Click's own words ("0 is not in the range 1<=x<=60") are for those who write programs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from rules.faults import suggestion
from scripts.common import WrongUsage


@contextmanager
def in_words() -> Iterator[None]:
    """Turns click's complaints about what was typed into WrongUsage (exit status 2)."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise  # a command without its subcommand shows its help
    except click.UsageError as error:
        more = f" See '{error.ctx.command_path} --help'." if error.ctx else ""
        raise WrongUsage(f"{_said(error)}{more}") from error


def _said(error: click.UsageError) -> str:
    match error:
        case click.exceptions.NoSuchCommand():
            near = suggestion(error.command_name, _commands(error.ctx))
            return f"There is no command '{error.command_name}'. {near}".rstrip()
        case click.NoSuchOption():
            near = (
                f" Did you mean {' or '.join(error.possibilities)}?" if error.possibilities else ""
            )
            return f"There is no option {error.option_name} here.{near}"
        case click.MissingParameter():
            return f"{_name(error)} is missing."
        case click.BadOptionUsage():
            return f"{error.option_name} needs something after it."
        case click.BadParameter():
            return f"{_name(error)}: {_wrong(error)}"
    extra = "Got unexpected extra argument"
    if error.message.startswith(extra):
        found = error.message.partition("(")[2].rstrip(").")
        return f"There is nothing to do with {found!r} here."
    return error.format_message()


def _wrong(error: click.BadParameter) -> str:
    match error.param.type if error.param else None:
        case click.IntRange(min=least, max=most):
            return f"Give a whole number from {least} to {most}."
        case click.Choice(choices=words):
            found = error.message.partition(" is not ")[0]
            return f"{found} is none of {', '.join(map(str, words))}."
    return error.message


def _name(error: click.BadParameter) -> str:
    """The option or argument as it is typed or, if it stood there, the variable it came from."""
    param, ctx = error.param, error.ctx
    if param is None or ctx is None:
        return "Something"
    if (
        param.name
        and ctx.get_parameter_source(param.name) is click.core.ParameterSource.ENVIRONMENT
    ):
        return str(param.envvar)
    return param.opts[0] if isinstance(param, click.Option) else str(param.make_metavar(ctx))


def _commands(ctx: click.Context | None) -> list[str]:
    group = ctx.command if ctx else None
    return group.list_commands(ctx) if ctx and isinstance(group, click.Group) else []
