"""Keeping what `validate` found out: the validation in the knowledge graph, and its document.

It comes after the answer, which the user has by then, and never changes the exit code.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING
from uuid import UUID

from thoth.dependency_monkey.validation.document import metadata_of
from thoth.dependency_monkey.validation.keeping import finished_job
from thoth.dependency_monkey.validation.question import Question
from thoth.storages.graph.validation_records import NewValidation
from thoth.storages.sync.validation_loop import ValidationLoop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thoth.dependency_monkey.validation.request import ValidationRequest
    from thoth.dependency_monkey.validation.result import Validation
    from thoth.storages import GraphDatabase

SECONDS = 5.0
"""A command waits so long for its documents to be stored; what is left, a later one stores."""
LEFT_BEHIND = 4
"""So many jobs of earlier commands, whose documents could not be stored, are looked at."""
EXPIRED = 16
"""So many expired validations, and so many of their documents, are removed."""


def store(
    graph: GraphDatabase,
    request: ValidationRequest,
    validation: Validation,
    index_urls: Iterable[str],
    *,
    retention: timedelta,
) -> str | None:
    """Keep a validation; return what the user should know if that failed, at least for now.

    Validations that expired, and documents that an earlier command could not store, are looked
    after too, a few of them.
    """
    failures: list[Exception] = []

    def work() -> None:
        try:
            new = _new(request, validation, index_urls, retention)
            _store(graph, new, validation, failures)
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer stands
            failures.append(error)

    # A daemon, and not waited for too long: a store may be away.
    thread = Thread(target=work, name="store", daemon=True)
    thread.start()
    thread.join(SECONDS)
    if thread.is_alive():
        return f"the document of this validation was not stored within {SECONDS:g} s"
    return f"a document waits to be stored: {failures[0]}" if failures else None


def _new(
    request: ValidationRequest,
    validation: Validation,
    index_urls: Iterable[str],
    retention: timedelta,
) -> NewValidation:
    question = Question(
        ecosystem=validation.ecosystem,
        stack_specification=validation.stack_specification,
        targets=tuple(target.id for target in request.targets),
        policy=request.policy.as_json(),
        constraints=validation.constraints,
    )
    return NewValidation(
        id=UUID(validation.id),
        ecosystem=validation.ecosystem,
        stack_specification=validation.stack_specification,
        question=question.digest(index_urls),
        request=question.encode(),
        expires_at=datetime.now(UTC) + retention,
    )


def _store(
    graph: GraphDatabase, new: NewValidation, validation: Validation, failures: list[Exception]
) -> None:
    began = time.perf_counter()
    record = graph.validations.accept_finished(new, finished_job(validation))
    graph.validations.expire(datetime.now(UTC), at_most=EXPIRED)
    loop = ValidationLoop(
        graph, metadata_of, on_failed=lambda _, error: failures.append(error), in_turn=True
    )
    loop.store(job_id=record.job_id)
    if time.perf_counter() - began < SECONDS / 2:
        loop.store(at_most=LEFT_BEHIND)
        loop.remove(at_most=EXPIRED)
