"""What a browser called the portal, and whether that is a name the school can have given it.

A page on the internet can point a name of its own at the portal's address and then read the portal
through a visitor's browser (DNS rebinding). Such a name is always a full one, of the public DNS. So
addresses, one-word names and names under private endings are taken as ours, and full names only
when the portal has been told them.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address
from typing import Final

# Endings that the public DNS never answers for (RFC 6761, 6762, 8375; .internal), and .lan.
_PRIVATE: Final = (".localhost", ".local", ".internal", ".home.arpa", ".lan")
_HOST: Final = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_]([a-z0-9._-]{0,252}))(:[0-9]{1,5})?")


def host_name(header: str) -> str | None:
    """The name or address in a Host header: no port, lower case; None if it makes no sense.

    An IPv6 address keeps its brackets (RFC 9110, section 7.2).
    """
    fits = _HOST.fullmatch(header.strip().lower())
    return fits[1] if fits else None


def is_ours(name: str | None, names: Collection[str]) -> bool:
    """Whether `name`, from `host_name`, can only be the school's; `names` are those it was told."""
    if name is None:
        return False
    name = name.strip("[]").removesuffix(".")
    if name in names or ("." not in name and ":" not in name) or name.endswith(_PRIVATE):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
