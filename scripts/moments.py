"""Times and lengths as people type them: a day, a day and a time, half an hour."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rules.clock_changes import left_out, never_comes
from scripts.common import WrongUsage

_HOUR_AND_MINUTE = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_LENGTH = re.compile(r"(?:([0-9]{1,3}) ?h(?:ours?)?)? ?(?:([0-9]{1,4}) ?m(?:in(?:ute)?s?)?)?")


def moment(text: str, timezone: ZoneInfo) -> datetime:
    """The moment that a text means, aware; a day alone is its first minute.

    Raises WrongUsage for what is no time, or one that the clocks leave out.
    """
    try:
        typed = datetime.fromisoformat(text)
        typed.astimezone(UTC)
    except (ValueError, OverflowError) as error:  # the latter: the first day of the year 1
        raise WrongUsage(
            f"{text!r} is not a time; write it like '2026-11-23 08:30', or '2026-11-23' for the"
            " beginning of the day."
        ) from error
    if typed.tzinfo:
        return typed
    if never_comes(typed, timezone):
        raise WrongUsage(" ".join(left_out(text)))
    return typed.replace(tzinfo=timezone)


def moment_or_hour(text: str, timezone: ZoneInfo, now: datetime) -> datetime:
    """The same, and `14:30` of the day that it is at `now` (aware) in the time zone.

    An hour that comes twice, when the clocks go back, is the earlier one.
    """
    if found := _HOUR_AND_MINUTE.fullmatch(text):
        text = f"{now.astimezone(timezone):%Y-%m-%d} {int(found[1]):02}:{found[2]}"
    return moment(text, timezone)


def length(text: str) -> timedelta:
    """Reads `30m`, `2h`, `1h30m`, `45 minutes` or `2 hours`.

    Raises WrongUsage for what is no length of time.
    """
    found = _LENGTH.fullmatch(" ".join(text.lower().split()))
    hours, minutes = found.groups() if found else (None, None)
    if not (span := timedelta(hours=int(hours or 0), minutes=int(minutes or 0))):
        raise WrongUsage(f"{text!r} is not a length of time; write it like 30m, 2h or 1h30m.")
    return span
