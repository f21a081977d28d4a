"""The proxy is killed, without a chance to tidy up, while it lets requests through."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from tests.lab.scene import Scene
from tests.support.namespace import missing
from tests.support.running_gate import wait_until

_WHY_NOT = missing("curl")
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]

CLIENTS = 4
EACH = 50
KILLED_AT = (40, 120)
"""How many requests the origin has seen when the proxy is killed, once and again."""


def test_every_request_that_the_origin_saw_is_on_record(scene: Scene) -> None:
    def seen() -> list[str]:
        return [r["path"] for r in scene.web.seen() if r["host"] == "www.linkedin.com"]

    clients = [
        scene.namespace.start(
            *("curl", "--silent", "--proxy", scene.gate.proxy, "--cacert"),
            *(scene.both_authorities(), "--output", "/dev/null", "--parallel"),
            *("--parallel-max", "3", "--retry", "60", "--retry-all-errors", "--retry-delay", "1"),
            # The policy opens /jobs, so the path of each is on record.
            f"https://www.linkedin.com/jobs/{client}-[1-{EACH}]",
        )
        for client in range(CLIENTS)
    ]
    proxy = scene.gate.child("proxy")
    for count in KILLED_AT:
        wait_until(lambda count=count: len(seen()) >= count, 60)
        assert len(seen()) < CLIENTS * EACH, "too late: everything has arrived"
        os.kill(proxy, signal.SIGKILL)
        proxy = scene.gate.child("proxy", other_than=proxy)
    for client in clients:
        assert client.wait(120) == 0, "curl gave up"

    arrived = Counter(seen())
    events = scene.gate.events()
    recorded = Counter(event["path"] for event in events if event["allowed"])
    assert len(arrived) == CLIENTS * EACH
    assert not arrived - recorded, "the origin saw what the record does not have"

    assert scene.gate.errors().count("The proxy stopped (signal SIGKILL); starting it again") == 2
    assert scene.gate.process.poll() is None
    # Ids never repeat and never go back, though each proxy started to count anew.
    ids = [event["id"] for event in sorted(events, key=lambda event: event["at"])]
    assert ids == sorted(set(ids))
    assert scene.curl("https://x.com/after") == "origin x.com /after\n"
