"""Where a click leads: what the answer's head and the page that asked tell."""

from __future__ import annotations

import pytest
from mitmproxy.http import Response

from addon.sent_on import asking_place, is_saved, place_of


@pytest.mark.parametrize(
    ("headers", "saved"),
    [
        ({"Content-Type": "text/html; charset=utf-8"}, False),
        ({"Content-Type": "application/pdf"}, False),
        ({"Content-Type": "application/pdf", "Content-Disposition": "inline"}, False),
        ({"Content-Type": "text/html", "Content-Disposition": "Attachment; filename=a"}, True),
        ({"Content-Type": "Application/Octet-Stream"}, True),
        ({}, False),
    ],
)
def test_a_file_that_a_browser_saves_is_told_from_a_page(
    headers: dict[str, str], saved: bool
) -> None:
    assert is_saved(Response.make(200, b"", headers)) is saved


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        ("https://X.com/widget?theme=dark#top", ("x.com", "/widget")),
        ("https://x.com", ("x.com", "/")),
        ("", None),
        ("https://[half", None),
        ("https://a..b/", None),
    ],
)
def test_the_place_of_the_page_that_asked_is_known_if_it_says_so(
    referer: str, page: tuple[str, str] | None
) -> None:
    assert asking_place({"referer": referer}) == (page and place_of(*page))
