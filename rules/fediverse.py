"""Servers of the fediverse that no list knows, told by the shape of what they are asked.

Anyone may run one, under any name, so the catalogue can only ever name the best known. Their
programming interfaces are all alike, though, and hardly anybody else's: what is asked for at these
paths is a timeline, a post, or which network the server belongs to. It shows only where a request
can be seen: over plain HTTP, or where the connection was decrypted for another reason.

Left out is what others serve too. `/.well-known/webfinger` finds people for sign-in (OpenID
Connect) and mail as well, and a school's own services may use it. `/api/v1/accounts/` and
`/api/notes/` as a whole are what a bank or a notebook might call its own.

Sources: Mastodon's API documentation (which Pleroma, Akkoma, GoToSocial, Pixelfed and others
implement), Misskey's and Lemmy's; nodeinfo.diaspora.software, the NodeInfo protocol.
"""

from typing import Final

SITE: Final = "mastodon"
"""The site of the catalogue that such a server counts as."""

SHAPES: Final = (
    "/.well-known/nodeinfo",
    "/nodeinfo/1.",
    "/nodeinfo/2.",
    "/api/v1/accounts/verify_credentials",
    "/api/v1/instance/",
    "/api/v1/timelines/",
    "/api/v1/statuses/",
    "/api/v1/streaming/",
    "/api/v2/instance/",
    "/api/notes/timeline",
    "/api/notes/global-timeline",
    "/api/notes/hybrid-timeline",
    "/api/notes/local-timeline",
    "/api/v3/post/list",
)
"""Beginnings of the paths, with a slash behind them."""

_BEGINNINGS: Final = ("/api/", "/nodeinfo/", "/.well-known/")


def speaks_fediverse(path: str | None) -> bool:
    """Say whether a path is of the fediverse's own kind; None is a path that is not known."""
    # Most paths begin otherwise, and one look is quicker than a dozen.
    return path is not None and path.startswith(_BEGINNINGS) and f"{path}/".startswith(SHAPES)
