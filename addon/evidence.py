"""What kind of request this was: something a person did, or something a page or app did by itself.

A record that counts a comment box on a newspaper's page as a visit to a social network is worse
than none, so the kind is settled live, from headers that no log file keeps. Two rules order the
rest: a prefetch looks like a navigation and must be told apart first, and a missing header never
makes a request look deliberate (it makes it `unknown`).

Fetch Metadata Request Headers (W3C) defines `Sec-Fetch-*`; the Prefetch and Resource Hints
specifications define `Sec-Purpose` and its older spellings.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of design: only navigation and action count for or against a person."""

    NAVIGATION = "navigation"
    ACTION = "action"
    EMBED = "embed"
    BACKGROUND = "background"
    PREFETCH = "prefetch"
    APP = "app"
    UNKNOWN = "unknown"


_PREFETCH_HEADERS = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_FRAMES = frozenset({"iframe", "frame", "embed", "object", "fencedframe"})


def kind_of(headers: Mapping[str, str]) -> Kind:
    """The kind that a request's headers show. `headers` must not mind upper and lower case."""
    if any(
        "prefetch" in (value := headers.get(name, "").lower())
        or "prerender" in value
        or "preview" in value
        for name in _PREFETCH_HEADERS
    ):
        return Kind.PREFETCH
    site = headers.get("sec-fetch-site", "")
    mode = headers.get("sec-fetch-mode", "")
    destination = headers.get("sec-fetch-dest", "")
    if mode == "navigate" and destination == "document":
        # `?1` is a click or a key; `none` is the address bar or a bookmark, where some browsers
        # send no user activation. Anything else is a page that moved itself on.
        if headers.get("sec-fetch-user") == "?1" or site == "none":
            return Kind.NAVIGATION
        return Kind.BACKGROUND
    if not (site and destination):
        return Kind.UNKNOWN
    if destination in _FRAMES or site == "cross-site":
        return Kind.EMBED
    return Kind.BACKGROUND
