"""The lines of a list, whoever wrote it and whatever it turns out to be.

Each way in which a file is no list has its own sentence, because each has its own remedy: a web
page in place of the list means a wrong address, and UTF-16 means a file saved by a word processor.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rules.lists.entries import ListError

MOST_BYTES = 512 * 1024 * 1024
MOST_LINE = 64 * 1024
_REPORTED = 65536  # lines between two reports of progress
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_PAGES = (b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<meta", b"<?xml", b"<!--")

Progress = Callable[[int], None]
"""Told how many more bytes have been read."""


def _silent(_: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The numbered lines of one file, without their ends. They can be gone through again."""

    file: str  # as people know it
    open_bytes: Callable[[], BinaryIO]
    progress: Progress = _silent

    @classmethod
    def of_file(cls, path: Path, name: str = "", progress: Progress = _silent) -> "Lines":
        """Give the lines of a file on disk."""
        return cls(name or path.name, lambda: path.open("rb"), progress)

    @classmethod
    def of_bytes(cls, data: bytes, name: str) -> "Lines":
        """Give the lines of bytes in memory."""
        return cls(name, lambda: io.BytesIO(data))

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Give number (from 1) and text. Raises ListError if this is no list of plain text."""
        number, total, told, begun = 0, 0, 0, False
        try:
            with self.open_bytes() as file:
                while raw := file.readline(MOST_LINE + 1):
                    number += 1
                    total += len(raw)
                    self._check(raw, number, total)
                    if number == 1:
                        raw = raw.removeprefix(_BOM)
                    if not begun and raw.strip():
                        begun = True
                        self._check_first(raw.strip().lower())
                    if number % _REPORTED == 0:
                        self.progress(total - told)
                        told = total
                    # Letters that are not UTF-8 become a mark that no name has, so that one odd
                    # comment does not lose a list and one odd name does not become another.
                    yield number, raw.decode("utf-8", "replace").strip()
        except OSError as error:
            raise ListError(f"{self.file} cannot be read: {error.strerror or error}.") from error
        self.progress(total - told)

    def _check(self, raw: bytes, number: int, total: int) -> None:
        if number == 1 and raw.startswith(_UTF16):
            raise ListError(f"{self.file} is in UTF-16; save it as UTF-8 and try again.")
        if b"\0" in raw:
            raise ListError(f"{self.file} is not a text: line {number:,} has a zero byte in it.")
        if len(raw) > MOST_LINE:
            raise ListError(
                f"{self.file} is not a list of names: line {number:,} has more than "
                f"{MOST_LINE:,} bytes."
            )
        if total > MOST_BYTES:
            raise ListError(f"{self.file} is too large; a list has at most {size(MOST_BYTES)}.")

    def _check_first(self, start: bytes) -> None:
        if start.startswith(_PAGES):
            raise ListError(
                f"{self.file} is a web page, not a list; look up the address of the list itself."
            )


def size(count: int) -> str:
    """Write a number of bytes as people do, in MB of a million bytes from one upwards."""
    return f"{count / 1e6:,.0f} MB" if count >= 1_000_000 else f"{count:,} bytes"
