"""What `schoolgate run` does to have the record's head kept somewhere else every day."""

from __future__ import annotations

import functools
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from addon.kept_heads import want
from scripts.chores import Chore
from scripts.common import A_PATH, Command
from scripts.mail_options import EmailType, MailOptions, mail_options
from scripts.record_head import refuse_inside
from scripts.run_front import module


@dataclass(frozen=True, slots=True)
class Heads:
    """What was typed about it."""

    file: Path | None
    by_mail: bool
    mail_to: str | None
    mail: MailOptions

    def check(self, state: Path) -> None:
        """Raises WrongUsage for what cannot be meant."""
        if self.file:
            refuse_inside(self.file, state)
        if self.by_mail or self.mail_to:
            self.mail.check()

    def chores(self, state: Path, policy: Path) -> list[Chore]:
        """None where nothing was asked for. What has been done today is not done again, so that the
        chore itself is there every hour, and no restart sends a second mail.
        """
        words = ["--to", str(self.file.absolute())] if self.file else []
        words += ["--mail"] if self.by_mail else []
        words += ["--mail-to", self.mail_to] if self.mail_to else []
        if not words:
            with suppress(OSError):
                want(state, {})
            return []
        command = [
            *module("scripts.cli"),
            *("record", "head", "--once-a-day", *words, *self.mail.words()),
            *("--state", str(state), "--policy", str(policy)),
        ]
        return [Chore("Keeping the record's head elsewhere", command, wanted=None)]


def head_options(command: Command) -> Command:
    """`--head-to`, `--head-mail` and what mail needs, together as `heads`."""

    @click.option(
        "--head-to",
        type=A_PATH,
        metavar="FILE",
        envvar="SCHOOLGATE_HEAD_TO",
        show_envvar=True,
        help="Add the record's newest seal to FILE every day, such as one on a share: only a seal"
        " that is kept elsewhere shows that the newest part of the record was cut off.",
    )
    @click.option(
        "--head-mail",
        is_flag=True,
        envvar="SCHOOLGATE_HEAD_MAIL",
        show_envvar=True,
        help="Mail it to the chair of governors every day.",
    )
    @click.option(
        "--head-mail-to",
        type=EmailType(),
        metavar="ADDRESS",
        envvar="SCHOOLGATE_HEAD_MAIL_TO",
        show_envvar=True,
        help="Mail it to this address instead.",
    )
    @mail_options
    @functools.wraps(command)
    def with_heads(
        *arguments: Any,
        head_to: Path | None,
        head_mail: bool,
        head_mail_to: str | None,
        mail: MailOptions,
        **others: Any,
    ) -> Any:
        heads = Heads(head_to, head_mail, head_mail_to, mail)
        return command(*arguments, heads=heads, **others)

    wrapped: Command = with_heads
    return wrapped
