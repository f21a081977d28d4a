"""What kind of request it was, from headers that real browsers send."""

from __future__ import annotations

import pytest

from addon.evidence import Kind, kind_of

TYPED = {
    "sec-fetch-site": "none",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "sec-fetch-user": "?1",
}


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        pytest.param(TYPED, Kind.NAVIGATION, id="a typed address"),
        pytest.param(
            {**TYPED, "sec-fetch-site": "cross-site"}, Kind.NAVIGATION, id="a link from elsewhere"
        ),
        pytest.param(
            {k: v for k, v in TYPED.items() if k != "sec-fetch-user"},
            Kind.NAVIGATION,
            id="a bookmark in a browser that sends no user activation",
        ),
        pytest.param(
            {
                "sec-fetch-site": "same-origin",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "document",
            },
            Kind.BACKGROUND,
            id="a page that moved itself on",
        ),
        pytest.param({**TYPED, "sec-purpose": "prefetch"}, Kind.PREFETCH, id="a prefetch"),
        pytest.param(
            {**TYPED, "sec-purpose": "prefetch;prerender"}, Kind.PREFETCH, id="a prerender"
        ),
        pytest.param({**TYPED, "purpose": "prefetch"}, Kind.PREFETCH, id="an older prefetch"),
        pytest.param({**TYPED, "x-moz": "prefetch"}, Kind.PREFETCH, id="Firefox's prefetch"),
        pytest.param({**TYPED, "x-purpose": "preview"}, Kind.PREFETCH, id="Safari's preview"),
        pytest.param(
            {**TYPED, "sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site"},
            Kind.EMBED,
            id="a comment box on another site's page",
        ),
        pytest.param(
            {
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "no-cors",
                "sec-fetch-dest": "image",
            },
            Kind.EMBED,
            id="a tracking pixel",
        ),
        pytest.param(
            {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
            Kind.BACKGROUND,
            id="a page's own polling",
        ),
        pytest.param(
            {
                "sec-fetch-site": "same-origin",
                "sec-fetch-mode": "websocket",
                "sec-fetch-dest": "websocket",
            },
            Kind.BACKGROUND,
            id="a chat's WebSocket",
        ),
        pytest.param({}, Kind.UNKNOWN, id="no headers at all"),
        pytest.param({"sec-fetch-mode": "navigate"}, Kind.UNKNOWN, id="half the headers"),
        pytest.param({"sec-fetch-user": "?1"}, Kind.UNKNOWN, id="a forged click"),
    ],
)
def test_a_kind_is_never_more_deliberate_than_the_headers_show(
    headers: dict[str, str], kind: Kind
) -> None:
    assert kind_of(headers) is kind
