"""How Schoolgate's pages look: one stylesheet and one set of templates for all of them.

A page carries its stylesheet inside it, because a block page is served in another site's name and
can fetch nothing of ours. The Content-Security-Policy then names that stylesheet by its hash, so
that nothing else on the page, whatever text found its way in, can bring style or script with it.
"""

import base64
import hashlib
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES: Final = Path(__file__).parent / "templates"

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip


@cache
def stylesheet(*names: str) -> Markup:
    """The named files of the templates folder as one compact stylesheet, fit for <style>."""
    text = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in names)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ?([{};,]) ?", r"\1", text).strip()
    return Markup(text)  # noqa: S704 - our own file, no outside text


@cache
def content_security_policy(*names: str) -> str:
    """The Content-Security-Policy (level 3) of a page whose only style is `stylesheet(*names)`."""
    digest = hashlib.sha256(stylesheet(*names).encode()).digest()
    return (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(digest).decode()}'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def templates() -> Environment:
    """The Jinja2 environment of the pages: escaping is on, and a missing name is an error."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def in_words(moment: datetime) -> str:
    """A local time as people say it: 'Monday 8 June 2026 at 09:05'.

    The names are ours because strftime's follow the server's locale.
    """
    return (
        f"{_DAYS[moment.weekday()]} {moment.day} {_MONTHS[moment.month - 1]} {moment.year}"
        f" at {moment.hour:02}:{moment.minute:02}"
    )
