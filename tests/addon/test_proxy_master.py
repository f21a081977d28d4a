"""What mitmproxy still does for the gate with only a few of its addons, and what it must not do."""

from __future__ import annotations

from tests.support.origin import Origin
from tests.support.running_gate import RunningGate


def test_an_upgrade_to_http2_in_the_clear_is_not_followed(
    gate: RunningGate, origin: Origin
) -> None:
    answer = gate.talk(
        f"GET http://news.example:{origin.port}/ HTTP/1.1\r\n"
        f"Host: news.example:{origin.port}\r\n"
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n".encode()
    )
    assert b" 101 " not in answer
    assert b"h2c" not in answer


def test_no_page_of_mitmproxys_own_is_served(gate: RunningGate) -> None:
    asked = b"GET http://mitm.it/ HTTP/1.1\r\nHost: mitm.it\r\nConnection: close\r\n\r\n"
    answer = gate.talk(asked)
    assert answer
    assert b"mitmproxy-ca-cert" not in answer
    assert not answer.startswith(b"HTTP/1.1 200")


def test_nothing_is_loaded_that_could_save_or_replay_what_passes(gate: RunningGate) -> None:
    loaded = {type(addon).__name__ for addon in gate.master.addons.chain}
    assert loaded.isdisjoint(
        {"Save", "SaveHar", "ServerPlayback", "ClientPlayback", "ScriptLoader"}
    )
