"""A real mail server on loopback, with STARTTLS and log-ins where they are wanted."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, cast

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.schoolgate import free_port

USER, PASSWORD = "gate", "correct horse"


@dataclass(eq=False)
class Letterbox:
    """What came, and with which answers people are sent away meanwhile, by the verb."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    to: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self.refusals.get("RCPT"):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self.refusals.get("MAIL"):
            return refusal
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if refusal := self.refusals.get("DATA"):
            return refusal
        content = cast(bytes, envelope.content)
        self.mails.append(cast(EmailMessage, message_from_bytes(content, policy=default)))
        self.to += envelope.rcpt_tos
        self.encrypted.append(session.ssl is not None)
        return "250 OK"

    def known(self, server: SMTP, session: Session, envelope: Envelope, how: str, data: Any) -> Any:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER.encode(),
            PASSWORD.encode(),
        )
        if right:
            self.users.append(data.login.decode())
        return AuthResult(success=right, handled=False)


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None, *, log_in: bool = False) -> Iterator[Letterbox]:
    """Listens from `with` on. With `tls` it offers STARTTLS, and takes log-ins only under it."""
    box = Letterbox(free_port())
    options: dict[str, Any] = {"auth_required": log_in, "authenticator": box.known}
    if tls is None:
        options["auth_require_tls"] = False
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=box.port,
        server_hostname="localhost",
        tls_context=tls,
        **options,
    )
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def tls_for(name: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """What a server of that name shows, and the PEM file with the authority that signed it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    authority.cert_pem.write_to_path(folder / "mail-ca.pem")
    return context, folder / "mail-ca.pem"
