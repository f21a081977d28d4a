"""A thread that looks at the record again and again, for what a process keeps of it in memory.

While the record cannot be read it says so once, and once more when it can be read again; what was
known last stays in the meantime.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from storage.faults import RecordError

log = logging.getLogger("schoolgate")


class Following:
    """Calls `look` every so many seconds, from `start` to `close`.

    `lost` and `found` are the warnings for a `look` that raises RecordError and for the first that
    does not any more; `lost` has a `%s` for the reason.
    """

    def __init__(
        self, name: str, look: Callable[[], None], every: float, *, lost: str, found: str
    ) -> None:
        self._look, self._every = look, every
        self._lost, self._found = lost, found
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=name, daemon=True)

    def start(self) -> None:
        """Looks for the first time after the first pause."""
        self._thread.start()

    def close(self) -> None:
        """Ends it; a look that is under way may take five seconds to come to its end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _follow(self) -> None:
        trouble = False
        while not self._stop.wait(self._every):
            try:
                self._look()
            except RecordError as error:
                if not trouble:
                    log.warning(self._lost, error)
                trouble = True
            else:
                if trouble:
                    log.warning(self._found)
                trouble = False
