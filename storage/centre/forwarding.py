"""Forwarding a record to the centre: at least once on the wire, exactly once in the table.

The centre alone knows how far it is, and is asked whenever a connection is made. It takes a batch,
checks it and moves its cursor in one transaction. If that commits and the answer is lost, the next
question finds the cursor moved; if it does not commit, it finds it where it was. So nothing is kept
here that could disagree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from storage.centre import migrations
from storage.centre.address import Address, CentreError, ChangedError
from storage.centre.outgoing import ROWS, Batch, Cursor, Outgoing
from storage.connections import Database
from storage.events import first_id
from storage.holds import holds

_TAKE = (
    "SELECT held_last, held_digest FROM schoolgate.take(%s, %s, %s, %s::bigint[], %s::bytea[], "
    "%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::integer[], %s::bytea[], %s::text[])"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far forwarding is: seals and rows sent in this step, and seals still to go."""

    school: str
    seals: int
    rows: int
    behind: int


class Forwarder:
    """Forwards one record to one centre. Not for two threads."""

    def __init__(self, database: Database, address: Address, rows: int = ROWS) -> None:
        """`rows` is how many are sent together."""
        self._database, self._address, self._rows = database, address, rows
        self._outgoing = Outgoing(database)
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._record = ""
        self._school = ""
        self._cursor = Cursor()

    def step(self) -> Progress:
        """Sends what comes next, at most a batch; connects and asks first where needed.

        Raises CentreError, after which the next step connects anew; ChangedError when the centre
        and the record do not agree; RecordError when the record cannot be read.
        """
        connection = self._connected()
        batch = self._outgoing.after(self._cursor, self._rows)
        if not batch.parcels:
            return Progress(self._school, 0, 0, 0)
        before = self._cursor.number
        try:
            with self._address.explained(), connection.begin():
                self._cursor = self._take(connection, batch)
        except (CentreError, ChangedError):
            self.close()
            raise
        sent = [each for each in batch.parcels if before < each.number <= self._cursor.number]
        rows = sum(each.rows for each in sent)
        behind = max(0, batch.newest - self._cursor.number)
        return Progress(self._school, len(sent), rows, behind)

    def hear(self) -> None:
        """Makes sure that the centre still answers. Raises CentreError."""
        try:
            with self._address.explained():
                self._connected().exec_driver_sql("SELECT 1")
                self._connected().rollback()
        except CentreError:
            self.close()
            raise

    def forget(self, before: datetime) -> int:
        """Has the centre remove events of before a moment (aware) from the school's records that
        are no longer in use, but for people under a hold here; gives back how many.

        From the record in use its own tombstones remove them. Raises CentreError.
        """
        held = sorted({each.person for each in holds(self._database)})
        query = "SELECT schoolgate.forget(%s, %s, %s::text[])"
        connection = self._connected()
        try:
            with self._address.explained(), connection.begin():
                facts = (self._record, first_id(before), held)
                return int(connection.exec_driver_sql(query, facts).scalar_one())
        except CentreError:
            self.close()
            raise

    def put_back(self) -> int:
        """Has the centre keep apart what it holds beyond the copy that was put back here.

        Gives back how many seals that were. Raises ChangedError when no copy was put back of what
        the centre holds, and CentreError.
        """
        self.close()
        connection = self._connected()
        with self._address.explained(), connection.begin():
            for point in self._outgoing.put_back_at():
                query = (
                    "SELECT 1 FROM schoolgate.seals s JOIN schoolgate.records r "
                    "ON r.number = s.record WHERE r.record = %s AND s.number = %s AND s.digest = %s"
                )
                facts = (self._record, point.number, point.digest)
                if (
                    point.number < self._cursor.number
                    and connection.exec_driver_sql(query, facts).first()
                ):
                    apart = "SELECT schoolgate.put_back(%s, %s, %s)"
                    moved = int(connection.exec_driver_sql(apart, facts).scalar_one())
                    self._cursor = point
                    return moved
        raise ChangedError(
            "The record does not say that a copy was put back that ends with a seal that the centre"
            " holds, so nothing was changed there."
        )

    def close(self) -> None:
        """Lets go of the connection. What was under way is there whole or not at all."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except DBAPIError:
                connection.invalidate()

    def _connected(self) -> Connection:
        if self._connection is not None:
            return self._connection
        self._record = self._outgoing.record()
        self._engine = self._engine or self._address.engine()
        with self._address.explained():
            connection = self._engine.connect()
        try:
            with self._address.explained(), connection.begin():
                query = "SELECT school, version, held_last, held_digest FROM schoolgate.ask(%s)"
                found = connection.exec_driver_sql(query, (self._record,)).first()
                who = connection.exec_driver_sql("SELECT session_user").scalar_one()
        except (CentreError, ChangedError):
            connection.close()
            raise
        if found is None:
            connection.close()
            raise CentreError(
                f"{who} is no school of the centre ({self._address}): sign in with the role that"
                " 'schoolgate centre add-school' gave."
            )
        if _number(found.version) < _number(migrations.NEEDED):
            connection.close()
            raise CentreError(
                f"The centre ({self._address}) is of an older release: run 'schoolgate centre init'"
                " there, with this one."
            )
        self._school = found.school
        self._cursor = Cursor(found.held_last, bytes(found.held_digest))
        self._connection = connection
        return connection

    def _take(self, connection: Connection, batch: Batch) -> Cursor:
        parcels = batch.parcels
        facts: Sequence[object] = (
            self._record,
            self._cursor.number,
            self._cursor.digest,
            [each.number for each in parcels],
            [each.before for each in parcels],
            [each.what for each in parcels],
            [each.at for each in parcels],
            [each.first for each in parcels],
            [each.last for each in parcels],
            [each.rows for each in parcels],
            [each.digest for each in parcels],
            [each.content for each in parcels],
        )
        row = connection.exec_driver_sql(_TAKE, tuple(facts)).one()
        return Cursor(row[0], bytes(row[1]))


def _number(version: str) -> int:
    """Versions are counted; a release's number is not."""
    found = re.match(r"\d+", version)
    return int(found.group()) if found else 0
