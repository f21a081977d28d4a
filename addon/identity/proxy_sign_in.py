"""Signing in to the proxy itself, where browsers are told of it: in place of mitmproxy's own addon.

A file of passwords or a directory (LDAP) says whether a password is right; which of the two stands
in the state folder's `secrets`, because an LDAP password must not stand in a policy. An account
that is nobody's in the policy is a stranger's, whatever its password.

mitmproxy's own checks each password on the event loop, and so holds up everybody's traffic: for a
moment, or for as long as a directory does not answer. It asks a directory on one connection that
is never made again, does not look at its certificate, and takes no password with a colon.
"""

from __future__ import annotations

import binascii
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from mitmproxy import ctx
from mitmproxy.addons.proxyauth import ProxyAuth, make_auth_required_response
from mitmproxy.connection import Client
from mitmproxy.exceptions import OptionsError
from mitmproxy.http import HTTPFlow, Response
from mitmproxy.utils.htpasswd import HtpasswdFile

from addon.flows import client_address
from addon.identity.password_checks import CannotCheck, PasswordChecks
from addon.identity.school_directory import (
    DirectoryError,
    SchoolDirectory,
    directory_settings,
)
from addon.sockets import hold, release
from addon.state_folder import secrets_folder

log = logging.getLogger("schoolgate")

PASSWORDS: Final = "proxy-sign-in.htpasswd"
DIRECTORY: Final = "proxy-sign-in.ldap"
AUTHORITIES: Final = "proxy-sign-in.ca.pem"
"""Who signs the directory's certificate, if that is not somebody this machine trusts anyway."""

_HEADER: Final = "Proxy-Authorization"
_COMPLAIN_EVERY: Final = 60.0


class PatientProxyAuth(ProxyAuth):
    """mitmproxy's, but it waits beside the traffic, and guessing is slow: see PasswordChecks."""

    name = "proxyauth"  # as which mitmproxy knows the one in whose place it is

    def __init__(self) -> None:
        super().__init__()
        self._checks: PasswordChecks | None = None
        self._complained = -_COMPLAIN_EVERY

    def configure(self, updated: set[str]) -> None:
        """Takes the option `proxyauth` as `setting` gives it. Raises OptionsError."""
        if "proxyauth" in updated:
            given = ctx.options.proxyauth
            try:
                self._checks = PasswordChecks(_judge_of(Path(given))) if given else None
            except SignInError as error:
                raise OptionsError(str(error)) from error  # type: ignore[no-untyped-call]

    async def http_connect(self, f: HTTPFlow) -> None:  # type: ignore[override]
        """A tunnel is somebody's for good."""
        if self._checks and await self._signs_in(f):
            self.authenticated[f.client_conn] = f.metadata["proxyauth"]

    async def requestheaders(self, f: HTTPFlow) -> None:  # type: ignore[override]
        """A request is that of whoever the tunnel is, or of who signs in with it."""
        if self._checks is None:
            return
        if f.client_conn in self.authenticated:
            f.metadata["proxyauth"] = self.authenticated[f.client_conn]
        else:
            await self._signs_in(f)

    async def _signs_in(self, flow: HTTPFlow) -> bool:
        """Whether a right password comes with a request. Otherwise it is answered."""
        assert self._checks
        given = _account_and_password(flow.request.headers.get(_HEADER, ""))
        flow.request.headers.pop(_HEADER, None)
        if given is None:
            flow.response = make_auth_required_response(True)
            return False
        hold(flow.client_conn, self)
        try:
            right = await self._checks.check(client_address(flow.client_conn.peername), *given)
        except (CannotCheck, DirectoryError) as why:
            self._complain(why)
            flow.response = Response.make(
                *(503, b"Passwords cannot be checked just now. Please try again in a minute.\n"),
                {"Content-Type": "text/plain; charset=utf-8", "Retry-After": "30"},
            )
            return False
        finally:
            release(flow.client_conn, self)
        if not right:
            flow.response = make_auth_required_response(True)
            return False
        flow.metadata["proxyauth"] = given
        return True

    def _complain(self, why: Exception) -> None:
        """Once a minute at most."""
        if time.monotonic() - self._complained > _COMPLAIN_EVERY:
            self._complained = time.monotonic()
            said = str(why) or "there are too many at once"
            log.error("People cannot sign in to the proxy: %s.", said.rstrip("."))


class SignInError(Exception):
    """One sentence on why people cannot sign in to the proxy."""


def setting(state: Path) -> str:
    """What the option `proxyauth` is to be: the file in the secrets that says who may.

    Raises SignInError.
    """
    passwords, directory = (secrets_folder(state) / name for name in (PASSWORDS, DIRECTORY))
    for path in (passwords, directory):
        if path.is_file():
            _judge_of(path)
            return str(path)
    raise SignInError(
        f"The policy has people sign in to the proxy, and neither {passwords} (made with"
        f" htpasswd -B) nor {directory} is there to say who may."
    )


def _judge_of(path: Path) -> Callable[[str, str], bool]:
    """Who says whether a password is right for an account. Raises SignInError."""
    try:
        if path.name == DIRECTORY:
            own = path.with_name(AUTHORITIES)
            line = path.read_text(encoding="utf-8")
            return SchoolDirectory(directory_settings(line), own if own.exists() else None).is_right
        known = HtpasswdFile.from_file(path)
    except DirectoryError as error:
        raise SignInError(f"{path} cannot be used: {str(error).rstrip('.')}.") from error
    except (OSError, ValueError) as error:
        raise SignInError(f"{path} does not hold passwords as htpasswd -B writes them.") from error

    def is_right(account: str, password: str) -> bool:
        try:
            return bool(known.check_password(account, password))
        except ValueError:
            return False  # longer than a password can be, or with a zero in it

    return is_right


def _account_and_password(header: str) -> tuple[str, str] | None:
    """What a header says (RFC 7617): the first colon ends the account; a password may have more."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = binascii.a2b_base64(encoded.strip().encode("ascii")).decode("utf-8")
    except (ValueError, UnicodeError):
        return None
    account, colon, password = text.partition(":")
    return (account, password) if colon else None


def account_of(client: Client, flow: HTTPFlow | None = None) -> str | None:
    """Who signed in to the proxy, on this connection or with this request; None if nobody did."""
    signed_in: Any = flow.metadata.get("proxyauth") if flow else None
    if signed_in is None:
        addon: ProxyAuth | None = ctx.master.addons.get("proxyauth")  # type: ignore[no-untyped-call]
        signed_in = addon.authenticated.get(client) if addon else None
    return str(signed_in[0]) if signed_in else None
