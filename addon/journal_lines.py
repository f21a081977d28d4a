"""Lines for systemd's journal, which keeps the time of each by itself and reads how grave it is
from its first three letters (sd-daemon(3)). Anywhere else lines are left as they are.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Final, TextIO

_ERROR, _WARNING, _INFORMATION, _DEBUG = 3, 4, 6, 7
_LEVELS: Final = (
    (logging.ERROR, _ERROR),
    (logging.WARNING, _WARNING),
    (logging.INFO, _INFORMATION),
)


def goes_to_journal(stream: TextIO) -> bool:
    """Whether what is written to a stream ends up in the journal (systemd.exec(5))."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def marked(text: str, level: int) -> str:
    """A text with its gravity, one of `logging`'s levels, before each of its lines."""
    number = next((grave for least, grave in _LEVELS if level >= least), _DEBUG)
    return "\n".join(f"<{number}>{line}" for line in text.splitlines() or [""])


def start_logging(form: str = "%(message)s") -> None:
    """Log to standard error from INFO on, in the journal's form where it leads there."""
    logging.basicConfig(format=form, level=logging.INFO, stream=sys.stderr)
    if goes_to_journal(sys.stderr):
        for handler in logging.getLogger().handlers:
            handler.setFormatter(_Marking(form))


def warn(text: str) -> None:
    """Say something on standard error that somebody should look at."""
    said = marked(text, logging.WARNING) if goes_to_journal(sys.stderr) else text
    print(said, file=sys.stderr, flush=True)


class _Marking(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return marked(super().format(record), record.levelno)
