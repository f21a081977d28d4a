"""The school's certificates: how long they last, what they cover, and which devices refuse them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from addon.authority.folder import AuthorityError, Signing, read_root, read_signing
from addon.authority.report import authority_report
from addon.doctor.finding import Finding, good, look, unseen
from addon.doctor.patient import Patient, hidden
from rules.policy import Outcome
from storage.database import RecordError, open_record_readonly
from storage.refusals import certificate_refusals, devices_that_trust

_LOOKED_BACK: Final = timedelta(days=7)
_SHOWN: Final = 5


def examine(patient: Patient) -> Iterator[Finding]:
    """Days left, what is sealed, and names that are not covered."""
    folder = patient.state / "authority"
    if found := hidden(patient, "certificates"):
        yield found
        return
    if patient.policy is None:
        yield unseen("certificates", "What they must cover is known once the policy is sound.")
        return
    try:
        root, signing = read_root(folder), read_signing(folder)
    except (AuthorityError, OSError):
        root = signing = None  # the report says so
    if root is not None:
        left = (root.not_valid_after_utc - patient.now).days
        yield good("certificates", f"The school's authority has {left:,} days left.")
    if isinstance(signing, Signing):
        left = (signing.valid_until - patient.now).days
        yield good("certificates", f"What signs block pages has {left:,} days left.")
    report = authority_report(patient.state, patient.policy, patient.now)
    for problem in report.problems:
        yield _from_report(problem)
    for advice in report.advice:
        yield good("certificates", advice)


def examine_trust(patient: Patient) -> Iterator[Finding]:
    """How many devices have the school's certificate, and which refused it: those were never told
    to trust it, or an app on them pins.
    """
    if hidden(patient, "trust"):
        return
    try:
        database = open_record_readonly(patient.state, patient.record)
    except RecordError:
        return
    try:
        since = patient.now - _LOOKED_BACK
        found = certificate_refusals(database, Outcome.APP_REFUSED, since)
        trusting = devices_that_trust(database, since)
    finally:
        database.dispose()
    sites: dict[str, list[str]] = defaultdict(list)
    for one in found:
        sites[one.address].append(f"{one.site} ({one.count})")
    for address, listed in list(sites.items())[:_SHOWN]:
        yield look(
            "trust",
            f"The device at {address} refused the school's certificate for {', '.join(listed)}.",
            "If only an app does, that app cannot be used there; if browsers do too, install the"
            " certificate from the portal's page /certificate.",
        )
    if len(sites) > _SHOWN:
        yield look("trust", f"So did {len(sites) - _SHOWN} more devices.", "See --json for all.")
    if not sites:
        yield good("trust", "No device refused the school's certificate in the last seven days.")
    if trusting:
        yield good("trust", f"Devices that accepted it in the last seven days: {trusting:,}.")


def _from_report(problem: str) -> Finding:
    """The report says what and what to do in one sentence."""
    what, _, remedy = problem.rpartition("; ")
    if not what:
        return look("certificates", problem, "")
    return look("certificates", f"{what}.", f"{remedy[0].upper()}{remedy[1:]}")
