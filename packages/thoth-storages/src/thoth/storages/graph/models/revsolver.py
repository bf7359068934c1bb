"""What reverse solvers found: the releases that depend on a given one."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base, BaseExtension
from thoth.storages.graph.models.run import Run


class RevSolverRun(Run, Base):
    """A run of a reverse solver, which looked for the dependents of one version of a package."""

    __tablename__ = "revsolver_run"
    __table_args__ = (Index(None, "package_id", "package_version"),)

    package_id: Mapped[int] = mapped_column(ForeignKey("package.id"))
    package_version: Mapped[str] = mapped_column(Text(collation="C"))


class RevSolverDependent(Base, BaseExtension):
    """A release that a run found to depend on the package, by a requirement.

    This is what the run reported; what a release declares altogether is in `dependency`.
    """

    __tablename__ = "revsolver_dependent"
    __table_args__ = (Index(None, "release_id"), Index(None, "requirement_id"))

    revsolver_run_id: Mapped[int] = mapped_column(
        ForeignKey("revsolver_run.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    release_id: Mapped[int] = mapped_column(
        ForeignKey("release.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    requirement_id: Mapped[int] = mapped_column(
        ForeignKey("requirement.id"), primary_key=True, autoincrement=False
    )
