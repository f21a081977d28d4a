"""One gateway on one database, however many computers could reach it.

Two would give two events one number. With a file, the lock of the state folder keeps the second
away. On a server, every session in which a gateway writes takes a *claim*: an advisory lock that
all processes of one gateway share, and that is only taken where there is none of another gateway's.
Whether there is one is looked at while the lock of all writers is held (`storage.record_server`),
so of two that come at once one is first.

A claim lasts as long as its session. The server itself ends the sessions of a gateway that has lost
its power or its network, after seconds (`SETTINGS`), and a server that takes over knows of none:
each session that is made anew takes it anew.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from storage.connections import Database
from storage.faults import RecordError, TakenError
from storage.gateway import Gateway, in_words
from storage.server_faults import fault_of

_KIND: Final = 0x5363_6774
"""The first of the two numbers of the lock: 'Scgt'. The second is the gateway's."""

SETTINGS: Final = {
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "6000",
}
"""What the server is told of a session with a claim; without it a machine that is switched off
would keep its claim for two hours.
https://www.postgresql.org/docs/current/runtime-config-connection.html
"""

_OTHERS: Final = """
SELECT coalesce(a.application_name, '')
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.classid = %d AND l.objsubid = 2 AND l.objid <> %d
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY 1 LIMIT 1
"""


def claim(connection: Connection, gateway: Gateway, record: str) -> None:
    """Takes the claim for a session, whose transaction holds the lock of all writers.

    Raises TakenError while another gateway has one; `record` is what the sentence calls it.
    """
    other = connection.exec_driver_sql(_OTHERS % (_KIND, gateway.number)).scalar()
    if other is not None:
        raise TakenError(_taken(record, other))
    lock = f"SELECT pg_advisory_lock_shared({_KIND}, {gateway.number})"
    connection.exec_driver_sql(lock)


class Claim:
    """A gateway's claim on a connection of its own, whether it has anything to write or not. For
    one thread at a time.
    """

    def __init__(self, server: Database) -> None:
        """Nothing is asked of the server yet; it is one that was opened for a gateway."""
        self._server = server
        self._connection: Connection | None = None

    def hold(self) -> None:
        """Takes it, or makes sure that it is still there, taking it anew where it is not.

        Raises TakenError while another gateway has one, and RecordError.
        """
        try:
            if self._connection is not None:
                try:
                    with self._connection.begin():
                        self._connection.exec_driver_sql("SELECT 1")
                    return
                except DBAPIError:
                    self.close()
            self._connection = self._server.writer()
            with self._connection.begin():
                pass  # the first transaction of a session takes it
            # From now on it holds up nobody who writes.
            self._connection.execution_options(schoolgate_writes=False)
        except DBAPIError as error:
            self.close()
            raise fault_of(error, self._server.name) from error
        except RecordError:
            self.close()
            raise

    def close(self) -> None:
        """Lets go of it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DBAPIError):
                connection.invalidate()
                connection.close()


def _taken(record: str, other: str) -> str:
    return (
        f"Another gateway{in_words(other)} already writes to {record}: stop it, or give each"
        " gateway a database of its own."
    )
