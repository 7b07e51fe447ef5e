"""Runs the migrations on the connection that `dfx.tracking.schema.upgrade` hands over.

The transaction, the backup and the check for live attempts are its business. How to write a new
revision is said in `script.py.mako`.
"""

from alembic import context

from dfx.tracking.schema import VERSION_TABLE
from dfx.tracking.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
