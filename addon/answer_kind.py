"""What kind of answer a refused request can use: a page for people, JSON for programs, or nothing.

A page is only of use where a person will read it, in a tab of its own. Inside a frame, an image or
a script it would be noise, and to a program it would be a broken answer. Browsers say which it is
in Sec-Fetch-Dest (W3C Fetch Metadata), but only to HTTPS and loopback addresses; without it, Accept
(RFC 9110, section 12.5.1) decides.
"""

from collections.abc import Mapping
from enum import Enum
from functools import lru_cache

_LONGEST_ACCEPT = 1024  # characters; browsers send some 150, and the look-up below is remembered


class AnswerKind(Enum):
    """The three shapes of a refusal."""

    PAGE = "page"
    JSON = "json"
    EMPTY = "empty"


def answer_kind(method: str, headers: Mapping[str, str]) -> AnswerKind:
    """Which kind of answer suits a request with this method and these headers.

    `headers.get` must not mind upper and lower case, as HTTP does not.
    """
    accept = headers.get("accept", "")[:_LONGEST_ACCEPT]
    if destination := headers.get("sec-fetch-dest", ""):
        destination = destination.strip().lower()
        if destination == "document":
            return AnswerKind.PAGE
        if destination == "empty" and _preferred(accept) is AnswerKind.JSON:
            return AnswerKind.JSON  # fetch() and XMLHttpRequest
        return AnswerKind.EMPTY  # frames, images, scripts, sockets, and what is invented next

    preferred = _preferred(accept)
    if (
        preferred is AnswerKind.EMPTY
        and _takes_anything(accept)
        and _asked_by_hand(method, headers)
    ):
        return AnswerKind.PAGE
    return preferred


def _asked_by_hand(method: str, headers: Mapping[str, str]) -> bool:
    """Whether this looks like somebody with curl, not a part of a page or the inside of an app.

    A browser that sends `Accept: */*` fetches a script or a font, and names the page it does so
    for.
    """
    return method in ("GET", "HEAD") and not (
        headers.get("referer", "")
        or headers.get("origin", "")
        or headers.get("upgrade", "")
        or headers.get("x-requested-with", "")
    )


def _takes_anything(accept: str) -> bool:
    # No Accept at all means the same as */* (RFC 9110, section 12.5.1).
    return accept.strip() in ("", "*/*")


@lru_cache(maxsize=512)
def _preferred(accept: str) -> AnswerKind:
    """HTML or JSON, whichever is asked for by name and liked better; HTML when they draw."""
    html = json = 0.0
    for item in accept.split(","):
        media, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = _quality(parameters)
        if media in ("text/html", "application/xhtml+xml"):
            html = max(html, quality)
        elif media in ("application/json", "text/json") or (
            media.startswith("application/") and media.endswith("+json")
        ):
            json = max(json, quality)
    if html > 0 and html >= json:
        return AnswerKind.PAGE
    return AnswerKind.JSON if json > 0 else AnswerKind.EMPTY


def _quality(parameters: list[str]) -> float:
    """The q of an Accept item, 0 to 1; 1 where it is missing, 0 where it makes no sense."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                number = float(value)
            except ValueError:
                return 0.0
            return number if 0.0 <= number <= 1.0 else 0.0
    return 1.0
