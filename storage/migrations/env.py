"""What Alembic runs to reach the database: here, the connection that is already open, and its
transaction.
"""

from __future__ import annotations

from alembic import context

from storage.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # All the steps happen in the caller's one transaction, or none does.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
