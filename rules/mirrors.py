"""Seeing through mirrors: services that show another site's page under a name of their own.

A translation, an archive, a search engine's copy or an AMP page of a social site is that site to
the person who reads it, so it counts as that site here. Two kinds are known. Some write the other
site's name into their own host (`www-facebook-com.translate.goog`), which the server name already
shows. Others carry an address in the path or the query, which shows only once it is decrypted;
`shows_others` says which hosts are worth that.

What shows others by address is decrypted, so only services that do little else are among them. Left
out are therefore `www.google.com/amp/s/...`, whose page comes from `cdn.ampproject.org` or the site
itself, and `www.bing.com/translator`, whose page comes from one of Microsoft's hosts below.

Sources: Google's and the AMP project's descriptions of the host form ("-" for ".", "--" for "-");
the archives' own address forms.
"""

import re
from urllib.parse import unquote

from rules.google_countries import GOOGLE_ENDINGS
from rules.hosts import HostError, canonical_host

# Hosts below these carry the other name in their first label.
BY_NAME = (
    ".translate.goog",
    ".cdn.ampproject.org",
    ".bing-amp.com",
    ".amp.cloudflare.com",
)

# Hosts that carry an address in the path or query.
BY_ADDRESS = frozenset(
    {
        "web.archive.org",
        "wayback.archive.org",
        "archive.ph",
        "archive.today",
        "archive.is",
        "archive.li",
        "archive.vn",
        "archive.fo",
        "archive.md",
        "webcache.googleusercontent.com",
        "cc.bingj.com",
        "translate.google.com",
        *(f"translate.google.{ending}" for ending in GOOGLE_ENDINGS),
        "translate.googleusercontent.com",
        "papago.naver.net",
        "ghostarchive.org",
        "arquivo.pt",
        "timetravel.mementoweb.org",
        "translatetheweb.com",
        "www.translatetheweb.com",
        *(
            f"translate.yandex.{ending}"
            for ending in ("com", "com.tr", "ru", "by", "kz", "ua", "uz")
        ),
        "yandexwebcache.net",
        "yandexwebcache.org",
        "megalodon.jp",
        "gyo.tc",
        "translated.turbopages.org",
        "www.translatoruser-int.com",
        "12ft.io",
        "r.jina.ai",
    }
)

MIRRORS = BY_ADDRESS | {suffix.removeprefix(".") for suffix in BY_NAME}
"""The domains of them all; those that carry a name carry it in a label below."""

# Bounded, and looked for in the first part only: the client writes the address.
_HOST = r"[^\s/?#&:+@\[\]]{1,200}\.[^\s/?#&:+@\[\]]{1,63}"
_SCHEME = r"(?:https?:/{1,2}|cache:(?:[\w-]{1,40}:)?)(?:[^\s/?#@]{0,99}@)?"
_ADDRESS = re.compile(rf"{_SCHEME}({_HOST})", re.I)
_BARE = re.compile(rf"(?:^|/|[?&](?:u|url|q|a)=)({_HOST})(?=[/?#&]|$)", re.I)
# Words that somebody has translated may hold an address; no page of it is shown for that.
_WORDS_TO_TRANSLATE = re.compile(r"(?<=[?&])(?:text|q)=[^&]*")
_DEEPEST = 3
_LOOKED_AT = 4096


def shows_others(host: str) -> bool:
    """Say whether a canonical host shows other sites' pages by an address in the path or query."""
    return host in BY_ADDRESS


def mirrored_host(host: str, target: str = "") -> str | None:
    """Give the canonical host whose page a mirror shows, or None if it is no mirror or shows none.

    `target` is the path, with its query where there is one; it is looked at and not kept. A mirror
    of a mirror is followed to what it shows in the end.
    """
    seen: str | None = None
    for _ in range(_DEEPEST):
        if host.endswith(BY_NAME):
            inner = _decoded_label(host.partition(".")[0])
        elif host in BY_ADDRESS:
            if host.startswith("translate."):
                target = _WORDS_TO_TRANSLATE.sub("", target)
            inner, target = _address_in(target)
        else:
            break
        if inner is None:
            break
        seen = host = inner
    return seen


def _decoded_label(label: str) -> str | None:
    return _canonical(label.replace("--", "\0").replace("-", ".").replace("\0", "-"))


def _address_in(target: str) -> tuple[str | None, str]:
    # Twice, for an address that was quoted into a query.
    text = unquote(unquote(target[:_LOOKED_AT]))
    found = _ADDRESS.search(text) or _BARE.search(text)
    return (_canonical(found[1]), text[found.end() :]) if found else (None, "")


def _canonical(text: str) -> str | None:
    try:
        return canonical_host(text)
    except HostError:
        return None
