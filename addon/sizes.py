"""Sizes in bytes, as people write and read them: 20GB, 500 MB."""

from __future__ import annotations

import re
from typing import Any, Final

import click

from storage.room import said

__all__ = ["DEFAULT_LIMIT", "LimitType", "read_limit", "said"]

_UNITS: Final = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE: Final = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?([KMGT]B)", re.IGNORECASE)

DEFAULT_LIMIT: Final = "20GB"
"""Of a record: more than fifty million events."""

LEAST: Final = 100 * 10**6
"""Bytes: the record's log alone can take more than half of it."""


def read_limit(text: str) -> int | None:
    """The limit of a record in bytes, None for `none`.

    Raises ValueError, with a sentence, for what is no size or too small a one.
    """
    if text.strip().lower() == "none":
        return None
    if not (found := _SIZE.fullmatch(text.strip())):
        raise ValueError(f"{text!r} is not a size; write one such as 20GB or 500MB, or none.")
    size = round(float(found[1]) * _UNITS[found[2].upper()])
    if size < LEAST:
        raise ValueError(f"{text!r} is too small for a record; give it {said(LEAST)} or more.")
    return size


class LimitType(click.ParamType[str]):
    """A record's limit on the command line, kept as it was written."""

    name = "SIZE"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        try:
            read_limit(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)
