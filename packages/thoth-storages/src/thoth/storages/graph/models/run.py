"""What the runs of tasks have in common: when one was, and how it ended. No tables of their own."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations
from typing import Any

from sqlalchemy import ForeignKey, Identity, Text, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column


class Run:
    """A document of a task: one run of it.

    `created_at` is when it ran, `duration` how long, in seconds. `error` says that it failed,
    `error_message` why. `stack_info` is what it noted about the stack that it was given,
    `parameters` what it was asked for; both as JSON, as the document has them.
    """

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True, sort_order=-2)
    duration: Mapped[int | None]
    error: Mapped[bool]
    created_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    document_id: Mapped[str] = mapped_column(Text(collation="C"), unique=True)
    analyzer_version: Mapped[str | None] = mapped_column(Text)
    error_message: Mapped[str | None] = mapped_column(Text)
    stack_info: Mapped[Any | None] = mapped_column(JSONB)
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class RunOnStack(Run):
    """A run that was given a stack of a user: `origin` says where that comes from.

    `software_stack_id` is the whole of it, with its lock. Requirements and environment are of their
    own, since a stack goes with an index that its lock has releases of.
    """

    stack_requirements_id: Mapped[int | None] = mapped_column(
        ForeignKey("stack_requirements.id"), index=True, sort_order=-1
    )
    software_environment_id: Mapped[int | None] = mapped_column(
        ForeignKey("software_environment.id"), index=True, sort_order=-1
    )
    software_stack_id: Mapped[int | None] = mapped_column(
        ForeignKey("software_stack.id", ondelete="SET NULL"), index=True, sort_order=-1
    )
    origin: Mapped[str | None] = mapped_column(Text)
