"""The gate as a script of mitmdump's, which takes faults at the start in a way of its own.

mitmproxy prints the whole traceback of what a script raises when it is configured. Worse, it loads
scripts in a task whose failure nobody looks at: after `--set` with a value of the wrong type, the
script is left out without a word and the proxy runs on with no gate in it. What it does heed is an
error in the log while it starts: then it stops. So that is how a fault is told here.
"""

from __future__ import annotations

import logging

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError

from addon.gate import Gate

log = logging.getLogger("schoolgate")


class ScriptGate(Gate):
    """A gate whose faults at the start keep mitmdump from starting, in a sentence each."""

    def __init__(self) -> None:
        super().__init__()
        self._is_running = False
        self._is_broken = False
        # mitmdump shows every program's log; how the record's tables are made is no news.
        logging.getLogger("alembic").setLevel(logging.WARNING)

    def load(self, loader: Loader) -> None:
        """Adds the options, and looks at once at what the command line had for them."""
        super().load(loader)
        try:
            ctx.options.process_deferred()
        except OptionsError as error:
            self._refuse_to_start(error)

    def configure(self, updated: set[str]) -> None:
        """Opens what the options name. Raises OptionsError for a change while it runs."""
        if self._is_broken:
            return
        try:
            super().configure(updated)
        except OptionsError as error:
            if self._is_running:
                raise
            self._refuse_to_start(error)

    async def running(self) -> None:
        """Everything is configured and the ports are open."""
        await super().running()
        self._is_running = True

    def _refuse_to_start(self, error: OptionsError) -> None:
        self._is_broken = True
        log.error("%s", error)
