"""A school's directory (LDAP, Active Directory): whether a password is right for an account.

The account is looked up by an account that may only read, and then the password is tried at the
entry that was found, and at no other. Passwords travel under TLS, and only to a server that proves
its name: without TLS only to this machine itself.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ldap3 import NONE, SUBTREE, Connection, Server, Tls  # type: ignore[import-untyped]
from ldap3.core.exceptions import LDAPException, LDAPSASLPrepError  # type: ignore[import-untyped]
from ldap3.utils.conv import escape_filter_chars  # type: ignore[import-untyped]

_WITHIN: Final = 3
"""Seconds that a server has for each step."""
_SCHEMES: Final = ("ldaps", "starttls", "ldap")
_EXAMPLE: Final = (
    "ldaps:dc.school.example:cn=reader,dc=school,dc=example:PASSWORD:dc=school,dc=example"
)
_HERE: Final = frozenset({"localhost", "127.0.0.1"})
_NAME: Final = "?search_filter_key="


class DirectoryError(Exception):
    """One sentence on why a directory cannot be asked."""


@dataclass(frozen=True, slots=True)
class DirectorySettings:
    """Where it is, who reads in it, below which entry people are, and what holds their account."""

    scheme: str
    host: str
    port: int
    reader: str
    password: str
    base: str
    attribute: str = "cn"


def directory_settings(line: str) -> DirectorySettings:
    """What `SCHEME:HOST[:PORT]:READER:PASSWORD:BASE[?search_filter_key=NAME]` says.

    The scheme is `ldaps`, `starttls`, or `ldap` for a server on this machine. The password may have
    colons. Raises DirectoryError.
    """
    scheme, *words = line.strip().split(":")
    port = 636 if scheme == "ldaps" else 389
    if len(words) > 1 and words[1].isascii() and words[1].isdecimal():
        port = int(words.pop(1))
    if scheme not in _SCHEMES or len(words) < 4 or not all((words[0], words[1], words[-1])):
        raise DirectoryError(f"it should hold one line, such as {_EXAMPLE}")
    if scheme == "ldap" and words[0] not in _HERE:
        raise DirectoryError("passwords may not travel without TLS: write ldaps or starttls")
    base, key, attribute = words[-1].partition(_NAME)
    host, reader, password = words[0], words[1], ":".join(words[2:-1])
    if not password or (key and not attribute.replace("-", "").isalnum()) or not 0 < port < 65536:
        raise DirectoryError(f"it should hold one line, such as {_EXAMPLE}")
    return DirectorySettings(scheme, host, port, reader, password, base, attribute if key else "cn")


class SchoolDirectory:
    """Asks the directory anew each time, so that it may be restarted or away in between."""

    def __init__(self, settings: DirectorySettings, authorities: Path | None = None) -> None:
        """`authorities` is a PEM file of who signs the server's certificate; without it, those that
        this machine trusts. Raises DirectoryError.
        """
        self._settings = settings
        try:
            self._tls = Tls(
                validate=ssl.CERT_REQUIRED, ca_certs_file=authorities and str(authorities)
            )
        except LDAPException as error:
            raise DirectoryError(f"{authorities} cannot be read") from error

    def is_right(self, account: str, password: str) -> bool:
        """Whether a password is an account's. Blocks. Raises DirectoryError if it cannot be told.

        Neither may be empty: a server takes an empty password for nobody's, and says yes
        (RFC 4513, section 5.1.2).
        """
        if not account or not password:
            return False
        settings = self._settings
        try:
            with self._connection(settings.reader, settings.password) as reading:
                if not reading.bind():
                    raise DirectoryError("it does not take the reader's password")
                reading.search(
                    settings.base,
                    f"({settings.attribute}={escape_filter_chars(account)})",
                    SUBTREE,
                    attributes=[],
                    size_limit=2,
                    time_limit=_WITHIN,
                )
                found = [one["dn"] for one in reading.response if one["type"] == "searchResEntry"]
            if len(found) != 1:
                return False
            with self._connection(found[0], password) as trying:
                return _binds(trying)
        except (LDAPException, OSError) as error:
            raise DirectoryError(f"{settings.host} does not answer rightly: {error}") from error

    def _connection(self, name: str, password: str) -> Any:
        settings = self._settings
        # Made anew each time: it would remember for long that a server was away.
        server = Server(
            settings.host,
            settings.port,
            use_ssl=settings.scheme == "ldaps",
            tls=self._tls,
            get_info=NONE,
            connect_timeout=_WITHIN,
        )
        connection = Connection(
            server, name, password,
            read_only=True, auto_referrals=False, receive_timeout=_WITHIN,
        )  # fmt: skip
        try:
            connection.open()
            if settings.scheme == "starttls" and not connection.start_tls():
                raise DirectoryError(f"{settings.host} does not speak TLS")
        except BaseException:
            if connection.socket:  # which it leaves open
                connection.socket.close()
            raise
        return _Closing(connection)


def _binds(connection: Any) -> bool:
    try:
        return bool(connection.bind())
    except LDAPSASLPrepError:
        return False  # no password has such letters


class _Closing:
    """A connection that ends with its `with`; ldap3's own would bind at its beginning."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __enter__(self) -> Any:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.unbind()
