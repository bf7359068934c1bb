"""Inspections: stacks that were built and run, and the runs that asked for them."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base, BaseExtension


class Inspection(Base):
    """A stack built and run with a script on given hardware, or to be.

    `batch_size` is how often it is to be repeated: its repetitions 0 to `batch_size - 1` are
    pending until they have a row of `InspectionResult`. Requests are what it may use: processors
    (cores) and memory (bytes). `specification` is what was asked for, without the stack; null where
    only the run is known that asked for it, not the inspection's own document.
    """

    __tablename__ = "inspection"
    __table_args__ = (
        UniqueConstraint("document_id"),
        Index(None, "software_stack_id"),
        Index(None, "build_hardware_environment_id"),
        Index(None, "run_hardware_environment_id"),
        # Where it ran, for statistics over all: without the rows, which are wide.
        Index(None, "id", postgresql_include=["software_stack_id", "run_hardware_environment_id"]),
        CheckConstraint("batch_size >= 0", name="batch_size"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    software_stack_id: Mapped[int | None] = mapped_column(ForeignKey("software_stack.id"))
    build_hardware_environment_id: Mapped[int | None] = mapped_column(
        ForeignKey("hardware_environment.id")
    )
    run_hardware_environment_id: Mapped[int | None] = mapped_column(
        ForeignKey("hardware_environment.id")
    )
    batch_size: Mapped[int] = mapped_column(server_default=text("1"))
    build_requests_cpu: Mapped[float | None]
    run_requests_cpu: Mapped[float | None]
    build_requests_memory: Mapped[int | None] = mapped_column(BigInteger)
    run_requests_memory: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    document_id: Mapped[str] = mapped_column(Text(collation="C"))
    identifier: Mapped[str | None] = mapped_column(Text)
    base_image: Mapped[str | None] = mapped_column(Text)
    package_manager: Mapped[str | None] = mapped_column(Text)
    specification: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class InspectionResult(Base):
    """One repetition of an inspection that has ended, numbered from 0.

    `usage` are the resources that it took (getrusage), `output` is the JSON that its script wrote;
    text that is no JSON is not kept here.
    """

    __tablename__ = "inspection_result"
    __table_args__ = (
        UniqueConstraint("inspection_id", "number"),
        Index(None, "hardware_environment_id"),
        Index(None, "software_environment_id"),
        # As that of inspections.
        Index(
            None,
            "id",
            postgresql_include=[
                "inspection_id",
                "hardware_environment_id",
                "software_environment_id",
            ],
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    inspection_id: Mapped[int] = mapped_column(ForeignKey("inspection.id", ondelete="CASCADE"))
    hardware_environment_id: Mapped[int | None] = mapped_column(
        ForeignKey("hardware_environment.id")
    )
    software_environment_id: Mapped[int | None] = mapped_column(
        ForeignKey("software_environment.id")
    )
    number: Mapped[int]
    exit_code: Mapped[int | None]
    started_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    hostname: Mapped[str | None] = mapped_column(Text)
    script_sha256: Mapped[str | None] = mapped_column(Text)
    usage: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    output: Mapped[Any | None] = mapped_column(JSONB)


class DependencyMonkeyRun(Base):
    """A run of Dependency Monkey that generated stacks: its parameters, and how it ended."""

    __tablename__ = "dependency_monkey_run"
    __table_args__ = (
        UniqueConstraint("document_id"),
        Index(None, "stack_requirements_id"),
        Index(None, "software_environment_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    stack_requirements_id: Mapped[int | None] = mapped_column(ForeignKey("stack_requirements.id"))
    software_environment_id: Mapped[int | None] = mapped_column(
        ForeignKey("software_environment.id")
    )
    count: Mapped[int | None]
    skipped: Mapped[int | None]
    duration: Mapped[int | None]
    seed: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[bool]
    created_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    document_id: Mapped[str] = mapped_column(Text(collation="C"))
    analyzer_version: Mapped[str | None] = mapped_column(Text)
    decision_type: Mapped[str | None] = mapped_column(Text)
    predictor: Mapped[str | None] = mapped_column(Text)
    error_message: Mapped[str | None] = mapped_column(Text)
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class DependencyMonkeyResponse(Base, BaseExtension):
    """A stack that a run generated, numbered from 0, and the inspection that it became."""

    __tablename__ = "dependency_monkey_response"
    __table_args__ = (Index(None, "inspection_id"), Index(None, "software_stack_id"))

    dependency_monkey_run_id: Mapped[int] = mapped_column(
        ForeignKey("dependency_monkey_run.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    inspection_id: Mapped[int | None] = mapped_column(
        ForeignKey("inspection.id", ondelete="CASCADE")
    )
    software_stack_id: Mapped[int | None] = mapped_column(ForeignKey("software_stack.id"))
    score: Mapped[float | None]
    justification: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
