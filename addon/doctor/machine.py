"""The machine: its clock, its disk, and how many files may be open."""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from addon.doctor.finding import Finding, Verdict, broken, good, look, unseen
from addon.doctor.patient import Patient, hidden
from addon.sizes import said
from addon.status import read_all
from storage.database import FILE_NAME, NoRecordError, RecordError, open_record_readonly
from storage.events import event_time
from storage.faults import StrangerError

ROOM: Final = 1 << 30
"""Bytes that should be free for the record: about three million events."""

LEAST_ROOM: Final = 64 << 20
"""Bytes below which nothing can be recorded for much longer, and restricted sites close."""

_LEAST_INODES: Final = 1_000
_AHEAD: Final = timedelta(minutes=2)
_FILES: Final = 4_096  # for a worker: two for each of 2,000 connections, and some

_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised
_STA_UNSYNC: Final = 0x40


def examine_clock(patient: Patient) -> Iterator[Finding]:
    """Hours in rules, certificates and the record all go by the clock."""
    synchronised = _is_synchronised()
    if synchronised is None:
        yield unseen("clock", "Whether somebody keeps the clock right is not known here.")
    elif synchronised:
        yield good("clock", "It is kept right over the network.")
    else:
        yield look(
            "clock",
            "Nobody keeps it right over the network.",
            "Set up time synchronisation: timedatectl set-ntp true.",
        )
    if hidden(patient, "clock"):
        return
    newest = _newest_event(patient)
    if newest is not None and newest - patient.now > _AHEAD:
        yield broken(
            "clock",
            f"The newest event on record is from {newest:%-d %B %Y, %H:%M} UTC, which is still to"
            " come.",
            "Set the clock right; it was, or is, wrong.",
        )


def examine_disk(patient: Patient) -> Iterator[Finding]:
    """Room for the record, and how large it is."""
    if found := hidden(patient, "disk"):
        yield found
        return
    folder = patient.state
    while not folder.exists():
        folder = folder.parent
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    tidy = "Make room on the disk that it is on, or move the state folder to a larger one."
    if free < LEAST_ROOM:
        yield broken("disk", f"Only {said(free)} is free in {folder}.", tidy)
    elif free < ROOM:
        yield look("disk", f"Only {said(free)} is free in {folder}.", tidy)
    else:
        yield good("disk", f"{said(free)} is free in {folder}.")
    if disk.f_files and disk.f_favail < _LEAST_INODES:
        yield look(
            "disk", f"Only {disk.f_favail} more files fit in {folder}.", "Remove files there."
        )
    yield _record(patient)


def examine_files(patient: Patient) -> Iterator[Finding]:
    """How many files, and so connections, each running worker may have open."""
    if found := hidden(patient, "open files"):
        yield found
        return
    limits = []
    for reading in read_all(patient.state, patient.now):
        if reading.answering and reading.status:
            with suppress(OSError, ValueError, OverflowError):
                limits.append(resource.prlimit(reading.status.pid, resource.RLIMIT_NOFILE)[0])
    if not limits:
        yield good("open files", "No worker runs whose limit could be asked.")
    elif 0 <= min(limits) < _FILES:
        yield look(
            "open files",
            f"A worker may have only {min(limits):,} open, two for each connection.",
            "Raise LimitNOFILE in the unit, or ulimit -n before the start.",
        )
    else:
        yield good("open files", f"Each worker may have {min(limits):,} open.")


def _is_synchronised() -> bool | None:
    """What the kernel says (adjtimex(2)), or systemd's own note; None if neither does."""
    buffer = (ctypes.c_long * 64)()  # struct timex, with all of its modes 0: only read
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        answer = -1
    if answer >= 0:
        # modes (an int, padded), offset, freq, maxerror, esterror, status
        return answer != _TIME_ERROR and not int(buffer[5]) & _STA_UNSYNC
    if Path("/run/systemd/timesync").is_dir():
        return Path("/run/systemd/timesync/synchronized").exists()
    return None


def _record(patient: Patient) -> Finding:
    if patient.record is None:
        size = 0
        for name in (FILE_NAME, f"{FILE_NAME}-wal"):
            with suppress(OSError):
                size += (patient.state / name).stat().st_size
        return good("record", f"It is {said(size)} large." if size else "There is none yet.")
    try:
        database = open_record_readonly(patient.state, patient.record)
        size = database.size()
    except RecordError as error:
        if isinstance(error, StrangerError) and os.geteuid() == 0:
            words = "The server with the record does not know root."
            return Finding("record", Verdict.UNSEEN, words, "Go by what the workers say of it.")
        # Every sentence of that kind says what it is and, after the colon, what to do.
        what, _, remedy = str(error).rpartition(": ")
        return broken("record", f"{what}.", f"{remedy[:1].upper()}{remedy[1:]}")
    return good("record", f"It is in {database.name}, which is {said(size)} large.")


def _newest_event(patient: Patient) -> datetime | None:
    try:
        database = open_record_readonly(patient.state, patient.record)
    except (NoRecordError, RecordError):
        return None
    try:
        last = database.last_event_id()
    except RecordError:
        return None
    finally:
        database.dispose()
    return event_time(last) if last else None
