"""What should be running: workers, portal, HAProxy, and who has their ports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any, Final

from addon.doctor.finding import Finding, broken, good, look, unseen
from addon.doctor.patient import Patient, hidden
from addon.gateway.facts import Mode
from addon.gateway.front import CONFIG, FIRST_WORKER_PORT, SOCKET
from addon.gateway.listeners import Listener, listeners
from addon.gateway.runtime import Runtime, RuntimeFailure
from addon.portal.health import LAG_LIMIT
from addon.record_room import little_room
from addon.state_folder import haproxy_folder
from addon.status import Reading, read_all

_WITHIN: Final = 1.0  # seconds for the portal to answer
_LONGEST: Final = 1 << 20
_OURS: Final = ("haproxy", "python", "schoolgate")
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound
_SEEN_THERE: Final = ("Proxy worker", "The record is ", "The record was ")
_LOG: Final = "See what it says: journalctl -u schoolgate."


def examine_workers(patient: Patient) -> Iterator[Finding]:
    """Each worker's own word on how it is: the policy it goes by, and the record."""
    if found := hidden(patient, "workers"):
        yield found
        return
    readings = read_all(patient.state, patient.now)
    if patient.workers is not None:
        readings = tuple(r for r in readings if r.worker < patient.workers)
    answering = [reading for reading in readings if reading.answering]
    wanted = len(readings) if patient.workers is None else patient.workers
    if not answering:
        yield broken("workers", "No worker is running.", "Start it: systemctl start schoolgate.")
        return
    if len(answering) < wanted:
        yield broken("workers", f"{len(answering)} of {wanted} answer.", _LOG)
    else:
        yield good("workers", f"{len(answering)} of {wanted} answer.")
    for reading in answering:
        yield from _worker(reading, patient)
    yield from _record(answering, patient)


def _worker(reading: Reading, patient: Patient) -> Iterator[Finding]:
    status, name = reading.status, f"worker {reading.worker}"
    assert status
    if status.last_reload_error:
        yield broken(
            name,
            "It could not use the new policy and keeps to the old one.",
            "Run 'schoolgate check', and mend what it names.",
        )
    elif patient.policy is not None and status.policy != patient.policy.digest:
        yield look(
            name,
            "It goes by another policy than the file that was looked at.",
            "Name that file with --policy, or have it read again: systemctl reload schoolgate.",
        )


def _record(answering: list[Reading], patient: Patient) -> Iterator[Finding]:
    states = [reading.status.record for reading in answering if reading.status]
    lag, lost = max(state.lag for state in states), sum(state.lost for state in states)
    errors = sorted({state.last_error for state in states if state.last_error})
    disk = "See whether its disk is full, slow or broken."
    if errors:
        yield broken("record", f"It could not be written: {errors[0]}", disk)
    if lost:
        yield broken("record", f"{lost:,} events could not be written and are lost.", disk)
    if lag > LAG_LIMIT:
        yield look("record", f"Events wait {lag:.0f} seconds to be written.", disk)
    full = little_room(patient.state, states).get("record")
    if full:
        yield look("record", *full)
    if not (errors or lost or lag > LAG_LIMIT or full):
        yield good("record", f"It keeps up; the oldest event waits {lag:.1f} seconds.")


def examine_portal(patient: Patient) -> Iterator[Finding]:
    """Whether the portal answers, and what it says of the rest."""
    host, port = patient.portal
    asking = HTTPConnection(_ANYWHERE.get(host, host), port, timeout=_WITHIN)
    try:
        asking.request("GET", "/healthz")
        answer = asking.getresponse()
        facts: Any = json.loads(answer.read(_LONGEST))
    except (OSError, HTTPException):
        yield broken(
            "portal",
            f"It does not answer on {patient.portal}.",
            "Name its address with --portal, or start it: systemctl start schoolgate.",
        )
        return
    except ValueError:
        facts = None
    finally:
        asking.close()
    if not isinstance(facts, dict) or facts.get("status") not in ("ok", "attention"):
        yield broken(
            "portal",
            f"What answers on {patient.portal} is not the portal.",
            "Stop that, or give the portal another port.",
        )
    else:
        yield good("portal", f"It answers on {patient.portal}.")
        for problem in facts.get("problems", ()):
            # What a worker says of itself stands with the workers, where they can be seen, and
            # what happened to the record with the record.
            if hidden(patient, "") or not str(problem).startswith(_SEEN_THERE):
                yield look("portal", f"It says: {str(problem)[:500]}", _LOG)


def examine_haproxy(patient: Patient) -> Iterator[Finding]:
    """Whether HAProxy takes commands, if there is one."""
    folder = haproxy_folder(patient.state)
    if found := hidden(patient, "HAProxy"):
        yield found
        return
    try:
        if not (folder / CONFIG).exists():
            yield good("HAProxy", "None stands in front of the workers.")
            return
        process = Runtime(folder / SOCKET, within=_WITHIN).process()
    except PermissionError:
        yield unseen("HAProxy", "Only its owner and root may ask it.")
    except RuntimeFailure as error:
        yield broken(
            "HAProxy", f"{error}.", "Start it: systemctl start schoolgate-haproxy (or 'run')."
        )
    else:
        yield good("HAProxy", f"It takes commands (process {process}).")


def examine_ports(patient: Patient) -> Iterator[Finding]:
    """Who listens where ours should."""
    wanted = {patient.portal.port: "the portal"}
    if patient.facts is not None and patient.facts.mode is not Mode.EXPLICIT:
        wanted |= dict.fromkeys(patient.facts.haproxy_ports, "HAProxy")
    for number in range(patient.workers or 0):
        if patient.workers and (patient.workers > 1 or patient.facts):
            wanted[FIRST_WORKER_PORT + number] = f"worker {number}"
    free, others, nameless = [], [], 0
    for port, whose in sorted(wanted.items()):
        found = [one for one in listeners(port) if one.protocol == "tcp"]
        if not found:
            free.append(f"{port} ({whose})")
        for one in found:
            if not one.name:
                nameless += 1
            elif not _is_ours(one):
                others.append(f"{port} ({whose}): {one.name}, process {one.pid}")
    if others:
        yield broken(
            "ports", f"Another program listens on {'; '.join(others)}.", "Stop it, and start ours."
        )
    if free:
        yield broken(
            "ports",
            f"Nothing listens on {', '.join(free)}.",
            "Start it: systemctl start schoolgate.",
        )
    if nameless and not others:
        yield unseen("ports", f"Who listens on {nameless} of ours can be seen by root only.")
    elif not (others or free):
        yield good("ports", f"Ours listen on {', '.join(map(str, sorted(wanted)))}.")


def _is_ours(one: Listener) -> bool:
    return one.name.startswith(_OURS)
