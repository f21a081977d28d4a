"""The addresses that restricted names have led to, kept in a file beside the rules.

They live in the packet filter's sets for days, and another program may empty the packet filter.
What devices have looked up before that, they will not look up again at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

from addon.gateway.journal import write_durably
from addon.gateway.nftables import FILLED


class Memory:
    """The file `path`. It is only ever a help: what is damaged in it counts as nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, elements: Mapping[str, list[str]]) -> None:
        """Keep the elements of the sets, by name, if there are any. Raises OSError."""
        if any(elements.values()):
            write_durably(self._path, json.dumps(elements))

    def read(self) -> dict[str, list[str]]:
        """What was kept last."""
        try:
            found = json.loads(self._path.read_bytes())
            return {name: [str(ip_address(each)) for each in found[name]] for name in FILLED}
        except (OSError, ValueError, TypeError, KeyError):
            return {}
