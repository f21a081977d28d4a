"""What is judged: one request for one thing on the web, and the person who asks."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from rules.hosts import HostError, canonical_host
from rules.mirrors import mirrored_host, shows_others


class Role(StrEnum):
    """What a person is to the school. The policy's 'staff' are all but visitors and pupils."""

    EMPLOYEE = "employee"
    GOVERNOR = "governor"
    VOLUNTEER = "volunteer"
    AGENCY = "agency"
    VISITOR = "visitor"
    PUPIL = "pupil"


# "'Staff' means employees, volunteers (including governors), agency staff or anyone working within
# the school": the policy, under General.
STAFF = frozenset({Role.EMPLOYEE, Role.GOVERNOR, Role.VOLUNTEER, Role.AGENCY})


@dataclass(frozen=True, slots=True)
class Person:
    """Someone the policy knows. `withdrawn` says that their web access is taken away for now."""

    id: str
    name: str
    role: Role
    groups: frozenset[str] = frozenset()
    withdrawn: bool = False

    def __hash__(self) -> int:
        # Decisions are remembered by person. Equal people have equal ids, and the generated hash
        # would go through every field, and every group, each time.
        return hash(self.id)


SOMEONE: Final = Person("", "somebody unknown", Role.VISITOR)
"""Stands for whoever it is, while nobody is known."""


@dataclass(frozen=True, slots=True)
class WebRequest:
    """A request as the rules see it.

    `host` is canonical (see `rules.hosts`). `path` has no query, and is None while only the server
    name is known, before anything is decrypted. `shown` is the host whose page a mirror shows,
    where `rules.mirrors` found one in the query, which the rules themselves never see.
    """

    host: str
    scheme: str = "https"
    port: int = 443
    method: str = "GET"
    path: str | None = None
    shown: str | None = None


# Without a port, a name to sign in with, a query, or a sign that has to be cleaned away.
_PLAIN_ADDRESS = re.compile(r"(https?)://([a-z0-9.-]+)(/[\w./~%@:+,;=&!$'()*-]*)?", re.ASCII)
_PORTS = {"https": 443, "http": 80, "wss": 443, "ws": 80}


def request_for(url: str, method: str = "GET") -> WebRequest:
    """Read a web address as a person types it: `facebook.com`, `https://x.com/school`.

    Without a scheme it is https, without a path the front page. Raises HostError if there is no
    usable host in it, or the scheme or port is not the web's.
    """
    text = url.strip()
    if plain := _PLAIN_ADDRESS.fullmatch(text):  # most are, and this is all that they need
        scheme, name, path = plain.groups("")
        return _request(scheme, name, None, method, path, "")
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port
    except ValueError as error:
        raise HostError(f"{url!r} is not a web address.") from error
    if parts.scheme not in _PORTS:
        raise HostError(f"{url!r} is not a web address: it does not begin with http or https.")
    name = parts.hostname or ""
    return _request(parts.scheme, name, port, method, parts.path, parts.query)


def _request(
    scheme: str, name: str, port: int | None, method: str, path: str, query: str
) -> WebRequest:
    host = canonical_host(name)
    return WebRequest(
        host,
        scheme,
        port or _PORTS[scheme],
        method.upper(),
        path or "/",
        mirrored_host(host, f"{path}?{query}") if shows_others(host) else None,
    )
