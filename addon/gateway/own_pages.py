"""What HAProxy itself says over HTTP, where nobody behind it answers."""

from __future__ import annotations

from typing import Final

CLOSED: Final = "The school's gate cannot look at this page now, so it stays closed."

_OF_REQUESTS: Final = (
    (405, "The school's gate does not pass this kind of request on."),
    (429, "Too many pages are being asked for at once here."),
)
"""Answers to requests that go nowhere. To one that cannot be read, or never ends, HAProxy 2.6.12
says a line of its own (400, 408), which is plain and cannot be changed.
"""


def own_pages() -> str:
    """Lines of its configuration with a page for each such answer."""
    return "\n".join(page(status, words) for status, words in _OF_REQUESTS)


def page(status: int, words: str) -> str:
    """A line of its configuration: a page in a sentence of ours, with a status of HTTP's."""
    text = (
        "<!doctype html><html lang='en'><meta name='viewport' content='width=device-width'>"
        f"<title>{words}</title><p>{words}<p>Please try again in a minute. If it goes on, tell"
        " the person who looks after the school's computers.</html>"
    )
    text = text.replace('"', "'")
    return f'    http-error status {status} content-type "text/html; charset=utf-8" string "{text}"'
