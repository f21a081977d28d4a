"""What `schoolgate run` does now and then: lists brought up to date, and what is old removed."""

from __future__ import annotations

from pathlib import Path

from addon.state_folder import list_sources
from scripts.chores import Chore
from scripts.run_front import module
from storage.database import FILE_NAME


def chores(state: Path, policy: Path, *, in_file: bool) -> list[Chore]:
    """Those that every gate has; `in_file` where its record is a file."""
    at = ("--state", str(state), "--policy", str(policy))
    return [
        Chore(
            "Bringing the lists up to date",
            [*module("scripts.cli"), "lists", "update", *at],
            wanted=list_sources(state),
        ),
        Chore(
            "Removing what the policy keeps no longer",
            [*module("scripts.cli"), "record", "purge", *at],
            wanted=state / FILE_NAME if in_file else None,
            every=24 * 3600.0,
        ),
    ]
