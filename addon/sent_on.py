"""Where a click leads, which only the answer tells.

A click on a short link is one opening, however many steps it takes. The first step is decided and
on record before anybody knows that it leads on. When it does, what follows within the site belongs
to it; and if it leads off the site, as `t.co` does from a letter to a newspaper, it was no act on
the site after all. Nor is a page opened when a file is saved, which Firefox asks for as for a page.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from mitmproxy.http import HTTPFlow, Response

from addon.gate import Gate
from addon.passage import Opened, Passage
from rules.hosts import HostError, canonical_host

_MOVES = frozenset({301, 302, 303, 307, 308})


def place_of(host: str, path: str) -> int:
    """What stands for a page in memory: its host and path, which nobody reads back from it."""
    return hash((host, path))


def asking_place(headers: Mapping[str, str]) -> int | None:
    """The place of the page that asked, as far as its browser says so."""
    try:
        asker = urlsplit(headers.get("referer", ""))
        return place_of(canonical_host(asker.hostname or ""), asker.path or "/")
    except (ValueError, HostError):
        return None


def note_where_it_leads(gate: Gate, flow: HTTPFlow, passage: Passage) -> None:
    """Takes in the head of a response to a page that somebody opened."""
    assert flow.response
    opened = passage.opened
    if opened is None:
        return
    if flow.response.status_code not in _MOVES:
        if is_saved(flow.response):
            _take_back(gate, opened, passage)
        return
    base = f"https://{flow.request.host}{flow.request.path}"
    try:
        to = urlsplit(urljoin(base, flow.response.headers.get("location", "")))
        host = canonical_host(to.hostname or "")
    except (ValueError, HostError):
        return
    if gate.policy.now.policy.restricted_site(host) is opened.site:
        gate.before.leads(opened.device, place_of(host, to.path or "/"), time.monotonic())
    else:
        _take_back(gate, opened, passage)


def is_saved(response: Response) -> bool:
    """Whether a browser saves this and shows nothing (RFC 6266, section 4.2)."""
    shown: str = response.headers.get("content-disposition", "")
    kind: str = response.headers.get("content-type", "")
    what = kind.partition(";")[0].strip().lower()
    return shown.strip().lower().startswith("attachment") or what == "application/octet-stream"


def _take_back(gate: Gate, opened: Opened, passage: Passage) -> None:
    if opened.person is not None and passage.event is not None:
        gate.recorder.no_act(opened.person, passage.event)
