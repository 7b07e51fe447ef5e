"""${message}.

Beside this file, a new revision needs: its number at the end of `REVISIONS` in
`dfx.tracking.schema`, and a real database of the revision before it among the tests.

SQLite changes a table by building it anew, so use `op.batch_alter_table`, with
`table_kwargs={"sqlite_autoincrement": True}`, or removed numbers come back.
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """One step up."""
    ${upgrades if upgrades else "pass"}
