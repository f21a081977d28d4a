"""Sending one mail by the school's own mail server, and saying plainly why that could not be done.

Python's own `smtplib` and `email` do it: they are kept, know STARTTLS and log-ins, and one short
mail a day asks for no more. A password is never sent unless the connection is encrypted and the
server's certificate holds.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final

WITHIN: Final = 60.0
"""Seconds for all of it: a server that says a letter a second must not take hours."""

_ANSWER: Final = 20.0  # seconds for one step
_TLS_FROM_THE_FIRST: Final = 465  # RFC 8314, section 3.3
_LOG_IN_FIRST: Final = 530  # RFC 4954, section 6
_LONGEST: Final = 200  # of a server's own words


class MailError(Exception):
    """One sentence that says what to do; `soon`: it may pass by itself within minutes."""

    def __init__(self, words: str, *, soon: bool = False) -> None:
        super().__init__(words)
        self.soon = soon


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over, and as whom. Without a `user` nobody logs in.

    Port 465 speaks TLS from the first byte; on any other, STARTTLS is used where it is offered.
    `authorities` is a PEM file to trust instead of the public ones.
    """

    host: str
    port: int
    user: str = ""
    password: str = ""
    authorities: Path | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def send(mail: EmailMessage, server: MailServer, within: float = WITHIN) -> None:
    """Hands a mail over, within so many seconds. Raises MailError."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            _send(mail, server, min(_ANSWER, within))
        except BaseException as error:
            failed.append(error)

    # No time limit of smtplib's is one for the whole, and name services keep to none.
    thread = threading.Thread(target=work, name="mail", daemon=True)
    thread.start()
    thread.join(within)
    if thread.is_alive():
        raise MailError(
            f"The mail server {server} did not take the mail within {within:.0f} seconds: see"
            " whether it is well.",
            soon=True,
        )
    for error in failed:
        raise error


def _send(mail: EmailMessage, server: MailServer, patience: float) -> None:
    if not (server.user.isascii() and server.password.isascii()):
        # RFC 4954 would take UTF-8, and smtplib does not.
        raise MailError(
            "The user name or the password for the mail server has a letter or sign that cannot be"
            " sent to it, such as 'é' or '£': have the password changed to plain letters, digits"
            " and signs, and see --smtp-user."
        )
    trust = _trust(server)
    with _in_words(server, mail):
        if server.port == _TLS_FROM_THE_FIRST:
            with smtplib.SMTP_SSL(
                server.host, server.port, timeout=patience, context=trust
            ) as connection:
                _hand_over(mail, connection, server, encrypted=True)
        else:
            with smtplib.SMTP(server.host, server.port, timeout=patience) as connection:
                connection.ehlo_or_helo_if_needed()
                encrypted = connection.has_extn("starttls")
                if encrypted:
                    connection.starttls(context=trust)
                _hand_over(mail, connection, server, encrypted=encrypted)


def _hand_over(
    mail: EmailMessage, connection: smtplib.SMTP, server: MailServer, *, encrypted: bool
) -> None:
    if server.user:
        if not encrypted:
            raise MailError(
                f"The mail server {server} does not offer STARTTLS, so no password is sent to it:"
                " name a port that is encrypted with --smtp, or leave --smtp-user out."
            )
        connection.login(server.user, server.password)
    connection.send_message(mail)


def _trust(server: MailServer) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=server.authorities)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise MailError(
            f"{server.authorities} cannot be read as a PEM file of certificates: name another with"
            " --smtp-ca."
        ) from error


@contextmanager
def _in_words(server: MailServer, mail: EmailMessage) -> Iterator[None]:
    """Each thing that can go wrong, in a sentence."""
    where = f"The mail server {server}"
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise MailError(
            f"{where} does not take that user name and password ({_said(error)}): see --smtp-user"
            " and the password's file.",
            soon=_passes(error.smtp_code),
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise MailError(
            f"{where} cannot do what is asked of it ({_clean(str(error))}): if it takes no log-in,"
            " leave --smtp-user out."
        ) from error
    except smtplib.SMTPRecipientsRefused as error:
        (address, (code, words)), *_ = error.recipients.items()
        raise MailError(
            f"{where} takes no mail for {address} ({code} {_clean(words)}): see whether the address"
            " is right, and whether this machine may send there.",
            soon=_passes(code),
        ) from error
    except smtplib.SMTPSenderRefused as error:
        remedy = "name an address that it knows with --mail-from"
        if error.smtp_code == _LOG_IN_FIRST:
            remedy = "name a user that it knows with --smtp-user"
        raise MailError(
            f"{where} takes no mail from {error.sender} ({_said(error)}): {remedy}.",
            soon=_passes(error.smtp_code),
        ) from error
    except smtplib.SMTPResponseException as error:
        if error.smtp_code < 0:
            raise MailError(
                f"What answers at {server} is no mail server: see whether the port in --smtp is"
                " right."
            ) from error
        raise MailError(
            f"{where} did not take the mail ({_said(error)}): ask whoever looks after it.",
            soon=_passes(error.smtp_code),
        ) from error
    except smtplib.SMTPServerDisconnected as error:
        raise MailError(
            f"{where} hung up or did not answer: see whether it is well, and whether the port is"
            " right.",
            soon=True,
        ) from error
    except smtplib.SMTPException as error:
        raise MailError(
            f"{where} did not take the mail ({_clean(str(error))}): ask whoever looks after it."
        ) from error
    except ssl.SSLCertVerificationError as error:
        raise MailError(
            f"The certificate of the mail server {server} does not hold"
            f" ({_clean(error.verify_message)}): name it as its certificate does, or its authority"
            " with --smtp-ca."
        ) from error
    except ssl.SSLError as error:
        raise MailError(
            f"{where} does not speak TLS as it should ({_clean(error.reason or str(error))}): see"
            " whether the port is right; 465 is encrypted from the first, all others by STARTTLS."
        ) from error
    except socket.gaierror as error:
        raise MailError(
            f"There is no mail server {server.host}, or no name service: see whether the name in"
            " --smtp is right.",
            soon=True,
        ) from error
    except (OSError, UnicodeError) as error:
        why = "its name is none"  # what a UnicodeError says could quote a password
        if isinstance(error, OSError):
            why = error.strerror or str(error) or "it does not answer"
        raise MailError(
            f"{where} cannot be reached ({_clean(why)}): see whether it is well, and whether the"
            " name and port in --smtp are right.",
            soon=True,
        ) from error


def _passes(code: int) -> bool:
    """Whether the server itself says that it may be possible later (RFC 5321, section 4.2.1)."""
    return 400 <= code < 500


def _said(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_clean(error.smtp_error)}".strip()


def _clean(words: bytes | str) -> str:
    """What somebody else's program said, fit for a line of ours."""
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return "".join(c for c in " ".join(text.split()) if c.isprintable())[:_LONGEST].rstrip(".")
