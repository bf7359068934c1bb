"""Validations: questions, and the jobs that answer them."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations
from uuid import UUID  # noqa: TC003 - SQLAlchemy reads the annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base


class ValidationJob(Base):
    """What answers a question: how that goes, and what came out.

    Equal validations in flight share one job, so at most one unfinished job has a `question` (a
    SHA-256). A job that no validation waits for is removed. `attempt` counts how often it was
    begun; `worker` is who began it last. `crashes` and `interruptions` count the attempts that
    ended without an answer, by their own fault and by others'. `request` is opaque here, and null
    where nobody is to be asked: the answer was known at once, or its documents are stored.
    Once the job is finished, the documents of its validations are to be stored from
    `document_due_at` on; null where they are.
    """

    __tablename__ = "validation_job"
    __table_args__ = (
        CheckConstraint("octet_length(question) = 32", name="question"),
        CheckConstraint(
            "phase IN ('pending', 'running', 'succeeded', 'failed', 'unknown')", name="phase"
        ),
        CheckConstraint(
            "(phase IN ('succeeded', 'failed')) = (finished_at IS NOT NULL)", name="finished_at"
        ),
        CheckConstraint("(phase = 'succeeded') = (valid IS NOT NULL)", name="valid"),
        CheckConstraint("(finished_at IS NULL) = (reason IS NULL)", name="reason"),
        CheckConstraint("(finished_at IS NULL) = (raw_log IS NULL)", name="raw_log"),
        CheckConstraint("request IS NOT NULL OR finished_at IS NOT NULL", name="request"),
        Index(None, "question", unique=True, postgresql_where=text("finished_at IS NULL")),
        Index(None, "result_digest"),
        Index(
            None,
            "document_due_at",
            postgresql_where=text("finished_at IS NOT NULL AND document_due_at IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    ecosystem: Mapped[str] = mapped_column(Text)
    question: Mapped[bytes] = mapped_column(LargeBinary)
    phase: Mapped[str] = mapped_column(Text)
    attempt: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    started_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    worker: Mapped[str | None] = mapped_column(Text)
    valid: Mapped[bool | None]
    reason: Mapped[str | None] = mapped_column(Text)
    result_digest: Mapped[bytes | None] = mapped_column(LargeBinary, ForeignKey("result.digest"))
    request: Mapped[bytes | None] = mapped_column(LargeBinary)
    raw_log: Mapped[str | None] = mapped_column(Text)
    crashes: Mapped[int] = mapped_column(server_default=text("0"))
    interruptions: Mapped[int] = mapped_column(server_default=text("0"))
    document_due_at: Mapped[datetime | None] = mapped_column(
        TIMESTAMP(timezone=True), server_default=text("now()")
    )


class Validation(Base):
    """A question that somebody asked: a row each time, which points to the job that answers it.

    `request` is opaque here. Listings go by `created_at` and `id`. `document_id` is null until the
    validation's document was synced.
    """

    __tablename__ = "validation"
    __table_args__ = (
        Index(None, "job_id"),
        Index(None, "created_at", "id"),
        Index(None, "expires_at"),
        Index(None, "document_id", unique=True, postgresql_where=text("document_id IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("validation_job.id"))
    ecosystem: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    stack_specification: Mapped[str] = mapped_column(Text)
    request: Mapped[bytes] = mapped_column(LargeBinary)
    document_id: Mapped[str | None] = mapped_column(Text(collation="C"))


class DocumentRemoval(Base):
    """A document whose validation is gone, so that it goes too, and is not synced again.

    It is removed from its store at `due_at`; some time after `removed_at` once more, should
    somebody have stored it meanwhile, and the row is forgotten.
    """

    __tablename__ = "document_removal"
    __table_args__ = (Index(None, "due_at"),)

    document_id: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    removed_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
