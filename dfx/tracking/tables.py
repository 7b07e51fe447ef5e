"""The tables, as declarative rows.

Only what is stored and how. What the values mean stands in `dfx.records`; turning rows into records
is `dfx.tracking.mapping`'s work. A change here needs a revision in `migrations/`.

Every constraint is named, since SQLite can only change a table by building it anew (Alembic's batch
mode). Ids are AUTOINCREMENT, so that the number of a removed run never comes back for another one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_AUTOINCREMENT = {"sqlite_autoincrement": True}
_STANDING = text("superseded_by IS NULL")
_OPEN = text("outcome IS NULL")


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes, stored in UTC; SQLite keeps no zone, so it is given back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Refuses a time without a zone: it could mean anything."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone; expected an aware datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """An aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """What all tables share: names of constraints, and types by annotation."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        float: Double,
        str: Text,
    }


@event.listens_for(Base.metadata, "before_create")
def _make_indexes_partial(metadata: MetaData, connection: Connection, **_options: Any) -> None:
    """Gives PostgreSQL the conditions of SQLite's partial indexes.

    `postgresql_where` beside `sqlite_where` would load that dialect, with all its drivers'
    modules, for every command that reads a SQLite file.
    """
    if connection.dialect.name == "postgresql":
        for table in metadata.tables.values():
            for index in table.indexes:
                condition = index.dialect_options["sqlite"]["where"]
                index.dialect_options["postgresql"]["where"] = condition


class ExperimentRow(Base):
    """A name with its runs, and the counter that numbers them.

    `folded_name` is the name as a disk that ignores case sees it.
    """

    __tablename__ = "experiments"
    __table_args__ = (UniqueConstraint("name"), UniqueConstraint("folded_name"), _AUTOINCREMENT)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    folded_name: Mapped[str]
    last_number: Mapped[int]
    created_at: Mapped[datetime]


class RunRow(Base):
    """One training. `status` is *running* exactly while one of its attempts is open."""

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("uuid"),
        UniqueConstraint("experiment_id", "number"),
        UniqueConstraint("home", "directory"),
        Index(None, "recipe_digest"),
        Index(None, "validation_digest"),
        _AUTOINCREMENT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str]
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id"))
    number: Mapped[int]
    status: Mapped[str]
    message: Mapped[str | None]
    config: Mapped[str]
    config_version: Mapped[int]
    recipe_digest: Mapped[str]
    home: Mapped[str]
    directory: Mapped[str]
    weights: Mapped[dict[str, Any]] = mapped_column(JSON)
    validation_digest: Mapped[str | None]
    validation_images: Mapped[int | None]
    best_epoch: Mapped[int | None]
    created_at: Mapped[datetime]
    note: Mapped[str | None]


class TagRow(Base):
    """A word that a person has given a run."""

    __tablename__ = "tags"
    __table_args__ = (UniqueConstraint("run_id", "tag"), Index(None, "tag"), _AUTOINCREMENT)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    tag: Mapped[str]


class SplitRow(Base):
    """What a run knows of one split of its data."""

    __tablename__ = "splits"
    __table_args__ = (UniqueConstraint("run_id", "split"), _AUTOINCREMENT)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    split: Mapped[str]
    digest: Mapped[str]
    content_digest: Mapped[str]
    real: Mapped[int]
    deepfake: Mapped[int]
    skipped: Mapped[list[list[str]]] = mapped_column(JSON)


class AttemptRow(Base):
    """One process working on a run; open while `outcome` is null, and one is open at most.

    `outcome`, `heartbeat_at`, `host`, `boot`, `pid` and `process_started` are read before an older
    database is upgraded, so no revision may rename them.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("run_id", "number"),
        Index("ix_attempts_open", "run_id", unique=True, sqlite_where=_OPEN),
        _AUTOINCREMENT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    number: Mapped[int]
    host: Mapped[str]
    boot: Mapped[str]
    pid: Mapped[int]
    process_started: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)
    environment: Mapped[dict[str, Any]] = mapped_column(JSON)
    start_step: Mapped[int]
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    message: Mapped[str | None]


class EpochRow(Base):
    """One finished epoch; it stands while `superseded_by` is null."""

    __tablename__ = "epochs"
    __table_args__ = (
        Index("ix_epochs_standing", "run_id", "epoch", unique=True, sqlite_where=_STANDING),
        _AUTOINCREMENT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"))
    superseded_by: Mapped[int | None] = mapped_column(ForeignKey("attempts.id"))
    epoch: Mapped[int]
    step: Mapped[int]
    train_loss: Mapped[float]
    train_accuracy: Mapped[float]
    val_loss: Mapped[float]
    val_accuracy: Mapped[float]
    val_auc: Mapped[float | None]
    val_f1: Mapped[float | None]
    lr: Mapped[float]
    seconds: Mapped[float]
    images_per_second: Mapped[float]
    finished_at: Mapped[datetime]


class CheckpointRow(Base):
    """A checkpoint file that is there; it stands while `superseded_by` is null."""

    __tablename__ = "checkpoints"
    __table_args__ = (UniqueConstraint("run_id", "path"), _AUTOINCREMENT)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"))
    superseded_by: Mapped[int | None] = mapped_column(ForeignKey("attempts.id"))
    kind: Mapped[str]
    epoch: Mapped[int]
    step: Mapped[int]
    path: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    recorded_at: Mapped[datetime]


class EvaluationRow(Base):
    """One scoring of one checkpoint; it stands while `superseded_by` is null."""

    __tablename__ = "evaluations"
    __table_args__ = (Index(None, "run_id"), Index(None, "dataset_digest"), _AUTOINCREMENT)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    superseded_by: Mapped[int | None] = mapped_column(ForeignKey("attempts.id"))
    epoch: Mapped[int]
    split: Mapped[str]
    dataset_digest: Mapped[str]
    threshold: Mapped[float]
    accuracy: Mapped[float]
    precision: Mapped[float | None]
    recall: Mapped[float | None]
    f1: Mapped[float | None]
    auc: Mapped[float | None]
    average_precision: Mapped[float | None]
    loss: Mapped[float]
    tn: Mapped[int]
    fp: Mapped[int]
    fn: Mapped[int]
    tp: Mapped[int]
    predictions: Mapped[str | None]
    created_at: Mapped[datetime]
    origin: Mapped[str] = mapped_column(server_default="training")
    dataset: Mapped[str | None]
    folder: Mapped[str | None]
    test_use: Mapped[int | None]
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class TestUseRow(Base):
    """One use of a test split by a run, written before any of its images is opened."""

    __tablename__ = "test_uses"
    __table_args__ = (UniqueConstraint("run_id", "number"), _AUTOINCREMENT)
    __test__ = False  # pytest takes what begins with Test for its own

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    number: Mapped[int]
    epoch: Mapped[int]
    dataset: Mapped[str]
    dataset_digest: Mapped[str]
    used_at: Mapped[datetime]
