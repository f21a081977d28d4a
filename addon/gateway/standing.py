"""What was put in force, as files: what stands now, and what stood before the last change."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from addon.gateway.journal import write_durably

KERNEL_TABLE: Final = "table.nft"
_FACTS: Final = "stand.json"


class Stand:
    """A folder with the files in force and what is known of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.noted = folder / _FACTS

    def exists(self) -> bool:
        """Whether anything stands."""
        return self.noted.exists()

    def files(self) -> dict[str, str]:
        """The files in force by name."""
        return {
            path.name: path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(self.folder.glob("*"))
            if path.name not in (_FACTS, KERNEL_TABLE)
        }

    def text(self, name: str) -> str | None:
        """One file's text, or None. What is damaged differs from what should be there."""
        try:
            return (self.folder / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def known(self) -> dict[str, Any]:
        """What was noted when it was put in force: digest, time, settings."""
        try:
            known = json.loads(self.text(_FACTS) or "{}")
        except ValueError:
            return {}
        return known if isinstance(known, dict) else {}

    def write(self, files: Mapping[str, str], known: Mapping[str, Any]) -> None:
        """Replace the folder in one step."""
        new = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        for name, text in files.items():
            write_durably(new / name, text)
        write_durably(new / _FACTS, json.dumps(known))
        self.remove()
        new.rename(self.folder)

    def note(self, **more: Any) -> None:
        """Add to what is known."""
        write_durably(self.noted, json.dumps(self.known() | more))

    def copy_to(self, other: Stand) -> None:
        """Make the other one a copy of this."""
        other.write(self.files(), self.known())

    def remove(self) -> None:
        """Remove the folder."""
        if self.folder.exists():
            # Out of the way in one step first: half a folder must not pass for a whole one.
            gone = self.folder.with_name(f"{self.folder.name}.old")
            shutil.rmtree(gone, ignore_errors=True)
            self.folder.rename(gone)
            shutil.rmtree(gone)
