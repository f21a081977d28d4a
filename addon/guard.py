"""The one broad `except` of the program, at the boundary between mitmproxy and ours.

mitmproxy logs what a hook raises and carries on as if the hook had agreed. For a gate that is the
wrong way round, so every hook is wrapped: the fault is logged and, where a request can still be
refused, it is. A second fault while refusing closes the connection, which needs nothing of ours.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any, Protocol

from mitmproxy.http import HTTPFlow

log = logging.getLogger("schoolgate")


class Refuses(Protocol):
    """An addon whose hooks are guarded."""

    def refuse_after_error(self, hook: str, subject: object) -> None:
        """Refuses what the hook of that name was given, as far as that is still possible."""


def guarded[Hook: Callable[..., Any]](hook: Hook) -> Hook:
    """Wraps a hook method of an addon that Refuses. What it gives back has the hook's signature."""

    def failed(addon: Refuses, subject: object) -> None:
        log.exception("An error in %s; what it was about is refused.", hook.__name__)
        try:
            addon.refuse_after_error(hook.__name__, subject)
        except Exception:
            log.exception("An error while refusing; the connection is closed.")
            if isinstance(subject, HTTPFlow) and subject.killable:
                subject.kill()

    if inspect.iscoroutinefunction(hook):

        @functools.wraps(hook)
        async def asynchronous(addon: Refuses, subject: object) -> None:
            try:
                await hook(addon, subject)
            except Exception:
                failed(addon, subject)

        return asynchronous  # type: ignore[return-value]

    @functools.wraps(hook)
    def synchronous(addon: Refuses, subject: object) -> None:
        try:
            hook(addon, subject)
        except Exception:
            failed(addon, subject)

    return synchronous  # type: ignore[return-value]
