"""The school's own part: the policy, its reviews and its lists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from addon.doctor.finding import Finding, broken, good, look, unseen
from addon.doctor.patient import Patient, hidden
from addon.list_updates import ListFolder, is_due
from addon.state_folder import list_sources
from rules.lint import lint
from rules.lists.sources import load_sources
from rules.loading import PolicyError
from rules.policy_tests import run_policy_tests

_LATE: Final = timedelta(hours=3)
"""How long a list may be due: `run` looks every hour, and tries again an hour after a failure."""

_SHOWN: Final = 3


def examine_policy(patient: Patient) -> Iterator[Finding]:
    """Faults, the policy's own tests, and reviews that are overdue."""
    policy = patient.policy
    if policy is None:
        if hidden(patient, "policy") or "Permission denied" in patient.faults:
            yield unseen("policy", "This user may not read it.")
            return
        faults = patient.faults.splitlines() or ["It cannot be read."]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        yield broken("policy", f"{faults[0]}{more}", "Run 'schoolgate check', and mend it.")
        return
    failed = [result for result in run_policy_tests(policy) if not result.passed]
    if failed:
        yield broken(
            "policy",
            f"{len(failed)} of its own tests fail, so it never takes effect.",
            "Run 'schoolgate check' to see which.",
        )
    else:
        yield good("policy", f"{patient.policy_file} is sound.")
    today = patient.now.astimezone(policy.school.timezone).date()
    overdue = [note for note in lint(policy, today) if "due for review" in note.fault]
    for note in overdue[:_SHOWN]:
        yield look("review", f"{note.file}:{note.line}: {note.fault}", note.remedy)
    if len(overdue) > _SHOWN:
        yield look(
            "review", f"{len(overdue) - _SHOWN} more are overdue.", "See 'schoolgate check'."
        )
    if not overdue:
        yield good("review", "No review is overdue.")


def examine_lists(patient: Patient) -> Iterator[Finding]:
    """Lists from outside that should have been brought up to date."""
    if found := hidden(patient, "lists"):
        yield found
        return
    where = list_sources(patient.state)
    if not where.exists():
        yield good("lists", "None are taken from outside.")
        return
    try:
        sources = load_sources(where)
    except PolicyError as error:
        yield broken("lists", str(error).splitlines()[0], f"Mend {where}.")
        return
    folder, late = ListFolder(patient.state), []
    for name, source in sources.items():
        looked = folder.looked(name)
        if looked.failure:
            yield look(
                "lists", f"{name}: {looked.failure}", f"Try 'schoolgate lists update {name}'."
            )
        elif is_due(source, looked, patient.now - _LATE) and not _is_recent(looked.at, patient.now):
            late.append(name)
    if late:
        yield look(
            "lists", f"Overdue: {', '.join(sorted(late))}.", "Run 'schoolgate lists update'."
        )
    elif sources:
        yield good("lists", f"{len(sources)} are looked for in time.")


def _is_recent(at: str, now: datetime) -> bool:
    return bool(at) and now - datetime.fromisoformat(at) < _LATE
