"""A record on a PostgreSQL server: how it is connected to, and what is asked of it.

    one gateway               whoever writes for one claims the record first (storage.sole_gateway)
    one writer at a time      an advisory lock, held from a writing transaction's first moment to
                              its end, so that the chain of seals has one order whoever writes
    synchronous_commit        at least `on`, set for each such transaction: a commit is on the
                              server's disk when it returns, whatever the server's own setting;
                              a server with fsync off is refused
    isolation                 what is read is one moment's view (repeatable read); a writer sees
                              all that was committed before it got the lock (read committed)
    lock_timeout              a writer waits for others as long as it would for a file
    connect_timeout,          a server that is switched off or cut off is noticed within seconds,
    keepalives                where the address does not say otherwise

Every connection is looked at when it is made, because after an outage another server may answer
under the same name: one that only follows, an older one, one without the record.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from itertools import chain
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import URL, Connection, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from storage import server_faults as faults
from storage.connections import Database, Opened
from storage.faults import AwayError, NoRecordError, RecordError
from storage.gateway import Gateway
from storage.migrations import HEAD, is_known
from storage.record_url import name_of
from storage.sole_gateway import SETTINGS, claim

MARK: Final = "The version of the tables of a Schoolgate record"
"""The comment on the table of the version; other programs have a table of that name too."""

LOCK: Final = 0x5363_6774
"""The number of the advisory lock: 'Scgt'."""

_UNLESS_GIVEN: Final = {
    "application_name": "schoolgate",
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
_BEGIN_WRITING: Final = (
    "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') "
    "WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true), "
    f"set_config('lock_timeout', ?, true), pg_advisory_xact_lock({LOCK})"
)
_LOOK: Final = """
SELECT current_setting('server_version_num')::integer, current_setting('server_encoding'),
       current_setting('fsync') = 'on',
       pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
       current_schema()::text,
       has_schema_privilege(current_schema()::text, 'CREATE'),
       (SELECT count(*) FROM pg_class t WHERE t.relnamespace = s.oid AND t.relkind IN ('r', 'p')
        AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')),
       (SELECT obj_description(t.oid, 'pg_class') FROM pg_class t
        WHERE t.relnamespace = s.oid AND t.relname = 'alembic_version')
FROM (VALUES (1)) AS one (row) LEFT JOIN pg_namespace s ON s.nspname = current_schema()
"""


class Look(NamedTuple):
    """What a new connection found: whether there are tables, and the version of ours."""

    tables: bool
    version: str | None


class RecordServer(Database):
    """A record on a server. What is there is looked at with each connection."""

    def __init__(
        self,
        url: URL,
        mode: Literal["rw", "ro"],
        patience: float = 5.0,
        *,
        version: str | None = HEAD,
        gateway: Gateway | None = None,
    ) -> None:
        """`patience` is how many seconds to wait while another process writes; `version` what the
        tables must be of, None while they are about to be made; `gateway` for whom it is written,
        where no other may. Raises RecordError without a driver.
        """
        self.name = name_of(url)
        self._writes, self._version, self._gateway = mode == "rw", version, gateway
        self._patience = str(round(patience * 1000))
        settings = {key: value for key, value in _UNLESS_GIVEN.items() if key not in url.query}
        if self._writes and "host" in url.query and "target_session_attrs" not in url.query:
            settings["target_session_attrs"] = "read-write"  # of several, the one that writes
        try:
            # No pool: a connection never crosses a fork, and none is found dead when it is needed.
            self._engine = create_engine(url, connect_args=settings, poolclass=NullPool)
        except ImportError as error:
            raise RecordError(faults.without_driver()) from error
        event.listen(self._engine, "connect", self._greet)
        event.listen(self._engine, "begin", self._begin)
        event.listen(self._engine, "before_cursor_execute", _in_its_words, retval=True)

    def opened(self) -> Opened:
        connection = self._reader()
        return Opened(connection, connection.info.get("identity"))

    def writer(self) -> Connection:
        return self._engine.connect().execution_options(
            isolation_level="READ COMMITTED", schoolgate_writes=True
        )

    def is_still(self, identity: Hashable | None) -> bool:
        return True  # a session never leaves its database

    def identity(self) -> Hashable:
        return self.name

    def explain(self, error: Exception) -> str:
        return str(faults.fault_of(error, self.name))

    @property
    def gone(self) -> str:
        return faults.gone(self.name)

    @property
    def damaged(self) -> str:
        return faults.damaged(self.name)

    def size(self) -> int:
        with self.reading() as connection:
            return self.used(connection)

    def used(self, connection: Connection) -> int:
        """What is free in it counts too: the server does not say how much that is."""
        query = "SELECT pg_database_size(current_database())"
        return int(connection.exec_driver_sql(query).scalar_one())

    def give_back(self, rest: Callable[[], object]) -> None:
        """The server does that by itself (autovacuum)."""

    def cut_log(self) -> None:
        """The server does that by itself."""

    def look(self) -> Look:
        """What is there. Raises RecordError."""
        try:
            with self._engine.connect() as connection:
                found: Look = connection.info["look"]
                return found
        except DBAPIError as error:
            raise faults.fault_of(error, self.name) from error

    def _reader(self) -> Connection:
        return self._engine.connect().execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    def _begin(self, connection: Connection) -> None:
        if connection.get_execution_options().get("schoolgate_writes"):
            connection.exec_driver_sql(_BEGIN_WRITING, (self._patience,))
            if self._gateway and not connection.info.get("claimed"):
                claim(connection, self._gateway, self.name)
                connection.info["claimed"] = True

    def _greet(self, session: Any, record: Any) -> None:
        """Looks at who answers, before anything else is asked. Raises RecordError."""
        # Where there is a session, there is the driver.
        import psycopg

        from storage.driver import set_up

        try:
            set_up(session)
            session.autocommit = True
            look = self._checked(session, session.execute(_LOOK).fetchone())
            if self._gateway:
                settings = {**SETTINGS, "application_name": self._gateway.name}
                setting = ", ".join(["set_config(%s, %s, false)"] * len(settings))
                session.execute(f"SELECT {setting}", [*chain(*settings.items())])
            record.info["look"] = look
            if look.version == HEAD:
                first = session.execute("SELECT digest FROM seals WHERE number = 1").fetchone()
                record.info["identity"] = first and first[0]
            session.autocommit = False
        except psycopg.Error as error:
            session.close()
            raise faults.fault_of(error, self.name) from error
        except RecordError:
            session.close()
            raise

    def _checked(self, session: Any, facts: Any) -> Look:
        version, encoding, safe, follows, schema, may_create, tables, mark = facts
        if version < faults.OLDEST * 10_000:
            raise RecordError(faults.too_old(self.name, version))
        if encoding != "UTF8":
            raise RecordError(faults.badly_encoded(self.name, encoding))
        if schema is None:
            raise RecordError(faults.without_schema(self.name))
        if tables and mark != MARK:
            raise RecordError(faults.of_others(self.name))
        if self._writes and follows:
            raise AwayError(faults.standby(self.name))
        if self._writes and not safe:
            raise RecordError(faults.unsafe(self.name))
        if not tables and self._version is None and not may_create:
            raise RecordError(faults.without_right(self.name))
        look = Look(bool(tables), None)
        if tables:
            found = session.execute("SELECT version_num FROM alembic_version").fetchone()
            look = Look(True, found and found[0])
        if self._version is not None and look.version != self._version:
            if look.version is None:
                raise NoRecordError(faults.empty(self.name))
            known = is_known(look.version)
            raise RecordError(faults.older(self.name) if known else faults.newer(self.name))
        return look


def mark(connection: Connection) -> None:
    """Marks the tables as ours, within the transaction that made them."""
    connection.execute(text(f"COMMENT ON TABLE alembic_version IS '{MARK}'"))


@lru_cache(maxsize=1_000)
def _translated(statement: str) -> str:
    return statement.replace("?", "%b")


def _in_its_words(
    connection: Connection, cursor: Any, statement: str, values: Any, context: Any, many: bool
) -> tuple[str, Any]:
    """Our own texts, as this driver takes them; what SQLAlchemy wrote is in its words already."""
    if values and context is not None and context.compiled is None:
        return _translated(statement), values
    return statement, values
