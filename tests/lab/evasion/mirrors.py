"""Rows: services that show the site under a name of their own."""

from __future__ import annotations

from collections.abc import Callable

from tests.lab.device import Answer, Device, get
from tests.lab.evasion.row import Row, Verdict

THEME = "translators and archives"
ARCHIVE, TRANSLATOR = "web.archive.org", "translate.google.com"


def asked(host: str, path: str = "/") -> Callable[[Device], Answer]:
    return lambda device: device.tls(device.at(host), host.encode(), get(host, path))


def in_the_clear(host: str, path: str) -> Callable[[Device], Answer]:
    return lambda device: device.say(device.at(host), get(host, path))


WHY = "a copy of the site is the site"
COPIES = (
    ("an archive's copy", ARCHIVE, "/web/2026/https://www.facebook.com/"),
    ("an archive's copy, without a scheme", ARCHIVE, "/web/2026/www.facebook.com/"),
    ("an archive's copy, capitals", ARCHIVE, "/web/2026/HTTPS://WWW.FACEBOOK.COM/"),
    ("an archive's copy, encoded", ARCHIVE, "/web/2026/https%3A%2F%2Fwww.facebook.com%2F"),
    ("an archive's copy, encoded twice", ARCHIVE, "/web/2026/https%253A%252F%252Fwww.facebook.com"),
    ("an archive's copy, a letter encoded", ARCHIVE, "/web/2026/https://www.f%61cebook.com/"),
    ("an archive's copy, with a port", ARCHIVE, "/web/2026/https://www.facebook.com:443/"),
    ("an archive's copy, with a user name", ARCHIVE, "/web/2026/https://a:b@www.facebook.com/"),
    ("an archive's copy, with a final dot", ARCHIVE, "/web/2026/https://www.facebook.com./"),
    ("an archive's copy, for a picture", ARCHIVE, "/web/2026im_/https://static.xx.fbcdn.net/a"),
    (
        "an archive's copy of an archive's copy",
        ARCHIVE,
        "/web/2026/https://web.archive.org/web/2025/https://www.facebook.com/",
    ),
    (
        "an archive's copy of a translation",
        ARCHIVE,
        "/web/2026/https://www-facebook-com.translate.goog/",
    ),
    ("an archive's copy, the address in decimal", ARCHIVE, "/web/2026/http://2649808163/"),
    ("a translation, by the query", TRANSLATOR, "/translate?sl=de&u=https://www.facebook.com/"),
    (
        "a translation, by the query, encoded",
        TRANSLATOR,
        "/translate?u=https%3A%2F%2Fwww.facebook.com%2F",
    ),
)

ROWS = (
    Row(
        THEME,
        "a translation, by the name",
        asked("www-facebook-com.translate.goog"),
        Verdict.RECORDED,
        WHY,
        six=True,
    ),
    *(
        Row(THEME, case, asked(host, path), Verdict.RECORDED, WHY)
        for case, host, path in COPIES
        if "decimal" not in case
    ),
    Row(
        THEME,
        "an archive's copy, in the clear",
        in_the_clear(ARCHIVE, "/web/2026/http://www.facebook.com/"),
        Verdict.RECORDED,
        WHY,
    ),
    Row(
        THEME,
        "an archive's copy of an unrelated site",
        asked(ARCHIVE, "/web/2026/https://www.bbc.co.uk/"),
        Verdict.LOOKED_INTO,
        "which page is asked for shows only inside",
        six=True,
    ),
)
