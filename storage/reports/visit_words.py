"""What visits come to, in words that say no more than the record can.

Never one length of time: a page that is open is not a page that is read. So it is 'on at least so
many occasions', 'for at least' and 'could have been open for up to'; and where the one is more than
five times the other, that the record cannot tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from storage.visits import Visit, can_tell


def length_in_words(at_least: int, at_most: int | None) -> str:
    """The length of a visit, or of several together, in a sentence. Both in seconds."""
    if at_most is None:
        known = f"for at least {_down(at_least)}" if at_least >= 60 else ""
        end = "The record cannot tell how long it was open."
        return f"Open {known}. {end}" if known else end
    up_to = f"could have been open for up to {_up(at_most)}"
    if not can_tell(at_least, at_most):
        return f"It {up_to}, but the record cannot tell for how long it was."
    return f"It was in use for at least {_down(at_least)}, and {up_to}."


def occasions_in_words(visits: Iterable[Visit]) -> list[str]:
    """A line for each site, by name."""
    by_site: dict[str, list[Visit]] = defaultdict(list)
    for visit in visits:
        by_site[visit.site].append(visit)
    return [f"{site}: {_together(by_site[site])}" for site in sorted(by_site)]


def _together(visits: list[Visit]) -> str:
    number = len(visits)
    bounds = [visit.at_most for visit in visits if visit.at_most is not None]
    at_most = sum(bounds) if len(bounds) == number else None
    length = length_in_words(sum(visit.at_least for visit in visits), at_most)
    return f"on at least {number} {'occasion' if number == 1 else 'occasions'}. {length}"


def _down(seconds: int) -> str:
    return _minutes(seconds // 60) if seconds >= 60 else _seconds(seconds)


def _up(seconds: int) -> str:
    return _minutes(-(-seconds // 60))


def _seconds(number: int) -> str:
    return f"{number} second" if number == 1 else f"{number} seconds"


def _minutes(number: int) -> str:
    hours, minutes = divmod(number, 60)
    parts = [(hours, "hour")] if hours else []
    if minutes or not hours:
        parts.append((minutes, "minute"))
    return " and ".join(f"{n} {unit}" if n == 1 else f"{n} {unit}s" for n, unit in parts)
