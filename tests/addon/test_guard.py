"""An error of ours in a hook refuses; an error while refusing closes."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from mitmproxy.test.tflow import tflow

from addon.enforcer import Enforcer
from addon.guard import guarded


class Clumsy:
    """An addon of which everything fails."""

    def __init__(self, *, refuses: bool) -> None:
        self.refuses = refuses
        self.refused: list[str] = []

    @guarded
    def request(self, flow: object) -> None:
        raise RuntimeError("forced by the test")

    @guarded
    async def requestheaders(self, flow: object) -> None:
        raise RuntimeError("forced by the test")

    def refuse_after_error(self, hook: str, subject: object) -> None:
        if not self.refuses:
            raise RuntimeError("forced by the test, too")
        self.refused.append(hook)


def test_a_hook_that_fails_refuses() -> None:
    addon = Clumsy(refuses=True)
    addon.request(tflow())
    asyncio.run(addon.requestheaders(tflow()))
    assert addon.refused == ["request", "requestheaders"]


def test_a_refusal_that_fails_closes_the_connection() -> None:
    addon = Clumsy(refuses=False)
    flow = tflow()
    addon.request(flow)
    assert flow.error


def test_what_is_no_request_is_left_to_its_next_hook() -> None:
    Clumsy(refuses=False).request(object())


@pytest.mark.parametrize(
    "hook",
    [
        name
        for name, function in inspect.getmembers(Enforcer, inspect.isfunction)
        if not name.startswith("_") and name != "refuse_after_error"
    ],
)
def test_every_hook_of_the_enforcer_is_guarded(hook: str) -> None:
    assert hasattr(getattr(Enforcer, hook), "__wrapped__")
