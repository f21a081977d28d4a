"""Which answer suits which request, as a table of what browsers and programs really send."""

import pytest

from addon.answer_kind import AnswerKind, answer_kind

PAGE, JSON, EMPTY = AnswerKind.PAGE, AnswerKind.JSON, AnswerKind.EMPTY
NAVIGATION = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("who", "method", "headers", "expected"),
    [
        ("a tab", "GET", {"sec-fetch-dest": "document", "accept": NAVIGATION}, PAGE),
        ("a tab that sends a form", "POST", {"sec-fetch-dest": "document"}, PAGE),
        ("a tab, oddly written", "GET", {"sec-fetch-dest": " Document "}, PAGE),
        ("an iframe", "GET", {"sec-fetch-dest": "iframe", "accept": NAVIGATION}, EMPTY),
        ("a frame", "GET", {"sec-fetch-dest": "frame", "accept": NAVIGATION}, EMPTY),
        ("an embed", "GET", {"sec-fetch-dest": "embed", "accept": NAVIGATION}, EMPTY),
        ("an object", "GET", {"sec-fetch-dest": "object", "accept": NAVIGATION}, EMPTY),
        ("an image", "GET", {"sec-fetch-dest": "image", "accept": "image/avif,*/*"}, EMPTY),
        ("a script", "GET", {"sec-fetch-dest": "script", "accept": "*/*"}, EMPTY),
        (
            "a manifest in JSON",
            "GET",
            {"sec-fetch-dest": "manifest", "accept": "application/json"},
            EMPTY,
        ),
        ("a socket", "GET", {"sec-fetch-dest": "websocket", "accept": "*/*"}, EMPTY),
        (
            "a use nobody has invented",
            "GET",
            {"sec-fetch-dest": "hologram", "accept": NAVIGATION},
            EMPTY,
        ),
        ("fetch()", "GET", {"sec-fetch-dest": "empty", "accept": "*/*"}, EMPTY),
        (
            "fetch() for a page's text",
            "GET",
            {"sec-fetch-dest": "empty", "accept": "text/html"},
            EMPTY,
        ),
        (
            "fetch() for JSON",
            "POST",
            {"sec-fetch-dest": "empty", "accept": "application/json"},
            JSON,
        ),
        ("axios", "GET", {"accept": "application/json, text/plain, */*"}, JSON),
        ("an old browser", "GET", {"accept": NAVIGATION}, PAGE),
        ("an old browser's form", "POST", {"accept": NAVIGATION}, PAGE),
        ("an old browser's image", "GET", {"accept": "image/webp,*/*;q=0.8"}, EMPTY),
        ("an old browser's style", "GET", {"accept": "text/css,*/*;q=0.1"}, EMPTY),
        ("an app's own JSON", "GET", {"accept": "application/vnd.app.v2+json"}, JSON),
        ("JSON liked better", "GET", {"accept": "text/html;q=0.5, application/json"}, JSON),
        ("HTML liked better", "GET", {"accept": "application/json;q=0.5, text/html;q=0.6"}, PAGE),
        ("HTML and JSON alike", "GET", {"accept": "application/json, text/html"}, PAGE),
        ("HTML refused", "GET", {"accept": "text/html;q=0"}, EMPTY),
        ("a q that is none", "GET", {"accept": "text/html;q=lots, application/json;q=nan"}, EMPTY),
        ("nonsense", "GET", {"accept": ",;=;q=,,"}, EMPTY),
        ("curl in a shell", "GET", {"accept": "*/*", "user-agent": "curl/8"}, PAGE),
        ("curl that sends something", "POST", {"accept": "*/*"}, EMPTY),
        ("no headers at all", "GET", {}, PAGE),
        (
            "a script over plain HTTP",
            "GET",
            {"accept": "*/*", "referer": "http://news.example/"},
            EMPTY,
        ),
        (
            "a font over plain HTTP",
            "GET",
            {"accept": "*/*", "origin": "http://news.example"},
            EMPTY,
        ),
        ("an old XHR", "GET", {"accept": "*/*", "x-requested-with": "XMLHttpRequest"}, EMPTY),
        ("a plain WebSocket", "GET", {"upgrade": "websocket"}, EMPTY),
    ],
)
def test_the_answer_suits_who_asks(who, method, headers, expected):
    assert answer_kind(method, headers) is expected, who


def test_an_endless_accept_is_read_only_so_far():
    assert answer_kind("GET", {"accept": "image/png," * 10_000 + "text/html"}) is EMPTY
