"""What a worker does beside its traffic: one thing after the other, on one thread of its own.

On the event loop's own threads each piece of work may land on another of up to thirty-two, and
every thread that has read a policy keeps some of the memory that this took. Host names are looked
up on those, too, and must not wait behind a policy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial


class Chores:
    """Work that would hold up the event loop, and that nobody waits for."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chores")

    async def do[**Arguments, Answer](
        self,
        work: Callable[Arguments, Answer],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Answer:
        """Does it in its turn, and gives back what came of it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(work, *arguments, **named))

    def close(self) -> None:
        """Waits for nothing; what has not begun is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)
