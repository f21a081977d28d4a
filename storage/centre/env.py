"""What Alembic runs to reach the centre: here, the connection that is already open, and its
transaction.
"""

from __future__ import annotations

from alembic import context

from storage.centre.migrations import SCHEMA
from storage.centre.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table_schema=SCHEMA,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
