"""All of it together: `schoolgate gateway` around `schoolgate run --mode gateway`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.gateway.box import SIDES, WHY_NOT, Box
from tests.lab.internet import GATEWAY, WAN
from tests.lab.world import NAMES
from tests.support.running_gate import POLICY
from tests.support.schoolgate import Schoolgate, moment

pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(WHY_NOT), reason=str(WHY_NOT))]


@pytest.fixture(scope="module")
def gate(ground: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Schoolgate]:
    folder = tmp_path_factory.mktemp("gate")
    client = ground.lab.clients[0]
    policy = folder / "policy.yaml"
    known = f'addresses: [{client.address}, "{client.address_6}"]'
    policy.write_text(POLICY.read_text().replace("addresses: [127.0.0.1]", known))
    ground.stop_haproxy()
    try:
        with Schoolgate(
            *(folder / "state", "--mode", "gateway"),
            *("--upstream-ca", ground.lab.internet.authority),
            policy=policy,
            listen="[::]:8443",
            portal=f"{GATEWAY}:8081",
            inside=ground.lab.gateway.command(),
        ) as gate:
            ground.apply(*SIDES)
            yield gate
    finally:
        ground.wipe()
        ground.start_haproxy()


def curl(box: Box, gate: Schoolgate, *options: str | Path, trust: str = "web") -> str:
    trusted = {
        "web": box.lab.internet.authority,
        "school": gate.state / "authority" / "schoolgate-ca.crt",
    }[trust]
    answer = box.lab.clients[0].curl("--include", "--cacert", trusted, *options)
    assert answer.returncode == 0, answer.stderr
    return str(answer.stdout)


@pytest.mark.parametrize("family", ["--ipv4", "--ipv6"])
@pytest.mark.parametrize("mode", ["full", "selective"])
def test_restricted_closed_allowed_open_unrelated_untouched(
    ground: Box, gate: Schoolgate, mode: str, family: str
) -> None:
    ground.apply("--mode", mode)
    for scheme in ("http", "https"):
        began = moment()
        answer = curl(ground, gate, family, f"{scheme}://www.facebook.com/", trust="school")
        assert " 403" in answer.splitlines()[0]
        assert gate.event(began)["person"] == "fern.example"
        answer = curl(ground, gate, family, f"{scheme}://x.com/news", trust="school")
        assert answer.endswith("origin x.com /news\n")
        # Its own certificate: nothing of ours was in it.
        answer = curl(ground, gate, family, f"{scheme}://www.unrelated.example/")
        assert answer.endswith("origin www.unrelated.example /\n")
    seen = ground.lab.internet.requests()[-1]["sender"]
    straight = ground.lab.clients[0]
    if mode == "selective":
        assert seen in (straight.address, straight.address_6)
    else:
        assert seen not in (straight.address, straight.address_6)


def test_a_false_name_at_an_address_that_a_restricted_name_led_to_leads_to_the_names_own_site(
    ground: Box, gate: Schoolgate
) -> None:
    ground.apply("--mode", "full")
    address = NAMES["www.reddit.com"][0]
    ground.lab.clients[0].run("getent", "ahostsv4", "www.reddit.com")
    assert address in ground.remembered()
    answer = curl(
        ground,
        gate,
        *("--connect-to", f"www.unrelated.example:443:{address}:443"),
        "https://www.unrelated.example/lie",
    )
    assert answer.endswith("origin www.unrelated.example /lie\n")
    seen = ground.lab.internet.requests()[-1]
    assert seen["reached"] in NAMES["www.unrelated.example"]
    assert seen["sender"].startswith(WAN.rpartition(".")[0]) or ":" in seen["sender"]
