"""Whether the record's head is kept elsewhere, where nobody who runs this computer can write."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from addon.doctor.finding import Finding, good, look
from addon.doctor.patient import Patient, hidden
from addon.kept_heads import How, Place, places

_LATE: Final = timedelta(days=2)
_VERBS: Final = {How.FILE: "written to", How.MAIL: "sent to"}
_NOW: Final = {
    How.FILE: "Try 'schoolgate record head --to' with it.",
    How.MAIL: "Try 'schoolgate record head --mail'.",
}


def examine(patient: Patient) -> Iterator[Finding]:
    """Each place that `run` sees to; without one, the newest that somebody saw to by hand."""
    if found := hidden(patient, "head"):
        yield found
        return
    known = places(patient.state)
    wanted = [each for each in known if each.wanted]
    by_hand = [each for each in known if each.done and not wanted]
    by_hand.sort(key=lambda each: each.done or patient.now)
    for each in wanted or by_hand[-1:]:
        yield _of(each, patient)
    if not wanted and not by_hand:
        yield look(
            "head",
            "The record's head is kept nowhere else, so nobody could tell if its newest part was"
            " cut off.",
            "Have it written or mailed daily: SCHOOLGATE_HEAD_TO or SCHOOLGATE_HEAD_MAIL (run"
            " --head-to, --head-mail).",
        )


def _of(each: Place, patient: Patient) -> Finding:
    where = f"{_VERBS[each.how]} {each.where}"
    why = f" {each.problem}" if each.problem else ""
    if each.done is None:
        return look("head", f"The record's head has not been {where} yet.{why}", _NOW[each.how])
    last = f"The record's head was last {where} on {each.done:%-d %B %Y, %H:%M} UTC."
    if patient.now - each.done > _LATE:
        return look("head", f"{last}{why}", _NOW[each.how])
    return good("head", f"{last}{why}")
