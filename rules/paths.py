"""Patterns for the part of an address after the site: `/BarninghamSchool`, `fbcdn.net/*`.

A path rule opens one corner of a site, so it must not be possible to write the way out of that
corner in another spelling. A path is therefore made plain first: percent signs decoded once, empty
steps dropped. What cannot be made plain without guessing matches nothing. `.` and `..` are among
that: browsers resolve them before they ask (the URL Standard, "path state"), and servers differ on
whether and how they do, so only somebody who looks for a way out sends one.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

# Most paths are plain but for their case: no step begins with a dot or has a sign to decode.
_ORDINARY = re.compile(r"/|(?:/[a-z0-9_~-][a-z0-9_~.,:@+=-]*)+/?", re.IGNORECASE | re.ASCII)
_AMBIGUOUS = re.compile(r"%2f|%5c|%(?:0|1)[0-9a-f]|%7f|\\", re.IGNORECASE)


def plain_path(path: str) -> str | None:
    """Give the path that a server would look up, in lower case, or None if that is not certain.

    Lower case because people type a page's name as they please and the large networks do not mind.
    """
    # Only short ones are remembered: a client chooses the paths, and could fill the memory.
    return _remembered(path) if len(path) <= 256 else _plain(path)


def _plain(path: str) -> str | None:
    if _ORDINARY.fullmatch(path):
        return path.lower()
    if not path.startswith("/") or _AMBIGUOUS.search(path):
        return None
    decoded = unquote(path).lower()
    if "%" in decoded:  # encoded twice: servers differ in what they make of it
        return None
    if not decoded.isascii() and _hides_a_sign(decoded):
        return None
    parts = decoded.split("/")
    if any(_is_step(part) for part in parts):
        return None
    kept = [part for part in parts if part]
    trailing = "/" if kept and not parts[-1] else ""
    return "/" + "/".join(kept) + trailing


_remembered = lru_cache(maxsize=4096)(_plain)


def _is_step(part: str) -> bool:
    """Whether some server takes this part for `.` or `..`.

    Java's drop what follows a semicolon first; Windows drops spaces and dots at the end.
    """
    return bool(part) and not part.partition(";")[0].strip(" .")


def _hides_a_sign(text: str) -> bool:
    """Whether bytes that are no UTF-8, or a letter's compatibility form, may stand for a dot or a
    slash: some servers are lenient with the first, and fold the second (UAX #15, NFKC).
    """
    if any(letter == "\ufffd" or "\ud800" <= letter <= "\udfff" for letter in text):
        return True
    return any(
        sign in unicodedata.normalize("NFKC", letter)
        for letter in set(text)
        if not letter.isascii()
        for sign in "./\\;"
    )


@dataclass(frozen=True, slots=True)
class PathPattern:
    """`[host]/path`: an optional host, with everything below it, and a path with everything below.

    `*` stands for any run of characters, slashes too. Without one the path matches itself and what
    lies under it: `/school` covers `/school/posts` and not `/schoolfriends`.
    """

    text: str
    host: str
    pieces: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "PathPattern":
        """Read a pattern. Raises ValueError with a sentence for the writer of the policy."""
        host, slash, path = text.strip().partition("/")
        if not slash:
            raise ValueError(f"{text!r} has no '/'; a path begins with one, as in '/our-school'.")
        if any(sign in path for sign in "?#"):
            raise ValueError(f"{text!r} has a query; the gate looks at the path only.")
        plain = plain_path("/" + path)
        if plain is None:
            raise ValueError(f"{text!r} has characters that a path rule cannot use.")
        return cls(text.strip(), host.lower(), tuple(plain.split("*")))

    def matches(self, host: str, plain: str) -> bool:
        """Say whether a canonical host and a path made plain are covered."""
        if self.host and host != self.host and not host.endswith("." + self.host):
            return False
        if len(self.pieces) == 1:
            own = self.pieces[0].rstrip("/")
            return plain == own or plain.startswith(own + "/")
        first, *middle, last = self.pieces
        if not plain.startswith(first):
            return False
        # Leftmost finds are enough where '*' is the only wildcard, and take no backtracking, so a
        # pattern cannot be made to run for ever.
        at = len(first)
        for piece in middle:
            found = plain.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        return len(plain) - at >= len(last) and plain.endswith(last)


class PathCover:
    """Several patterns asked at once: most are the start of a path, which one look-up settles."""

    __slots__ = ("_other_starts", "_others", "_starts", "_under")

    def __init__(self, patterns: Iterable[PathPattern]) -> None:
        under, starts, others = [], [], []
        for pattern in patterns:
            match pattern:
                case PathPattern(host="", pieces=(own,)):
                    under.append(own.rstrip("/") + "/")
                case PathPattern(host="", pieces=(start, "")):
                    starts.append(start)
                case _:
                    others.append(pattern)
        self._under, self._starts, self._others = tuple(under), tuple(starts), tuple(others)
        self._other_starts = tuple(pattern.pieces[0].rstrip("/") for pattern in others)

    def covers(self, host: str, plain: str) -> bool:
        """Say whether any of the patterns matches a canonical host and a path made plain."""
        # With a slash behind it, a path is itself among what lies under it.
        if (plain + "/").startswith(self._under) or plain.startswith(self._starts):
            return True
        return plain.startswith(self._other_starts) and any(
            pattern.matches(host, plain) for pattern in self._others
        )
