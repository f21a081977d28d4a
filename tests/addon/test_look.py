"""The colours of every page hold to WCAG 2.2 AA, worked out from the stylesheet itself."""

import re
from datetime import datetime

import pytest

from addon.look import TEMPLATES, in_words, stylesheet

TEXT, GRAPHIC = 4.5, 3.0  # WCAG 2.2, success criteria 1.4.3 and 1.4.11


def schemes():
    css = stylesheet("look.css")
    light, dark, printed = re.findall(r":root\{([^}]*)\}", css)
    colours = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", part)) for part in (light, dark, printed)
    ]
    return dict(zip(("light", "dark", "print"), colours, strict=True))


def luminance(colour):
    """Relative luminance as WCAG 2.2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [
        ("ink", "paper", TEXT),
        ("ink", "card", TEXT),
        ("ink", "wash", TEXT),
        ("soft", "paper", TEXT),
        ("soft", "card", TEXT),
        ("accent", "paper", TEXT),  # links, the mark, the focus ring
        ("accent", "card", TEXT),
        ("accent", "wash", GRAPHIC),
        ("on-accent", "accent", TEXT),  # the button, which has no background in print
        ("accent", "card", GRAPHIC),  # the button's edge
    ],
)
def test_every_pair_of_colours_can_be_read(scheme, front, back, least):
    colours = schemes()[scheme]
    if scheme == "print" and back == "accent":
        back = "card"
    assert contrast(colours[front], colours[back]) >= least


def test_every_colour_of_the_pages_is_one_of_the_named():
    rules = "".join(stylesheet(name) for name in ("look.css", "portal.css"))
    assert not re.search(r"(?<!-)(color|background): ?(#|rgb|hsl)", rules)
    named = set(schemes()["light"])
    assert set(re.findall(r"var\(--([a-z-]+)\)", rules)) <= named
    assert all(set(colours) == named for colours in schemes().values())


def test_no_stylesheet_or_template_fetches_anything():
    for path in TEMPLATES.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"url\(|@import|<script|src=|https?://", text), path.name


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2026, 6, 8, 9, 5), "Monday 8 June 2026 at 09:05"),  # noqa: DTZ001 - words only
        (datetime(2027, 1, 31, 23, 59), "Sunday 31 January 2027 at 23:59"),  # noqa: DTZ001
    ],
)
def test_times_are_said_as_people_say_them(moment, words):
    assert in_words(moment) == words
