"""Evaluations made by hand, with all they found, and a count of the uses of test splits."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds columns for what an evaluation by hand says more, and the table of test uses."""
    with op.batch_alter_table("evaluations", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.add_column(sa.Column("origin", sa.Text(), server_default="training", nullable=False))
        batch.add_column(sa.Column("dataset", sa.Text(), nullable=True))
        batch.add_column(sa.Column("folder", sa.Text(), nullable=True))
        batch.add_column(sa.Column("test_use", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("detail", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "test_uses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("dataset_digest", sa.Text(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name="fk_test_uses_run_id_runs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_test_uses"),
        sa.UniqueConstraint("run_id", "number", name="uq_test_uses_run_id_number"),
        sqlite_autoincrement=True,
    )
