"""Whose web access is withdrawn, as it was known last, for a start without the record.

Where the record is on a server, that may be away when the gate starts; where it is a file, that may
be damaged or gone. Restricted sites stay closed then whoever asks; but a withdrawal closes all
others too, and whoever withdrew it would not expect that a failure of some server or disk gives it
back. So the ids of these people are kept in the state folder whenever they change. They go by there
until a server's record has been read, and are entered again in a file that is begun anew
(`addon.record_continuity`).
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from addon.durable_file import replace_file
from addon.state_folder import withdrawn_people
from storage.access_steps import LONGEST_TEXT

log = logging.getLogger("schoolgate")


class KeptWithdrawals:
    """The ids in a state folder. Several processes may keep them: each keeps what is in force."""

    def __init__(self, state: Path) -> None:
        self._path = withdrawn_people(state)

    def read(self) -> frozenset[str]:
        """Those that were kept; nobody, with a warning, where the file cannot be read."""
        try:
            found = json.loads(self._path.read_bytes())
            if isinstance(found, list) and all(map(_is_id, found)):
                return frozenset(found)
            why = "it is not a list of people"
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            why = error.strerror or str(error)
        except ValueError:
            why = "it is damaged"
        log.warning(
            "Whose web access is withdrawn is known from the record alone: %s cannot be used (%s).",
            *(self._path, why),
        )
        return frozenset()

    def keep(self, people: frozenset[str]) -> None:
        """Keeps these instead, unless they are kept already. What goes wrong is logged."""
        content = json.dumps(sorted(people)).encode()
        try:
            if self._path.read_bytes() == content:
                return
        except OSError:
            pass
        try:
            replace_file(self._path, content, durable=True)
        except OSError as error:
            log.warning("%s cannot be written: %s.", self._path, error.strerror or error)


def _is_id(person: object) -> bool:
    return isinstance(person, str) and 0 < len(person) <= LONGEST_TEXT and person.isprintable()
