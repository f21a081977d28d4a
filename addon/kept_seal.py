"""Which record was in use last, and the newest seal seen in it, in a small file beside it.

A record that was deleted, exchanged or cut short cannot tell (`storage.continuity`). The file's
name does not begin as the record's do, so that whoever deletes those does not take it with them.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from addon.durable_file import replace_file
from addon.state_folder import newest_seal
from storage.continuity import Known
from storage.verifying import parsed_head

log = logging.getLogger("schoolgate")


class KeptSeal:
    """What is remembered in a state folder."""

    def __init__(self, state: Path) -> None:
        self._path = newest_seal(state)

    def read(self) -> Known | None:
        """What was kept; None, with a warning if there is a file, where nothing can be read."""
        try:
            found = json.loads(self._path.read_bytes())
            return Known(str(found["record"]), *parsed_head(str(found["seal"])))
        except FileNotFoundError:
            return None
        except OSError as error:
            why = error.strerror or str(error)
        except (ValueError, TypeError, KeyError):
            why = "it is damaged"
        log.warning(
            "Whether the record is the one that was here before cannot be told: %s cannot be used"
            " (%s).",
            *(self._path, why),
        )
        return None

    def keep(self, known: Known | None) -> None:
        """Keeps this instead, unless it is kept already or None. What goes wrong is logged."""
        if known is None:
            return
        content = json.dumps({"record": known.record, "seal": str(known)}).encode()
        try:
            if self._path.read_bytes() == content:
                return
        except OSError:
            pass
        try:
            replace_file(self._path, content, durable=True)
        except OSError as error:
            log.warning("%s cannot be written: %s.", self._path, error.strerror or error)
