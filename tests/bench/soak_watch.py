"""What a soak watches: each process's memory and files, and what the workers say of themselves."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.street import family

_WARM_UP = 1 / 6
"""The share of a soak after which caches have filled; memory is compared from there on."""

_GROWTH = 1.1
_LITTLE = 8.0
"""MB: less than this is a matter of buffers, in a process that has hardly more."""
_MORE_FILES = 40
"""File descriptors, by which the last third may be above the first: connections come and go."""


@dataclass
class Watched:
    """One process over time: seconds since the start, MB (Pss), and file descriptors."""

    name: str
    pid: int
    at: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def look(self, at: float) -> None:
        """Adds a sample. Raises OSError if the process is gone."""
        folder = Path("/proc", str(self.pid))
        rolled = (folder / "smaps_rollup").read_text()
        files = sum(1 for _ in (folder / "fd").iterdir())
        self.at.append(at)
        self.memory.append(int(rolled.partition("\nPss:")[2].split()[0]) / 1024)
        self.files.append(files)

    @property
    def slope(self) -> float:
        """MB an hour, least squares, after the warm-up."""
        at, memory = self._after(self.at), self._after(self.memory)
        if len(at) < 3:
            return 0.0
        return statistics.linear_regression(at, memory).slope * 3600

    @property
    def growth(self) -> float:
        """The last third's memory to the first third's, after the warm-up."""
        first, last = self.thirds
        return last / first

    @property
    def thirds(self) -> tuple[float, float]:
        """The memory of the first and of the last third, in MB, after the warm-up."""
        return _thirds(self._after(self.memory))

    @property
    def more_files(self) -> float:
        """By how many files the last third is above the first, after the warm-up."""
        first, last = _thirds(self._after(self.files))
        return last - first

    def faults(self) -> list[str]:
        found = []
        first, last = self.thirds
        if self.growth > _GROWTH and last - first > _LITTLE:
            found.append(f"{self.name}: memory grew to {self.growth:.2f} of what it was")
        if self.more_files > _MORE_FILES:
            found.append(f"{self.name}: {self.more_files:.0f} more files are open than before")
        return found

    def _after[Figure: (int, float)](self, figures: Sequence[Figure]) -> Sequence[Figure]:
        return figures[int(len(figures) * _WARM_UP) :]


def _thirds(figures: Sequence[float]) -> tuple[float, float]:
    third = max(1, len(figures) // 3)
    return statistics.mean(figures[:third]), statistics.mean(figures[-third:])


def processes(root: int) -> list[Watched]:
    """A running Schoolgate and what it keeps running, by what they are; no chores, which end."""
    named = ((_name(pid, pid == root), pid) for pid in family(root))
    return [Watched(name, pid) for name, pid in named if name]


def _name(pid: int, first: bool) -> str | None:
    words = Path("/proc", str(pid), "cmdline").read_text().split("\0")
    if first:
        return "supervisor"
    if "addon.worker" in words:
        return f"worker {words[words.index('--number') + 1]}"
    if "addon.portal.server" in words:
        return "portal"
    if "addon.gateway.keeper" in words:
        return "keeper"
    return "haproxy" if words[0].endswith("haproxy") else None
