"""Whatever breaks on the way of an allowed request, it goes nowhere rather than on."""

from __future__ import annotations

import httpx
import pytest

from tests.support.origin import Origin
from tests.support.running_gate import RunningGate


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("forced by the test")


@pytest.mark.parametrize("body", [b"", b"u" * 200_000], ids=["no body", "a body"])
@pytest.mark.parametrize(
    "step",
    [
        "addon.enforcer.web_request",
        "addon.enforcer.Judging.__init__",
        "addon.judging.client_address",
        "addon.identity.directory.Directory.person_at",
        "addon.account.signs_of",
        "addon.account.Event",
        "addon.judging.hold",
        "addon.judging.release",
        "addon.judging.attach",
        "addon.judging.Framed",
        "rules.policy.Policy.decide",
        "storage.events.EventIds.next",
        "storage.recorder.Recorder.durable",
    ],
)
def test_an_error_at_any_step_lets_nothing_through(
    gate: RunningGate, origin: Origin, monkeypatch: pytest.MonkeyPatch, step: str, body: bytes
) -> None:
    url = f"http://x.com:{origin.port}/"
    monkeypatch.setattr(step, broken)
    with gate.client() as client:
        try:
            status = client.request("POST" if body else "GET", url, content=body).status_code
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            status = 403  # closed without a word
    monkeypatch.undo()
    assert status == 403
    assert origin.seen == []
    with gate.client() as client:
        assert client.get(url).status_code == 200
