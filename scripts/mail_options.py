"""The options that say by which server mail goes, for `run` and for `record head`."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from addon.mail import MailServer
from rules.readers import parse_email
from scripts.common import A_PATH, Command, Sorry, WrongUsage

PASSWORD: Final = "SCHOOLGATE_SMTP_PASSWORD"  # noqa: S105 - the variable's name
"""The password itself is in this variable, or in a file; never among the words of a command, which
everybody on the computer can read."""

_SUBMISSION, _RELAY = 587, 25
_WHERE: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:\[\]/@]+))(?::([0-9]{1,5}))?")


class ServerType(click.ParamType[tuple[str, int | None]]):
    """`HOST`, `HOST:PORT` or `[IPV6]:PORT`."""

    name = "host[:port]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int | None]:
        found = _WHERE.fullmatch(value)
        port = int(found[3]) if found and found[3] else None
        if found is None or (port is not None and not 1 <= port <= 65535):
            self.fail(f"{value!r} is not a mail server; write it like 'mail.school.example:587'.")
        return found[1] or found[2], port


class EmailType(click.ParamType[str]):
    """An address to write to, or from."""

    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return parse_email(value)
        except ValueError as error:
            self.fail(str(error))


@dataclass(frozen=True, slots=True)
class MailOptions:
    """As they were typed."""

    smtp: tuple[str, int | None] | None
    user: str
    password_file: Path | None
    authorities: Path | None
    sender: str | None

    def server(self) -> MailServer:
        """Raises WrongUsage where none was named, and Sorry without the password."""
        self.check()
        assert self.smtp
        host, port = self.smtp
        port = port or (_SUBMISSION if self.user else _RELAY)
        password = self._password() if self.user else ""
        return MailServer(host, port, self.user, password, self.authorities)

    def check(self) -> None:
        """Raises WrongUsage unless a server was named."""
        if self.smtp is None:
            raise WrongUsage(
                "By which server is the mail to go? Name it with --smtp HOST (SCHOOLGATE_SMTP)."
            )

    def words(self) -> list[str]:
        """The same for a command of our own, without the password."""
        host, port = self.smtp or ("", None)
        where = f"[{host}]" if ":" in host else host
        typed = {
            "--smtp": f"{where}:{port}" if port else where,
            "--smtp-user": self.user,
            "--smtp-password-file": self.password_file and str(self.password_file.absolute()),
            "--smtp-ca": self.authorities and str(self.authorities.absolute()),
            "--mail-from": self.sender,
        }
        return [word for option, value in typed.items() if value for word in (option, value)]

    def _password(self) -> str:
        path = self.password_file
        if path is None:
            if password := os.environ.get(PASSWORD):
                return password
            raise Sorry(
                f"The password of {self.user} is missing: put it in a file and name that with"
                f" --smtp-password-file, or in {PASSWORD}."
            )
        try:
            password = path.read_text("utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            raise Sorry(f"{path} cannot be read as the file with the mail password.") from error
        if not password:
            raise Sorry(f"{path} is empty: put the mail password in it.")
        return password


_OPTIONS: Final = (
    click.option(
        "--smtp",
        type=ServerType(),
        metavar="HOST[:PORT]",
        envvar="SCHOOLGATE_SMTP",
        show_envvar=True,
        help="The mail server. Port 465 is encrypted from the first, any other by STARTTLS where"
        " the server offers it. [default port: 587 with --smtp-user, 25 without]",
    ),
    click.option(
        "--smtp-user",
        metavar="NAME",
        default="",
        envvar="SCHOOLGATE_SMTP_USER",
        show_envvar=True,
        help=f"Whom to log in as. The password is in --smtp-password-file or in {PASSWORD}.",
    ),
    click.option(
        "--smtp-password-file",
        type=A_PATH,
        metavar="FILE",
        envvar="SCHOOLGATE_SMTP_PASSWORD_FILE",
        show_envvar=True,
        help="A file with the password and nothing else.",
    ),
    click.option(
        "--smtp-ca",
        type=A_PATH,
        metavar="FILE",
        envvar="SCHOOLGATE_SMTP_CA",
        show_envvar=True,
        help="A PEM file with the mail server's authority, where that is not a public one.",
    ),
    click.option(
        "--mail-from",
        type=EmailType(),
        metavar="ADDRESS",
        envvar="SCHOOLGATE_MAIL_FROM",
        show_envvar=True,
        help="Whom the mail is from. [default: the policy's IT contact]",
    ),
)


def mail_options(command: Command) -> Command:
    """The options, together as `mail`."""

    @functools.wraps(command)
    def with_mail(
        *arguments: Any,
        smtp: tuple[str, int | None] | None,
        smtp_user: str,
        smtp_password_file: Path | None,
        smtp_ca: Path | None,
        mail_from: str | None,
        **others: Any,
    ) -> Any:
        mail = MailOptions(smtp, smtp_user, smtp_password_file, smtp_ca, mail_from)
        return command(*arguments, mail=mail, **others)

    wrapped: Command = with_mail
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
