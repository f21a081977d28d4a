"""What kind of request this was: something a person did, or something a page or app did by itself.

A record that counts a comment box on a newspaper's page as a visit to a social network is worse
than none, so the kind is settled live, from headers that no log file keeps. Four rules order it:

* A prefetch looks like a navigation and must be told apart first.
* A missing header never makes a request look deliberate: it makes it *unknown*.
* Whose page asked decides between embed and background. A network's pages live on several domains
  (pictures of facebook.com come from fbcdn.net), so it is the site behind `Origin` and `Referer`
  that counts, and not only the browser's own word 'cross-site'. Both are looked at and forgotten.
* What a catalogue's endpoint says is done there (a post, a message) is an *action* if a page of the
  site itself asks for it: a click on an embedded like button is one, seeing the button is not, and
  no other site's page can make anybody's browser seem to post.

Fetch Metadata Request Headers (W3C) defines `Sec-Fetch-*`; the Prefetch and Resource Hints
specifications define `Sec-Purpose` and its older spellings; `Sec-Fetch-Storage-Access`, of the
Storage Access API, is sent only from inside a page of another site.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from rules.hosts import HostError, canonical_host
from rules.sites import Action


class Kind(StrEnum):
    """The kinds of design: only navigation and action count for or against a person."""

    NAVIGATION = "navigation"
    ACTION = "action"
    EMBED = "embed"
    BACKGROUND = "background"
    PREFETCH = "prefetch"
    APP = "app"
    UNKNOWN = "unknown"


COUNTED: Final = frozenset({Kind.EMBED, Kind.BACKGROUND, Kind.PREFETCH, Kind.APP})
"""Kinds that are counted by the hour and have no row of their own when they are let through, but
for pages that fill a tab: however one came to be asked for, it is on record as an event.
"""

FOLLOWED: Final = "follow"
"""Done on the site is only that a page of another site led there, whatever it asked for. Any page
can do that with a click that was meant for something else, so it is told from an address that was
typed and from a click inside the site.
"""

_PREFETCH_HEADERS = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_FRAMES = frozenset({"iframe", "frame", "embed", "object", "fencedframe"})
_BY_HAND = frozenset({Action.POST, Action.MESSAGE, Action.UPLOAD, Action.REACT})
"""What no app does unless somebody asks it to; apps sign in and search by themselves."""

# Programs that name themselves and are no browser. Browsers' names all begin with Mozilla/5.0, and
# so do those of web pages inside an app, which send Sec-Fetch-* as a browser does.
_APP = re.compile(
    r"okhttp/|Dalvik/|CFNetwork/|Darwin/|Cronet|FBAndroidSDK|FBiOSSDK|Instagram |Barcelona "
    r"|TwitterAndroid|Twitter-iPhone|LinkedIn/|Snapchat/|TikTok |com\.[a-z]+\.|WhatsApp/"
    r"|Pinterest/"
)
# Of the browsers that send Sec-Fetch-Site, all but Safari say when somebody clicked or typed.
_TELLS_OF_CLICKS = re.compile(r"Chrome/|Chromium/|Firefox/|Edg/")


@dataclass(frozen=True, slots=True)
class Signs:
    """What a request's headers show.

    `action` is what its place in the catalogue says is done there. `inside`: a page of the site
    itself asked. `led`: another site's page led there. `used`: a page of the site that fills its
    tab asked by itself, as it does when somebody uses it. `page`: what is asked for is to fill a
    tab, now or, if fetched ahead, later. `framed`: it is to fill a frame of a page.
    """

    kind: Kind
    action: Action = Action.VIEW
    inside: bool = False
    led: bool = False
    used: bool = False
    page: bool = False
    framed: bool = False

    @property
    def counted(self) -> bool:
        """Whether it is counted by the hour, and has no row of its own, when it is let through."""
        return self.kind in COUNTED and not self.page

    @property
    def deliberate(self) -> bool:
        """Whether it is something a person did."""
        return self.kind in (Kind.NAVIGATION, Kind.ACTION)

    @property
    def done(self) -> str:
        """What the record says was done: the action, or that a link elsewhere was followed."""
        return FOLLOWED if self.led else self.action


def signs_of(
    headers: Mapping[str, str],
    method: str,
    action: Action,
    is_own: Callable[[str], bool],
) -> Signs:
    """What a request with these headers, by name in lower case, was.

    `action` is the catalogue's for its method, host and path. `is_own` says whether a canonical
    host belongs to the site that is asked.
    """
    site = headers.get("sec-fetch-site", "")
    mode = headers.get("sec-fetch-mode", "")
    destination = headers.get("sec-fetch-dest", "")
    page = mode == "navigate" and destination == "document"
    if _is_prefetch(headers):
        return Signs(Kind.PREFETCH, page=page or (not destination and _reads(headers)))
    asker = _asker(headers)
    if not (site and mode and destination):
        return _unmarked(headers, action, asker, is_own)
    near = site in ("same-origin", "same-site")
    # Sent from inside another site's page, and for a page's own pictures from another domain.
    third = "sec-fetch-storage-access" in headers
    own = is_own(asker) if asker else near
    inside = own and not (third and near)
    if destination == "empty" and _in_the_browsers_place(headers, mode):
        return Signs(Kind.UNKNOWN, action, inside)
    if page:
        kind = _document(headers, site)
        led = not own and site != "none"
        sent = method == "POST" and action is not Action.VIEW and not led
        if kind is Kind.NAVIGATION and sent:
            kind = Kind.ACTION
        return Signs(kind, action, inside, led, page=True)
    if own and _does(action, method):
        return Signs(Kind.ACTION, action, inside)
    framed = destination in _FRAMES
    if inside:
        return Signs(Kind.BACKGROUND, action, inside, used=not third, framed=framed)
    return Signs(Kind.EMBED, action, framed=framed)


def _is_prefetch(headers: Mapping[str, str]) -> bool:
    return any(
        "prefetch" in (value := headers.get(name, "").lower())
        or "prerender" in value
        or "preview" in value
        for name in _PREFETCH_HEADERS
    )


def _in_the_browsers_place(headers: Mapping[str, str], mode: str) -> bool:
    """Whether it is a file that is saved, or a service worker that asks for a page and cannot say
    who wanted it. Of these, Chromium's say 'navigate' and Firefox's 'same-origin'.
    """
    return mode == "navigate" or (mode == "same-origin" and _reads(headers))


def _reads(headers: Mapping[str, str]) -> bool:
    """Whether it asks for a page to read, as no script and no app does."""
    return headers.get("accept", "").startswith("text/html")


def _document(headers: Mapping[str, str], site: str) -> Kind:
    """The kind of a top-level document.

    `?1` is a click or a key. Without it, it is a page that moved itself on, or a tab that the
    browser brought back; a browser that never sends it tells typed addresses and bookmarks by
    'none', and leaves the rest unknown.
    """
    if headers.get("sec-fetch-user") == "?1":
        return Kind.NAVIGATION
    if _TELLS_OF_CLICKS.search(headers.get("user-agent", "")):
        return Kind.BACKGROUND
    return Kind.NAVIGATION if site == "none" else Kind.UNKNOWN


def _unmarked(
    headers: Mapping[str, str], action: Action, asker: str, is_own: Callable[[str], bool]
) -> Signs:
    """An app, an old browser, or a browser on an address without TLS: these send no Sec-Fetch-*."""
    inside = bool(asker) and is_own(asker)
    agent = headers.get("user-agent", "")
    if _APP.search(agent) and "Mozilla/" not in agent and not _reads(headers):
        return Signs(Kind.ACTION if action in _BY_HAND else Kind.APP, action)
    script = headers.get("x-requested-with", "").lower() == "xmlhttprequest"
    if asker and (script or headers.get("upgrade", "").lower() == "websocket"):
        return Signs(Kind.BACKGROUND if inside else Kind.EMBED, action, inside, used=inside)
    return Signs(Kind.UNKNOWN, action)


def _does(action: Action, method: str) -> bool:
    """Whether a page's own request is something that somebody did there."""
    return action is not Action.VIEW and method not in ("HEAD", "OPTIONS")


def _asker(headers: Mapping[str, str]) -> str:
    """The canonical host of the page that asked, '' if it is not said."""
    for name in ("origin", "referer"):
        try:
            host = urlsplit(headers.get(name, "")).hostname
            if host:
                return canonical_host(host)
        except (ValueError, HostError):
            continue
    return ""
