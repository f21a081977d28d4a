"""What kind of request it was, from headers that real browsers and apps send."""

from __future__ import annotations

import pytest

from addon.evidence import Kind, Signs, signs_of
from rules.sites import Action

TYPED = {
    "sec-fetch-site": "none",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "sec-fetch-user": "?1",
}
FRAME = {
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "iframe",
    "sec-fetch-storage-access": "none",
    "referer": "https://news.example/",
}
FETCH = {
    "sec-fetch-site": "same-origin",
    "sec-fetch-mode": "cors",
    "sec-fetch-dest": "empty",
    "referer": "https://www.facebook.com/",
}
IMAGE = {
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "no-cors",
    "sec-fetch-dest": "image",
}
MOVED = {
    "sec-fetch-site": "same-origin",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "referer": "https://www.facebook.com/",
}
CHROMIUM = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) AppleWebKit/605.1.15 Version/26.0 Safari"
FACEBOOK_APP = "[FBAN/FB4A;FBAV/400.0] FBAndroidSDK.14.0"
IN_AN_APP = f"{CHROMIUM} [FBAN/FBIOS;FBAV/400.0]"


def without(headers: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}


def signs(headers: dict[str, str], method: str = "GET", action: Action = Action.VIEW) -> Signs:
    def is_facebooks(host: str) -> bool:
        return host.endswith(("facebook.com", "fbcdn.net"))

    return signs_of(headers, method, action, is_facebooks)


AS_A_PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
FORGED = {"sec-fetch-site": "cross-site", "origin": "https://game.example"}

CASES = [
    # who asks, what is sent, the kind
    ("a typed address", TYPED, Kind.NAVIGATION),
    ("a link from elsewhere", {**TYPED, "sec-fetch-site": "cross-site"}, Kind.NAVIGATION),
    (
        "a bookmark in a browser that never tells of clicks",
        {**without(TYPED, "sec-fetch-user"), "user-agent": SAFARI},
        Kind.NAVIGATION,
    ),
    (
        "a page opened by a browser that would tell of a click",
        {**without(TYPED, "sec-fetch-user"), "user-agent": CHROMIUM},
        Kind.BACKGROUND,
    ),
    ("a page that moved itself on", {**MOVED, "user-agent": CHROMIUM}, Kind.BACKGROUND),
    (
        "a link or a page's own move, in a browser that never tells of clicks",
        {**MOVED, "user-agent": SAFARI},
        Kind.UNKNOWN,
    ),
    (
        "a service worker that fetches a page",
        {**FETCH, "sec-fetch-mode": "navigate"},
        Kind.UNKNOWN,
    ),
    (
        "a service worker that fetches a page in Firefox",
        {
            **without(FETCH, "referer"),
            "sec-fetch-mode": "same-origin",
            "accept": AS_A_PAGE,
        },
        Kind.UNKNOWN,
    ),
    (
        "a script that asks its own site for data",
        {**FETCH, "sec-fetch-mode": "same-origin", "accept": "*/*"},
        Kind.BACKGROUND,
    ),
    ("a prefetch", {**TYPED, "sec-purpose": "prefetch"}, Kind.PREFETCH),
    ("a prerender", {**TYPED, "sec-purpose": "prefetch;prerender"}, Kind.PREFETCH),
    ("an older prefetch", {**TYPED, "purpose": "prefetch"}, Kind.PREFETCH),
    ("Firefox's prefetch", {**TYPED, "x-moz": "prefetch"}, Kind.PREFETCH),
    ("Safari's preview", {**TYPED, "x-purpose": "preview"}, Kind.PREFETCH),
    ("a comment box on another site's page", FRAME, Kind.EMBED),
    ("a link clicked in a comment box", {**FRAME, "sec-fetch-user": "?1"}, Kind.EMBED),
    (
        "what a comment box fetches from its own site",
        {**FETCH, "sec-fetch-storage-access": "none"},
        Kind.EMBED,
    ),
    ("a tracking pixel", {**IMAGE, "referer": "https://news.example/"}, Kind.EMBED),
    ("a tracking pixel that does not say on whose page", IMAGE, Kind.EMBED),
    (
        "a picture of the site's own from its other domain",
        {
            **IMAGE,
            "referer": "https://www.facebook.com/",
            "sec-fetch-storage-access": "none",
        },
        Kind.BACKGROUND,
    ),
    ("a page's own polling", FETCH, Kind.BACKGROUND),
    ("a frame of the site's own", {**MOVED, "sec-fetch-dest": "iframe"}, Kind.BACKGROUND),
    (
        "a chat's WebSocket",
        {"upgrade": "websocket", "origin": "https://www.facebook.com"},
        Kind.BACKGROUND,
    ),
    (
        "another page's WebSocket",
        {"upgrade": "websocket", "origin": "https://news.example"},
        Kind.EMBED,
    ),
    ("a WebSocket of nobody's", {"upgrade": "websocket"}, Kind.UNKNOWN),
    (
        "a script in an old browser",
        {"x-requested-with": "XMLHttpRequest", "referer": "https://m.facebook.com/home"},
        Kind.BACKGROUND,
    ),
    ("an app", {"user-agent": FACEBOOK_APP}, Kind.APP),
    ("an app's library", {"user-agent": "okhttp/4.12.0"}, Kind.APP),
    (
        "a browser that calls itself an app",
        {"user-agent": "okhttp/4.12.0", "accept": AS_A_PAGE},
        Kind.UNKNOWN,
    ),
    ("a page inside an app", {**TYPED, "user-agent": IN_AN_APP}, Kind.NAVIGATION),
    ("an old browser inside an app", {"user-agent": IN_AN_APP}, Kind.UNKNOWN),
    ("no headers at all", {}, Kind.UNKNOWN),
    ("half the headers", {"sec-fetch-mode": "navigate"}, Kind.UNKNOWN),
    ("a forged click", {"sec-fetch-user": "?1"}, Kind.UNKNOWN),
    ("a click without a destination", without(TYPED, "sec-fetch-dest"), Kind.UNKNOWN),
    ("an address without TLS", {"user-agent": CHROMIUM}, Kind.UNKNOWN),
    ("an asker that is no address", {**IMAGE, "referer": "https://[half"}, Kind.EMBED),
    ("an asker with a name nobody has", {**IMAGE, "referer": "https://a..b/"}, Kind.EMBED),
    ("an asker that will not say", {**IMAGE, "origin": "null"}, Kind.EMBED),
]


@pytest.mark.parametrize(("headers", "kind"), [pytest.param(*row[1:], id=row[0]) for row in CASES])
def test_a_kind_is_never_more_deliberate_than_the_headers_show(
    headers: dict[str, str], kind: Kind
) -> None:
    assert signs(headers).kind is kind


@pytest.mark.parametrize(
    ("headers", "method", "action", "kind"),
    [
        pytest.param(FETCH, "POST", Action.POST, Kind.ACTION, id="a post"),
        pytest.param(FETCH, "GET", Action.SEARCH, Kind.ACTION, id="a search as it is typed"),
        pytest.param(TYPED, "GET", Action.SEARCH, Kind.NAVIGATION, id="a page of results"),
        pytest.param(TYPED, "POST", Action.SIGN_IN, Kind.ACTION, id="a sign-in form"),
        pytest.param(
            {**FETCH, "sec-fetch-storage-access": "none"},
            *("POST", Action.REACT, Kind.ACTION),
            id="a like in an embedded button",
        ),
        pytest.param({**FETCH, **FORGED}, "POST", Action.POST, Kind.EMBED, id="a forged post"),
        pytest.param({**IMAGE, **FORGED}, "GET", Action.SEARCH, Kind.EMBED, id="a forged search"),
        pytest.param(
            {**without(FETCH, "referer"), "sec-fetch-site": "cross-site", "origin": "null"},
            *("POST", Action.MESSAGE, Kind.EMBED),
            id="a message from a page that will not say whose it is",
        ),
        pytest.param(
            {**TYPED, **FORGED}, "POST", Action.MESSAGE, Kind.NAVIGATION, id="a forged form"
        ),
        pytest.param(
            {**TYPED, **FORGED, "sec-fetch-dest": "iframe"},
            *("POST", Action.MESSAGE, Kind.EMBED),
            id="a forged form in a frame",
        ),
        pytest.param(
            {**FETCH, "sec-fetch-site": "cross-site", "origin": "https://m.facebook.com"},
            *("POST", Action.UPLOAD, Kind.ACTION),
            id="an upload to the site's other domain",
        ),
        pytest.param(FETCH, "OPTIONS", Action.POST, Kind.BACKGROUND, id="a preflight"),
        pytest.param(
            {**TYPED, "sec-purpose": "prefetch"},
            *("GET", Action.SEARCH, Kind.PREFETCH),
            id="results fetched beforehand",
        ),
        pytest.param(
            {"user-agent": FACEBOOK_APP}, "POST", Action.MESSAGE, Kind.ACTION, id="an app's message"
        ),
        pytest.param(
            {"user-agent": FACEBOOK_APP}, "POST", Action.SIGN_IN, Kind.APP, id="an app signs in"
        ),
        pytest.param({}, "POST", Action.POST, Kind.UNKNOWN, id="a post of nobody's"),
    ],
)
def test_an_action_is_what_the_catalogue_says_is_done_there(
    headers: dict[str, str], method: str, action: Action, kind: Kind
) -> None:
    found = signs(headers, method, action)
    assert found.kind is kind
    assert found.action is (Action.VIEW if kind is Kind.PREFETCH else action)


@pytest.mark.parametrize(
    ("headers", "inside"),
    [
        pytest.param(TYPED, False, id="typed"),
        pytest.param({**TYPED, "sec-fetch-site": "cross-site"}, False, id="from elsewhere"),
        pytest.param({**TYPED, "sec-fetch-site": "same-origin"}, True, id="from the same page"),
        pytest.param(
            {**TYPED, "sec-fetch-site": "cross-site", "referer": "https://m.facebook.com/"},
            *(True,),
            id="from another of the site's names",
        ),
        pytest.param(
            {**TYPED, "sec-fetch-site": "same-site", "referer": "https://news.example/"},
            *(False,),
            id="the asker's name has the last word",
        ),
    ],
)
def test_a_click_inside_the_site_is_told_from_one_elsewhere(
    headers: dict[str, str], inside: bool
) -> None:
    assert signs(headers).inside is inside


@pytest.mark.parametrize(
    ("headers", "action", "done"),
    [
        pytest.param(TYPED, Action.VIEW, "view", id="typed"),
        pytest.param(TYPED, Action.SEARCH, "search", id="a search, typed"),
        pytest.param({**TYPED, **FORGED}, Action.VIEW, "follow", id="a link elsewhere"),
        pytest.param({**TYPED, **FORGED}, Action.SEARCH, "follow", id="a search, linked to"),
        pytest.param({**TYPED, **FORGED}, Action.SIGN_IN, "follow", id="a sign-in, linked to"),
        pytest.param(
            {**TYPED, "sec-fetch-site": "cross-site"},
            Action.VIEW,
            "follow",
            id="nobody knows where",
        ),
        pytest.param(
            {**TYPED, "sec-fetch-site": "same-origin"}, Action.SEARCH, "search", id="inside"
        ),
        pytest.param(
            {**TYPED, "sec-fetch-site": "cross-site", "referer": "https://m.facebook.com/"},
            *(Action.VIEW, "view"),
            id="from another of the site's names",
        ),
        pytest.param(FETCH, Action.POST, "post", id="a post"),
    ],
)
def test_what_another_sites_page_led_to_is_told_from_what_was_done_on_the_site(
    headers: dict[str, str], action: Action, done: str
) -> None:
    assert signs(headers, "POST" if action is Action.POST else "GET", action).done == done


@pytest.mark.parametrize(
    ("headers", "page"),
    [
        pytest.param({**TYPED, "sec-purpose": "prefetch"}, True, id="a page fetched ahead"),
        pytest.param({"purpose": "prefetch", "accept": AS_A_PAGE}, True, id="all else left out"),
        pytest.param({**IMAGE, "sec-purpose": "prefetch"}, False, id="a picture"),
        pytest.param({"purpose": "prefetch", "accept": "*/*"}, False, id="nobody knows what"),
    ],
)
def test_a_page_is_an_event_even_if_it_says_that_it_is_only_fetched_ahead(
    headers: dict[str, str], page: bool
) -> None:
    found = signs(headers)
    assert (found.kind, found.counted) == (Kind.PREFETCH, not page)


def test_only_a_page_that_fills_its_tab_is_in_use() -> None:
    assert signs(FETCH).used
    assert not signs({**FETCH, "sec-fetch-storage-access": "none"}).used
    assert not signs({**IMAGE, "referer": "https://news.example/"}).used
