"""Servers of the fediverse that no list knows, told by the shape of what they are asked.

Anyone may run one, under any name, so the catalogue can only ever name the best known. Their
programming interfaces are all alike, though, and nobody else's: what is asked for below these
paths is a timeline or a post. It shows only where a request can be seen: over plain HTTP, or
where the connection was decrypted for another reason.

Sources: Mastodon's API documentation (which Pleroma, Akkoma, GoToSocial, Pixelfed and others
implement), Misskey's and Lemmy's.
"""

from typing import Final

SITE: Final = "mastodon"
"""The site of the catalogue that such a server counts as."""

SHAPES: Final = (
    "/api/v1/timelines/",
    "/api/v1/statuses/",
    "/api/v1/streaming/",
    "/api/notes/timeline",
    "/api/notes/local-timeline",
    "/api/v3/post/list",
)
"""Beginnings of the paths."""


def speaks_fediverse(path: str | None) -> bool:
    """Say whether a path is of the fediverse's own kind; None is a path that is not known."""
    # All begin alike, and one look is quicker than six.
    return path is not None and path.startswith("/api/") and path.startswith(SHAPES)
