"""Text in the order in which Python has it, whatever language the database sorts for.

SQLite goes by the bytes. A PostgreSQL database sorts as its language does, which may pass over the
dot in a person's id, unless it is asked for the order called C.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection


def as_python_sorts(column: ColumnElement[Any], connection: Connection) -> ColumnElement[Any]:
    """The column, to order by."""
    return column.collate("C") if connection.dialect.name == "postgresql" else column
