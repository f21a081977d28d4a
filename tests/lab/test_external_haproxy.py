"""Two workers of an explicit proxy, behind an HAProxy that somebody else keeps running."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from addon.gateway.launch import find_haproxy
from addon.gateway.runtime import Runtime
from tests.lab.scene import NAMES, Scene, Web
from tests.support.namespace import Namespace, missing
from tests.support.running_gate import wait_until
from tests.support.schoolgate import Schoolgate

_WHY_NOT = missing("curl", "haproxy")
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]


@pytest.fixture(scope="module")
def both(folder: Path) -> Iterator[Scene]:
    with Namespace(NAMES) as namespace:
        web = Web(folder)
        web.start(namespace)
        with Schoolgate(
            *(folder / "state", "--upstream-ca", web.authority),
            *("--workers", "2", "--haproxy", "external"),
            listen="127.0.0.1:8080",
            portal="127.0.0.1:8081",
            inside=namespace.command(),
        ) as gate:
            yield Scene(folder, namespace, web, gate)


def health(scene: Scene) -> Any:
    done = scene.namespace.run("curl", "--silent", "http://127.0.0.1:8081/healthz", check=True)
    return json.loads(done.stdout)


def test_it_is_ready_before_haproxy_is_and_serves_once_it_is_there(both: Scene) -> None:
    config = both.gate.state / "haproxy" / "haproxy.cfg"
    assert set(both.gate.children()) == {"proxy0", "proxy1", "portal", "keeper"}
    haproxy = both.namespace.start(find_haproxy(), "-Ws", "-f", config)
    both.namespace.wait_for(8080)
    wait_until(lambda: "Schoolgate" not in both.curl("http://www.unrelated.example/"))
    assert "school purpose" in both.curl("https://www.facebook.com/")
    assert both.curl("https://x.com/news").endswith("/news\n")
    assert both.gate.events()[-1]["person"] == "fern.example"
    runtime = Runtime(both.gate.state / "haproxy" / "runtime.sock")
    assert runtime.connections()["workers"] >= 3
    # It outlives the proxy: that is what it is a unit of its own for.
    assert haproxy.poll() is None


def test_the_portal_sees_all_workers_and_a_reload_reaches_them_all(both: Scene) -> None:
    before = health(both)
    assert (before["status"], len(before["workers"])) == ("ok", 2), before["problems"]
    time.sleep(1)
    ages = [worker["policy_age"] for worker in health(both)["workers"]]
    both.gate.process.send_signal(signal.SIGHUP)

    def all_have() -> bool:
        now = [worker["policy_age"] for worker in health(both)["workers"]]
        return all(after < then for after, then in zip(now, ages, strict=True))

    wait_until(all_have)
