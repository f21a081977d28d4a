"""The stretches of a record's chain that purges have removed, as its tombstones name them."""

from __future__ import annotations

import json

from sqlalchemy import Connection

from storage.centre.address import ChangedError


class Removed:
    """Read once, and then followed."""

    def __init__(self) -> None:
        self._read_to = 0
        self._stretches: dict[int, tuple[int, bytes]] = {}  # by their last: first, its digest

    def read(self, connection: Connection) -> None:
        """Reads the tombstones that have come since."""
        query = "SELECT number, facts FROM seals WHERE number > ? AND what = 'purge'"
        for number, facts in connection.exec_driver_sql(query, (self._read_to,)):
            try:
                for first, last, digest in json.loads(facts)["gaps"]:
                    self._stretches[int(last)] = int(first), bytes.fromhex(digest)
            except (ValueError, TypeError, KeyError):
                pass  # its own digest will not fit either, and the centre says so
            self._read_to = number

    def digest_of(self, number: int) -> bytes:
        """The digest of a removed seal, b"" if it is not known: only those of ends are.

        Raises ChangedError if no purge has removed it.
        """
        if number in self._stretches:
            return self._stretches[number][1]
        if any(first <= number <= last for last, (first, _) in self._stretches.items()):
            return b""
        raise ChangedError(_missing(number))

    def before(self, first: int, number: int) -> bytes:
        """The digest of the seal before `number`, if purges have removed all from `first` to there.

        Raises ChangedError otherwise.
        """
        last = number - 1
        while last >= first:
            if last not in self._stretches:
                raise ChangedError(_missing(last))
            last = self._stretches[last][0] - 1
        return self._stretches[number - 1][1]


def _missing(number: int) -> str:
    return f"Seal {number} of the record is missing, and no purge has removed it."
