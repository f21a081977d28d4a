"""WebSockets are decided at their opening request; what they carry is counted and never kept."""

from __future__ import annotations

import gc

import pytest
from mitmproxy.http import HTTPFlow
from websockets.exceptions import InvalidStatus

from tests.support.origin import Origin
from tests.support.running_gate import RunningGate


def test_a_websocket_to_a_restricted_site_is_refused_at_its_request(
    gate: RunningGate, tls_origin: Origin
) -> None:
    url = f"wss://www.facebook.com:{tls_origin.port}/socket"
    with pytest.raises(InvalidStatus) as refused, gate.chat(url):
        pass
    assert refused.value.response.status_code == 403
    assert refused.value.response.body in (b"", None)
    assert tls_origin.seen == []
    assert [event["allowed"] for event in gate.events()] == [0]


def test_an_allowed_websocket_carries_messages_and_keeps_none(
    gate: RunningGate, tls_origin: Origin
) -> None:
    url = f"wss://x.com:{tls_origin.port}/socket"
    with gate.chat(url) as socket:
        for number in range(50):
            socket.send(f"message {number}")
            assert socket.recv() == f"message {number}"
        (flow,) = _open_flows(gate)
        assert len(flow.websocket.messages) <= 1
    (event,) = gate.completed()
    assert (event["allowed"], event["status"]) == (1, 101)
    assert event["bytes_up"] == event["bytes_down"] == sum(len(f"message {n}") for n in range(50))


def _open_flows(gate: RunningGate) -> list[object]:
    return [o for o in gc.get_objects() if type(o) is HTTPFlow and o.websocket]
