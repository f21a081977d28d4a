"""The answer to a refused request: the block page, a few words of JSON, or an empty body.

A refusal has to be about as cheap as no page at all, because a busy classroom can be refused a
thousand times a second. Between two refusals of one site only host, reference and time differ, so a
page is rendered once with markers for them, kept as the pieces between, and later joined. Markers
contain NUL, which `_clean` takes out of every text that comes from outside.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from jinja2 import Template
from markupsafe import Markup, escape

from addon.answer_kind import AnswerKind, answer_kind
from addon.block_words import OTHERWISE, WORDS
from addon.look import content_security_policy, in_words, stylesheet, templates

_STYLE: Final = ("look.css",)
# Characters of one text from outside, so that the page stays under 12 KB.
_LONGEST: Final = 400
_LONGEST_CLAUSE: Final = 2000
_HOST: Final = "\0host\0"
_HOST_IN_LINK: Final = "\0hostlink\0"
_REFERENCE: Final = "\0reference\0"
_REFERENCE_IN_LINK: Final = "\0referencelink\0"
_TIME: Final = "\0time\0"
_MACHINE_TIME: Final = "\0machine\0"
_MARKER: Final = re.compile("\0([a-z]+)\0")

type Headers = tuple[tuple[str, str], ...]

# Which answer was given depends on these, should anything keep it in spite of no-store.
_COMMON: Final[Headers] = (
    ("Cache-Control", "no-store"),
    ("Vary", "Accept, Sec-Fetch-Dest"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)
_JSON_HEADERS: Final[Headers] = (
    *_COMMON,
    ("Content-Type", "application/json"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
# No frame-ancestors here: an empty frame should stay empty, not show the browser's own complaint.
_EMPTY_HEADERS: Final[Headers] = (*_COMMON, ("Content-Length", "0"))


class Answer(NamedTuple):
    """An HTTP answer; a HEAD request's has Content-Length too, but no body."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class BlockPage:
    """What is the same each time one site is refused for one reason. The texts are not HTML."""

    outcome: str  # a value of rules.policy.Outcome; it chooses heading and advice
    school: str
    site: str  # the site's name, or its host where it has none
    reason: str
    clause_heading: str = ""
    clause_text: str = ""
    contact_name: str = ""
    contact_role: str = ""
    contact_email: str = ""
    contact_phone: str = ""
    portal_url: str = ""  # 'http://portal.example:8081'; the link is left out if it is not http(s)
    status: int = 403
    sign_in: bool = False  # whether the portal takes sign-ins


def answer(
    page: BlockPage,
    *,
    host: str,
    reference: str,
    at: datetime,
    method: str,
    headers: Mapping[str, str],
) -> Answer:
    """The answer that suits a request for `host` with this method and these headers.

    `reference` is the event's ('7K3QD-9M2XA') and `at` the school's local time. `headers.get` must
    not mind upper and lower case.
    """
    kind = answer_kind(method, headers)
    if kind is AnswerKind.EMPTY:
        return Answer(page.status, _EMPTY_HEADERS, b"")
    if kind is AnswerKind.JSON:
        named, body = _JSON_HEADERS, _json(page, reference)
    else:
        named, body = _page_headers(), _html(page, host, reference, at)
    length = ("Content-Length", str(len(body)))
    return Answer(page.status, (*named, length), b"" if method == "HEAD" else body)


@cache
def _page_headers() -> Headers:
    return (
        *_COMMON,
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Language", "en-GB"),
        ("Content-Security-Policy", content_security_policy(*_STYLE)),
    )


def _json(page: BlockPage, reference: str) -> bytes:
    page = _cleaned(page)
    facts = {
        "site": page.site,
        "reason": page.reason,
        "clause": {"heading": page.clause_heading, "text": page.clause_text},
        "reference": reference,
    }
    return json.dumps(facts).encode()


def _html(page: BlockPage, host: str, reference: str, at: datetime) -> bytes:
    host = _clean(host, _LONGEST)
    values = {
        "host": escape(host),
        "hostlink": quote(host, safe=""),
        "reference": escape(reference),
        "referencelink": quote(reference, safe=""),
        "time": escape(in_words(at)),
        "machine": at.isoformat(timespec="minutes"),
    }
    pieces = list(_pieces(page))
    for place in range(1, len(pieces), 2):
        pieces[place] = values[pieces[place]]
    return "".join(pieces).encode()


@lru_cache(maxsize=256)
def _pieces(page: BlockPage) -> tuple[str, ...]:
    """The page cut at its markers: text, name of a value, text, ..., text."""
    page = _cleaned(page)
    rendered = _template().render(
        page=page,
        words=WORDS.get(page.outcome, OTHERWISE),
        style=stylesheet(*_STYLE),
        host=_HOST,
        reference=_REFERENCE,
        time=_TIME,
        machine_time=_MACHINE_TIME,
        ask_link=_ask_link(page),
        sign_in_link=_sign_in_link(page),
        mail_link=_mail_link(page),
        telephone_link=Markup("tel:") + re.sub(r"[^0-9+]", "", page.contact_phone),
    )
    return tuple(_MARKER.split(rendered))


@cache
def _template() -> Template:
    return templates().get_template("block.html")


def _ask_link(page: BlockPage) -> str:
    """Where the portal takes requests; '' when there is no portal that a browser could open."""
    if urlsplit(page.portal_url).scheme not in ("http", "https"):
        return ""
    about = WORDS.get(page.outcome, OTHERWISE).about
    asked = f"site={_HOST_IN_LINK}&reference={_REFERENCE_IN_LINK}"
    return f"{page.portal_url.rstrip('/')}/ask?{asked}{'&about=' + about if about else ''}"


def _sign_in_link(page: BlockPage) -> str:
    """Where the portal takes sign-ins; '' where it takes none, or where one would not help."""
    helps = page.sign_in and page.outcome == "unidentified"
    if not helps or urlsplit(page.portal_url).scheme not in ("http", "https"):
        return ""
    return f"{page.portal_url.rstrip('/')}/sign-in"


def _mail_link(page: BlockPage) -> str:
    subject = quote(f"{page.site} (reference ", safe="") + _REFERENCE_IN_LINK + ")"
    return f"mailto:{quote(page.contact_email, safe='@')}?subject={subject}"


@lru_cache(maxsize=256)
def _cleaned(page: BlockPage) -> BlockPage:
    """The page's texts without anything invisible, and none of them endless."""
    texts: dict[str, Any] = {
        field.name: _clean(value, _LONGEST_CLAUSE if field.name == "clause_text" else _LONGEST)
        for field in fields(page)
        if isinstance(value := getattr(page, field.name), str)
    }
    return replace(page, **texts)


def _clean(text: str, longest: int) -> str:
    """No control, format or surrogate characters: they hide text, or turn its direction round.

    They are Unicode's categories Cc, Cf and Cs. A line break becomes a space first.
    """
    if not (text.isascii() and text.isprintable()):
        text = " ".join(text.split())
        text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    if len(text) > longest:
        text = text[:longest].rsplit(" ", 1)[0] + "…"
    return text
