"""Opening a record on a PostgreSQL server: its tables are made where there are none."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from storage import migrations
from storage import server_faults as faults
from storage.faults import RecordError
from storage.gateway import Gateway
from storage.guards_back import put_guards_back
from storage.record_server import RecordServer, mark
from storage.record_url import RecordUrlError, parsed


def open_server(
    address: str, *, upgrade: bool = False, gateway: Gateway | None = None
) -> RecordServer:
    """The record at an address, made first if the database is empty; for `gateway` to write to.

    One of an older version is only brought up to date with `upgrade`: nothing here could keep a
    copy of it. Raises RecordError; an AwayError when the server cannot be reached.
    """
    url = _url(address)
    # Another process may be making them.
    server = RecordServer(url, "rw", patience=30.0, version=None)
    try:
        version = server.look().version
        if version != migrations.HEAD:
            if version is not None and not migrations.is_known(version):
                raise RecordError(faults.newer(server.name))
            if version is not None and not upgrade:
                raise RecordError(faults.older(server.name))
            _bring_up_to_date(server)
        else:
            put_guards_back(server)
    finally:
        server.dispose()
    return RecordServer(url, "rw", gateway=gateway)


def server_at(
    address: str, mode: Literal["rw", "ro"], gateway: Gateway | None = None
) -> RecordServer:
    """The record at an address that may be away just now. Nothing is asked of it yet.

    Raises RecordError.
    """
    return RecordServer(_url(address), mode, gateway=gateway)


def open_server_readonly(address: str) -> RecordServer:
    """The record at an address, for reading. Raises RecordError."""
    server = RecordServer(_url(address), "ro")
    server.look()
    return server


def _bring_up_to_date(server: RecordServer) -> None:
    try:
        with server.writer() as connection, connection.begin():
            # Alembic finds what another process has done while this one waited for the lock.
            migrations.upgrade(connection)
            mark(connection)
    except DBAPIError as error:
        raise faults.fault_of(error, server.name) from error


def _url(address: str) -> URL:
    try:
        return parsed(address)
    except RecordUrlError as error:
        raise RecordError(str(error)) from error
