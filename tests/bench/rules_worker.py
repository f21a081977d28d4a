"""Our own side of the rules' benchmark, in a process of its own so that its memory is its own.

python -m tests.bench.rules_worker FOLDER: loads the policy there and prints a line of JSON with the
seconds and the memory that took; then for each line `look-up KIND` or `decide KIND` on standard
input goes once through the requests of that kind, and prints how many a second it did.

python -m tests.bench.rules_worker FOLDER --pipe: answers each line of standard input as a
redirector does, with a line, so that it can be measured as squidGuard is.

Rates are of processor time, so that other programs on the machine do not count.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import batched
from pathlib import Path

from rules.loading import load_policy
from rules.policy import Policy
from rules.request import WebRequest, request_for
from tests.bench import material

_BEGIN = datetime(2026, 11, 23, 9, 55, tzinfo=UTC)  # a Monday
# Requests are made a few at a time, as they would just have been read from a connection: a hundred
# thousand made beforehand would measure how long the machine takes to find them in its memory.
_BATCH = 250
_STEP = timedelta(milliseconds=10)  # a hundred requests a second: a busy school


def _memory(field: str) -> float:
    """What this process holds, in MB: `VmRSS` now, `VmHWM` at most (proc(5))."""
    return int(Path("/proc/self/status").read_text().partition(f"{field}:")[2].split()[0]) / 1024


def _look_up(policy: Policy, kind: str, folder: Path) -> float:
    hosts = [asked.host for asked in material.read(folder, kind)]
    find = policy.restricted_site
    took = 0.0
    for batch in batched(hosts, _BATCH):
        fresh = [str(host.encode(), "ascii") for host in batch]
        begun = time.process_time()
        for host in fresh:
            find(host)
        took += time.process_time() - begun
    return len(hosts) / took


def _decide(policy: Policy, kind: str, folder: Path) -> tuple[float, int]:
    decide, took, allowed, now = policy.decide, 0.0, 0, _BEGIN
    requests = material.read(folder, kind)
    for batch in batched(requests, _BATCH):
        asked = []
        for one in batch:
            now += _STEP
            host, path = str(one.host.encode(), "ascii"), str(one.path.encode(), "ascii")
            request = WebRequest(host, method=one.method, path=path)
            asked.append((request, policy.people.get(one.person), now))
        begun = time.process_time()
        for request, person, at in asked:
            decide(request, person, at)
        took += time.process_time() - begun
        allowed += sum(decide(*one).allowed for one in asked)
    return len(requests) / took, allowed


def _serve(policy: Policy, folder: Path) -> None:
    for line in sys.stdin:
        what, kind = line.split()
        gc.collect()
        if what == "look-up":
            print(json.dumps({"rate": _look_up(policy, kind, folder)}), flush=True)
        else:
            rate, allowed = _decide(policy, kind, folder)
            print(json.dumps({"rate": rate, "allowed": allowed}), flush=True)


def _pipe(policy: Policy) -> None:
    people, decide, now = policy.people, policy.decide, datetime.now
    write, flush = sys.stdout.write, sys.stdout.flush
    for line in sys.stdin:
        url, _, ident, method = line.split()
        allowed = decide(request_for(url, method), people.get(ident), now(UTC)).allowed
        write("ERR\n" if allowed else 'OK rewrite-url="http://refused.example/"\n')
        flush()


def main() -> None:
    folder = Path(sys.argv[1])
    before, begun = _memory("VmRSS"), time.process_time()
    policy = load_policy(folder / "policy.yaml")
    took = time.process_time() - begun
    if "--pipe" in sys.argv:
        _pipe(policy)
        return
    gc.collect()
    figures = {
        "seconds": took,
        "peak": _memory("VmHWM"),
        "resting": _memory("VmRSS"),
        "program": before,
        "sites": len(policy.catalogue),
        "purposes": len(policy.purposes),
    }
    print(json.dumps(figures), flush=True)
    _serve(policy, folder)


if __name__ == "__main__":
    main()
