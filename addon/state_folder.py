"""What is where in the state folder, for the parts that meet in it."""

from __future__ import annotations

from pathlib import Path


def lists_folder(state: Path) -> Path:
    """Where the lists from outside are kept, and their sources."""
    return state / "lists"


def list_sources(state: Path) -> Path:
    """The admin's file that says where the lists come from and how often to look."""
    return lists_folder(state) / "sources.yaml"
