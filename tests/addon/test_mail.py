"""Mail to a real server: what comes of it, and the sentence for each thing that can go wrong."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from addon.mail import MailError, MailServer, send
from tests.support.mail_server import PASSWORD, USER, Letterbox, mail_server, tls_for
from tests.support.schoolgate import free_port

HERE = "127.0.0.1"


@pytest.fixture
def mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = "gate@school.example", "chair@school.example"
    mail.set_content("One line.\n")
    return mail


@pytest.fixture
def plain() -> Iterator[Letterbox]:
    with mail_server() as box:
        yield box


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Letterbox, MailServer]]:
    """One with STARTTLS that wants a log-in, and all that is needed to get in."""
    tls, authority = tls_for("localhost", tmp_path_factory.mktemp("mail"))
    with mail_server(tls, log_in=True) as box:
        yield box, MailServer("localhost", box.port, USER, PASSWORD, authority)


def failure(mail: EmailMessage, server: MailServer, within: float = 30) -> MailError:
    with pytest.raises(MailError) as raised:
        send(mail, server, within)
    return raised.value


def test_it_comes_as_it_was_written(mail: EmailMessage, plain: Letterbox) -> None:
    send(mail, MailServer(HERE, plain.port))
    assert [each.get_content() for each in plain.mails] == ["One line.\r\n"]
    assert plain.to == ["chair@school.example"]
    assert plain.encrypted == [False]


def test_it_is_encrypted_where_that_is_offered_and_logs_in(
    mail: EmailMessage, guarded: tuple[Letterbox, MailServer]
) -> None:
    box, server = guarded
    send(mail, server)
    assert (box.encrypted[-1], box.users[-1]) == (True, USER)


@pytest.mark.parametrize(
    ("change", "part", "soon"),
    [
        ({"password": "wrong"}, "does not take that user name and password (535 ", False),
        ({"user": "", "password": ""}, "a user that it knows with --smtp-user", False),
        ({"password": "very-secret-£"}, "such as 'é' or '£': have the password changed", False),
        ({"user": "gäte"}, "and see --smtp-user", False),
        ({"authorities": None}, "or its authority with --smtp-ca", False),
        ({"host": HERE}, "certificate is not valid for '127.0.0.1'", False),
        ({"authorities": Path(__file__)}, "cannot be read as a PEM file", False),
        ({"host": "no.such.invalid"}, "There is no mail server no.such.invalid", True),
        ({"host": "a..b"}, "a..b", True),
    ],
)
def test_what_is_wrong_with_a_guarded_one(
    mail: EmailMessage,
    guarded: tuple[Letterbox, MailServer],
    change: dict[str, object],
    part: str,
    soon: bool,
) -> None:
    box, server = guarded
    came = len(box.mails)
    error = failure(mail, replace(server, **change))
    assert part in str(error)
    assert error.soon is soon
    assert "\n" not in str(error)
    assert "secret" not in str(error)
    assert "ascii" not in str(error)
    assert len(box.mails) == came


@pytest.mark.parametrize(
    ("verb", "answer", "part", "soon"),
    [
        ("RCPT", "550 no \x1b[1m such user", "no mail for chair@school.example (550 no [1m", False),
        ("RCPT", "451 greylisted", "chair@school.example (451 greylisted)", True),
        ("MAIL", "553 not yours", "name an address that it knows with --mail-from", False),
        ("DATA", "554 spam", "did not take the mail (554 spam)", False),
        ("DATA", "452 disk full", "did not take the mail (452 disk full)", True),
    ],
)
def test_a_server_that_refuses_is_quoted(
    mail: EmailMessage, plain: Letterbox, verb: str, answer: str, part: str, soon: bool
) -> None:
    plain.refusals[verb] = answer
    error = failure(mail, MailServer(HERE, plain.port))
    assert part in str(error)
    assert error.soon is soon
    assert str(error).isprintable()


def test_no_password_goes_to_a_server_without_starttls(
    mail: EmailMessage, plain: Letterbox
) -> None:
    error = failure(mail, MailServer(HERE, plain.port, USER, PASSWORD))
    assert "so no password is sent to it" in str(error)
    assert plain.users == plain.mails == []


def test_where_nobody_listens(mail: EmailMessage) -> None:
    error = failure(mail, MailServer(HERE, free_port()))
    assert "cannot be reached (Connection refused)" in str(error)
    assert error.soon


@pytest.mark.parametrize(
    ("says", "part", "soon"),
    [(b"", "hung up", True), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is no mail server", False)],
)
def test_what_is_no_mail_server(mail: EmailMessage, says: bytes, part: str, soon: bool) -> None:
    with closing(socket.create_server((HERE, 0))) as listening:

        def answer() -> None:
            with suppress(OSError), listening.accept()[0] as other:
                other.sendall(says)

        threading.Thread(target=answer, daemon=True).start()
        error = failure(mail, MailServer(HERE, listening.getsockname()[1]))
    assert part in str(error)
    assert error.soon is soon


def test_a_server_that_says_a_letter_now_and_then_is_left_in_time(mail: EmailMessage) -> None:
    with closing(socket.create_server((HERE, 0))) as listening:
        over = threading.Event()

        def drip() -> None:
            with suppress(OSError), listening.accept()[0] as other:
                while not over.wait(0.2):
                    other.sendall(b"2")

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        error = failure(mail, MailServer(HERE, listening.getsockname()[1]), within=1)
        assert time.monotonic() - began < 5
        over.set()
    assert "within 1 seconds" in str(error)
    assert error.soon
