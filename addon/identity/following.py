"""The bindings as a worker goes by them, followed as the identity process writes them.

A thread looks at the record ten times a second: one question for the newest revision. While the
record cannot be read, what is known stays and grows less sure by itself, since every question
brings its own time.
"""

from __future__ import annotations

from typing import Final

from addon.following import Following
from addon.identity.bindings import Bindings
from addon.identity.rows import interval_of
from storage.bindings import BindingReader
from storage.connections import Database

EVERY: Final = 0.1
"""Seconds between two looks."""


class BindingsInForce:
    """Keeps `bindings` as the record has them, from `start` to `close`."""

    def __init__(self, database: Database) -> None:
        """`database` may be open for reading only."""
        self.bindings = Bindings()
        self._reader = BindingReader(database)
        self._following = Following(
            "bindings",
            self.look,
            EVERY,
            lost="Who is where cannot be followed any more: %s",
            found="Who is where can be followed again.",
        )

    def start(self) -> None:
        """Reads the record, and follows it from now on. Raises RecordError if it cannot be read."""
        self.look()
        self.follow()

    def follow(self) -> None:
        """Follows the record from now on, whatever state it is in."""
        self._following.start()

    def close(self) -> None:
        """Ends the following; what was known last stays."""
        self._following.close()
        self._reader.close()

    def look(self) -> None:
        """Takes up what has changed, if anything has. Raises RecordError."""
        anew, found = self._reader.look()
        intervals = [interval for row in found if (interval := interval_of(row))]
        if anew:
            self.bindings.replace(intervals)
        else:
            for interval in intervals:
                self.bindings.put(interval)
