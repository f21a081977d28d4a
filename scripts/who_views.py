"""What `schoolgate who` says of an address, in words and as facts for another program."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from addon.identity.bindings import Known
from addon.identity.intervals import Interval, in_words
from rules.identity import Source, is_randomised
from rules.policy import Policy


@dataclass(frozen=True, slots=True)
class Told:
    """What one source says of one address, and how sure (0 to 100)."""

    address: str
    person: str
    source: Source
    confidence: int
    interval: Interval | None = None  # None for what stands in the policy


GONE: Final = " (not in the policy any more)"


def facts_of(
    rules: Policy, address: str, known: Known, told: list[Told], at: datetime
) -> dict[str, object]:
    """What `--json` prints of an address."""
    return {
        "address": address,
        "person": known.person,
        "in_policy": known.person in rules.people,
        "source": known.source,
        "confidence": known.confidence,
        "in_words": in_words(known.confidence) if known.person else "unknown",
        "sources_disagree": known.disagree,
        "told": [_fact(rules, one, at) for one in told if one.address == address],
    }


def _fact(rules: Policy, one: Told, at: datetime) -> dict[str, object]:
    facts: dict[str, object] = {
        "person": one.person,
        "in_policy": one.person in rules.people,
        "source": one.source,
        "confidence": one.confidence,
    }
    if interval := one.interval:
        facts |= {
            "hardware": interval.hardware,
            "randomised": bool(interval.hardware) and is_randomised(interval.hardware),
            "from": interval.began.isoformat(timespec="seconds"),
            "vouched": interval.vouched.isoformat(timespec="seconds"),
            "age_seconds": max(0, round((at - interval.vouched).total_seconds())),
            "until": interval.ended and interval.ended.isoformat(timespec="seconds"),
            "why": interval.why,
        }
    return facts


def in_lines(
    rules: Policy, address: str, known: Known, told: list[Told], at: datetime, *, past: bool
) -> str:
    """What is said of an address: who is there, and a line for each source."""
    if known.person:
        first = (
            f"{address}: {_name(rules, known.person)}, {in_words(known.confidence)}"
            f" ({known.confidence} of 100), by {known.source}."
        )
        if not past and known.person not in rules.people:
            first += " To the gate the device is unidentified."
    elif known.disagree:
        first = f"{address}: nobody, because the sources disagree."
    elif known.confidence:
        first = f"{address}: nobody; the best guess is not sure enough ({known.confidence} of 100)."
    else:
        first = f"{address}: nobody is known to be there."
    lines = [first]
    for one in told:
        if one.address == address:
            lines.append(f"  {one.source}: {_name(rules, one.person)}, {_story(rules, one, at)}")
    return "\n".join(lines)


def _story(rules: Policy, one: Told, at: datetime) -> str:
    sure = f"{in_words(one.confidence)} ({one.confidence} of 100)"
    if one.interval is None:
        return f"{sure}, as the policy says today."
    interval = one.interval
    began = interval.began.astimezone(rules.school.timezone)
    parts = [sure, f"since {began:%d %B %H:%M}", f"last heard of {_ago(at, interval.vouched)}"]
    if interval.hardware:
        made_up = ", an address it made up itself" if is_randomised(interval.hardware) else ""
        parts.append(f"device {interval.hardware}{made_up}")
    if interval.ended:
        ended = interval.ended.astimezone(rules.school.timezone)
        parts.append(f"until {ended:%d %B %H:%M} ({interval.why})")
    return ", ".join(parts) + "."


def _ago(at: datetime, vouched: datetime) -> str:
    seconds = (at - vouched).total_seconds()
    if seconds <= 0:
        return "at that time or later"
    if seconds < 120:
        return f"{seconds:.0f} seconds before"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes before"
    return f"{seconds / 3600:.0f} hours before"


def _name(rules: Policy, person: str) -> str:
    known = rules.people.get(person)
    return f"{known.name} ({person})" if known else f"{person}{GONE}"
