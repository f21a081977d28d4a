"""Kills the gate under load and reckons up: `python -m tests.lab.kills [--kills 200]`.

It needs root, for a network namespace, and HAProxy for more than one worker. The kills are shared
out between a gate of one worker and a gate of two; with `--workers` there is only the one.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.lab.kills.killing import under_load
from tests.lab.kills.reckoning import Reckoning, reckon


def main() -> int:
    """0 if the record is as it must be, else 1."""
    parser = argparse.ArgumentParser(prog="tests.lab.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--workers", type=int, choices=range(1, 9))
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=20261122)
    chosen = parser.parse_args()
    shares = [(chosen.workers, chosen.kills)] if chosen.workers else _shares(chosen.kills)
    faults = 0
    for workers, kills in shares:
        with tempfile.TemporaryDirectory() as folder:
            faults += _run(Path(folder), workers, kills, chosen.clients, chosen.seed)
    return 1 if faults else 0


def _shares(kills: int) -> list[tuple[int, int]]:
    return [(1, kills // 2), (2, kills - kills // 2)]


def _run(folder: Path, workers: int, kills: int, clients: int, seed: int) -> int:
    dice, begun = random.Random(seed), time.monotonic()
    with under_load(folder, workers, clients, seed) as scene:
        while sum(scene.kills.values()) < kills:
            scene.kill(dice)
            if sys.stderr.isatty():
                print(f"\r{sum(scene.kills.values())} of {kills}", end="", file=sys.stderr)
    took = time.monotonic() - begun
    found = reckon(scene)
    killed = ", ".join(f"{number} of {what}" for what, number in scene.kills.items())
    print(f"{workers} worker(s), seed {seed}: {kills} kills ({killed}) in {took:.0f} s.")
    print(
        f"  back after a kill: median {statistics.median(scene.back):.1f} s, "
        f"at most {max(scene.back):.1f} s"
    )
    _print(found)
    return len(found.faults)


def _print(found: Reckoning) -> None:
    reached, counted = found.pictures
    print(
        f"  {found.sent:,} requests sent, {found.unanswered:,} of them unanswered;"
        f" {found.arrived:,} reached the origin\n"
        f"  {found.events:,} events in {found.seals:,} seals; {reached:,} pictures arrived,"
        f" {counted:,} are counted\n"
        f"  {found.never_arrived:,} on record as let through had not left when the gate died\n"
        f"  {found.not_on_record:,} of {found.refusals:,} refusals whose page came died with it"
    )
    for fault in found.faults[:20]:
        print(f"  FAULT: {fault}")
    print(f"  faults: {len(found.faults)}")


if __name__ == "__main__":
    sys.exit(main())
