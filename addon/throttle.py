"""How often something may be tried: so many times in so many seconds, by whom or at what."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

_MOST_KEYS: Final = 10_000


class Throttle:
    """Counts tries by key, in memory. Safe to share between threads."""

    def __init__(
        self, most: int, within: float, steady: Callable[[], float] = time.monotonic
    ) -> None:
        """`most` tries within so many seconds of the steady clock."""
        self._most, self._within, self._steady = most, within, steady
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def allows(self, key: str) -> bool:
        """Counts a try; False if there have been too many, and then it is not counted."""
        with self._lock:
            tries = self._lately(key)
            if len(tries) >= self._most:
                return False
            tries.append(self._steady())
            self._tries[key] = tries
            self._tries.move_to_end(key)
            if len(self._tries) > _MOST_KEYS:
                self._tries.popitem(last=False)
            return True

    def is_spent(self, key: str) -> bool:
        """Whether the next try would be one too many; counts nothing."""
        with self._lock:
            return len(self._lately(key)) >= self._most

    def _lately(self, key: str) -> deque[float]:
        tries, now = self._tries.get(key) or deque(), self._steady()
        while tries and now - tries[0] >= self._within:
            tries.popleft()
        return tries
