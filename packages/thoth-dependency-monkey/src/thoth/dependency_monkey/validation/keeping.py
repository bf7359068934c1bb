"""What the knowledge graph keeps of an answer: the end of its job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from thoth.dependency_monkey.validation.raw_log import raw_log
from thoth.dependency_monkey.validation.render.text import render_text
from thoth.storages.graph.validation_records import FinishedJob

if TYPE_CHECKING:
    from thoth.dependency_monkey.validation.result import Validation


def finished_job(answer: Validation) -> FinishedJob:
    """Return how a job ended that this process answered."""
    return FinishedJob(
        phase="failed" if answer.valid is None else "succeeded",
        valid=answer.valid,
        reason=answer.reason or "",
        result=msgspec.json.encode(answer),
        raw_log=raw_log(render_text(answer)),
    )
