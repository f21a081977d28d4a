"""Checking passwords without holding anybody up: not the traffic, nor whoever has the right one.

To check one takes long on purpose, and a directory may not answer at all. So checks are done beside
the event loop, a few at a time, and one after the other for each address: who guesses waits in a
queue of their own. Nobody waits longer than a bound. A password that was right is remembered for a
while, as a keyed hash, because a browser sends it with every request.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from addon.throttle import Throttle

WITHIN: Final = 8.0
"""Seconds that anybody waits at most."""
_AT_ONCE: Final = 4
_MOST_WAITING: Final = 32
"""For each address; a browser opens a dozen connections at a time."""
_REMEMBERED_FOR: Final = 300.0
_MOST_REMEMBERED: Final = 1000


class CannotCheck(Exception):
    """It cannot be told now whether a password is right."""


class PasswordChecks:
    """Asks `is_right(account, password)`, which may block and may raise, from the event loop."""

    def __init__(
        self,
        is_right: Callable[[str, str], bool],
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_right = is_right
        self._steady = steady
        self._threads = ThreadPoolExecutor(_AT_ONCE, "password")
        self._key = secrets.token_bytes(32)
        self._wrong = Throttle(10, 600, steady)
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._queues: dict[str, tuple[asyncio.Lock, int]] = {}

    async def check(self, address: str, account: str, password: str) -> bool:
        """Whether a password is right. After ten wrong ones in ten minutes from one address none is
        looked at until the ten minutes are over. Raises CannotCheck.
        """
        if self._wrong.is_spent(address):
            return False
        mark = hmac.digest(self._key, f"{account}\0{password}".encode(), "sha256")
        if self._is_remembered(mark):
            return True
        queue, waiting = self._queues.get(address) or (asyncio.Lock(), 0)
        if waiting >= _MOST_WAITING:
            raise CannotCheck
        self._queues[address] = queue, waiting + 1
        try:
            async with asyncio.timeout(WITHIN), queue:
                return await self._check(address, mark, account, password)
        except TimeoutError as error:
            raise CannotCheck from error
        finally:
            _, waiting = self._queues[address]
            if waiting > 1:
                self._queues[address] = queue, waiting - 1
            else:
                del self._queues[address]

    async def _check(self, address: str, mark: bytes, account: str, password: str) -> bool:
        if self._is_remembered(mark):
            return True
        if self._wrong.is_spent(address):
            return False
        loop = asyncio.get_running_loop()
        if await loop.run_in_executor(self._threads, self._is_right, account, password):
            self._right[mark] = self._steady() + _REMEMBERED_FOR
            if len(self._right) > _MOST_REMEMBERED:
                self._right.popitem(last=False)
            return True
        self._wrong.allows(address)
        return False

    def _is_remembered(self, mark: bytes) -> bool:
        until = self._right.get(mark)
        if until is None:
            return False
        if self._steady() >= until:
            del self._right[mark]
            return False
        return True
