"""Fetching lists from the web, as from somebody who may be slow, gone or hostile.

A fetch is bounded in size, in time and in how often it may be sent elsewhere, and goes to a file.
What the file holds is looked at later, by code that never touches the network (`rules.lists`).
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import certifi
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    IncompleteRead,
    LocationParseError,
    NameResolutionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from rules.lists.entries import ListError
from rules.lists.texts import MOST_BYTES, Progress, size

_MOST_REDIRECTS = 5
_CHUNK = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Version:
    """What the server said about its copy, to ask next time whether there is a newer one."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait: for a connection, for the next bytes, for all of it; in seconds."""

    connect: float = 10
    read: float = 30
    whole: float = 900


class Fetcher:
    """Fetches lists. Certificates are checked against the usual public authorities."""

    def __init__(self, patience: Patience | None = None, most_bytes: int = MOST_BYTES) -> None:
        self._patience, self._most = patience or Patience(), most_bytes
        self._pool = urllib3.PoolManager(
            cert_reqs="CERT_REQUIRED", ca_certs=certifi.where(), retries=False
        )

    def fetch(
        self,
        address: str,
        to: Path,
        have: Version,
        progress: Progress,
        sized: Callable[[int], None] = lambda _: None,
    ) -> Version | None:
        """Fetch an address into a file and give its version; None if `have` is still the newest.

        `sized` is told the size in bytes once it is known. Raises ListError.
        """
        deadline = time.monotonic() + self._patience.whole
        try:
            response = self._response(address, have)
            with closing(response):
                if response.status == 304 and have != Version():
                    return None
                if response.status != 200:
                    raise ListError(f"{address} cannot be fetched: {_answer(response.status)}.")
                length = response.headers.get("content-length", "")
                if length.isdecimal():
                    self._check_size(address, int(length))
                    sized(int(length))
                self._save(response, address, to, deadline, progress)
                return Version(
                    response.headers.get("etag", "")[:1000],
                    response.headers.get("last-modified", "")[:100],
                )
        except HTTPError as error:
            raise ListError(f"{address} cannot be fetched: {_reason(error)}.") from error
        except OSError as error:
            raise ListError(f"{address} cannot be saved: {error.strerror or error}.") from error
        finally:
            self._pool.clear()

    def _response(self, address: str, have: Version) -> urllib3.BaseHTTPResponse:
        headers = {"user-agent": "Schoolgate", "accept-encoding": "gzip"}
        if have.etag:
            headers["if-none-match"] = have.etag
        if have.last_modified:
            headers["if-modified-since"] = have.last_modified
        timeout = urllib3.Timeout(connect=self._patience.connect, read=self._patience.read)
        target = address
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._pool.request(
                "GET",
                target,
                headers=headers,
                timeout=timeout,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or location is None:
                return response
            response.close()
            target = _next(target, location, address)
        raise ListError(f"{address} is sent on more than {_MOST_REDIRECTS} times; it goes nowhere.")

    def _save(
        self,
        response: urllib3.BaseHTTPResponse,
        address: str,
        to: Path,
        deadline: float,
        progress: Progress,
    ) -> None:
        total = 0
        with to.open("wb") as file:
            # read1 gives what has come, so that a server that drips meets the deadline too.
            while chunk := response.read1(_CHUNK, decode_content=True):
                total += len(chunk)
                self._check_size(address, total)
                if time.monotonic() > deadline:
                    raise ListError(
                        f"{address} cannot be fetched: it takes longer than "
                        f"{self._patience.whole:,.0f} seconds."
                    )
                file.write(chunk)
                progress(len(chunk))

    def _check_size(self, address: str, count: int) -> None:
        if count > self._most:
            raise ListError(f"{address} is too large; a list has at most {size(self._most)}.")


def _next(target: str, location: str, address: str) -> str:
    schemes = ("https",) if target.lower().startswith("https:") else ("http", "https")
    try:
        new = urljoin(target, location)
        safe = urlsplit(new).scheme in schemes
    except ValueError as error:
        raise LocationParseError(location) from error
    if not safe:
        raise ListError(
            f"{address} is sent on to {new[:200]!r}, which is not as safe; use the right address."
        )
    return new


def _answer(status: int) -> str:
    if status in (404, 410):
        return "there is nothing at this address any more"
    if status in (401, 403):
        return "the server does not give it to us"
    return f"the server answered with status {status}"


def _reason(error: HTTPError) -> str:
    """Say what went wrong in words; urllib3's own name classes and sockets."""
    match error:
        case ConnectTimeoutError() if not isinstance(error, NameResolutionError):
            return "nobody answers"
        case NameResolutionError():
            return "no such name is known"
        case ReadTimeoutError():
            return "the server stopped sending"
        case SSLError():
            return "its certificate is not good, or it does not speak TLS"
        case IncompleteRead() | ProtocolError():
            return "the connection ended before the list did"
        case DecodeError():
            return "it is damaged or cut short"
        case LocationParseError():
            return "it is sent on to an address that cannot be read"
        case _:
            return "the connection failed"
