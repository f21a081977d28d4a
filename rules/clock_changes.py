"""The hour that the clocks leave out each spring: a local time in it never comes."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def never_comes(local: datetime, zone: ZoneInfo) -> bool:
    """Say whether the clocks of a time zone leave out a local time, given without its zone."""
    there = local.replace(tzinfo=zone)
    try:
        return there.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local
    except OverflowError:  # the first or last day that there is a date for, elsewhere
        return False


def left_out(text: str) -> tuple[str, str]:
    """Say so in a sentence, and in another what to do."""
    return f"There is no {text}: the clocks go forward in that hour.", "Choose another time."
