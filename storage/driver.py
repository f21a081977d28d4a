"""What psycopg is told for each session. Loaded only where there is one: psycopg is an extra."""

from __future__ import annotations

from typing import Any

from psycopg import Connection, ServerCursor
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper


class _Cursor(ServerCursor[Any]):
    """A reader may stop in the middle of what it reads. The server's cursor ends with the
    transaction then, which is no oversight that a warning should tell of.
    """

    def __del__(self, _: Any = None) -> None:
        pass


def set_up(session: Connection[Any]) -> None:
    """Tells a new session what it is used for."""
    session.server_cursor_factory = _Cursor
    for dumper in (Int8Dumper, Int8BinaryDumper):
        # By default the type goes by the size of each number, so that every row of values would be
        # another statement to the server.
        session.adapters.register_dumper(int, dumper)
