"""Patterns over host names, from lists that others write, in time that cannot run away.

Python's own `re` tries again and again: `(a+)+$` takes for ever on thirty letters, and whoever
writes a list could stop the gate. RE2 never goes back: its time grows with the length of the name
alone, and what it cannot promise that for (look-around, back-references) it refuses. It is also the
language in which v2fly's patterns are written (Go's `regexp` is the same), and it looks for all the
patterns of a list in one pass.
"""

from collections.abc import Iterable

import re2  # type: ignore[import-untyped]

from rules.lists.entries import Entry, Kind, Why

MOST_LETTERS = 1000
_MEMORY = 64 * 1024 * 1024  # bytes, for all patterns of a list together


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False  # the library would write to standard error itself
    options.case_sensitive = False
    options.never_capture = True
    options.max_mem = _MEMORY
    return options


def pattern(text: str) -> Entry | Why:
    """Give the entry for a regular expression, if RE2 can look for it."""
    if not text or len(text) > MOST_LETTERS or not text.isprintable():
        return Why.PATTERN
    try:
        re2.compile(text, _options())
    except re2.error:
        return Why.PATTERN
    return Entry(Kind.PATTERN, text)


def keyword(text: str) -> Entry | Why:
    """Give the entry for a word that may stand anywhere in a host."""
    return pattern(re2.escape(text.lower()))


class HostPatterns:
    """Patterns to look for in canonical hosts, all at once."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Take patterns that `pattern` has accepted. Raises ValueError if they are too many."""
        self._texts = tuple(texts)
        self._set = re2.Set.SearchSet(_options())
        try:
            for text in self._texts:
                self._set.Add(text)
            if self._texts:
                self._set.Compile()
        except re2.error as error:
            raise ValueError("The patterns of this list need too much memory.") from error

    def __len__(self) -> int:
        return len(self._texts)

    def find(self, host: str) -> str | None:
        """Give the first of the patterns that the host fits, or None."""
        if not self._texts:
            return None
        found = self._set.Match(host)
        return self._texts[min(found)] if found else None
