"""The validation service: accepts questions durably, and says what became of them.

No HTTP here, and no queue: how a job is queued is handed in.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar
from uuid import UUID, uuid4

from thoth.dependency_monkey.ecosystems.pypi.policy import Policy
from thoth.dependency_monkey.errors import DependencyMonkeyError, Problem, RequestError
from thoth.dependency_monkey.validation.keeping import finished_job
from thoth.dependency_monkey.validation.question import PYPI, SUPPORTED_ECOSYSTEMS, Question
from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph.validation_records import NewValidation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from thoth.dependency_monkey.validation.fast_path import FastPath
    from thoth.dependency_monkey.validation.request import ValidationRequest
    from thoth.dependency_monkey.validation.result import Validation
    from thoth.storages.graph.connections import Connection
    from thoth.storages.graph.validation_records import FinishedJob, ValidationRecord

T = TypeVar("T")
Enqueue: TypeAlias = "Callable[[Connection, UUID], None]"

RETENTION = timedelta(days=30)
MAX_IN_FLIGHT = 512
"""Questions and requests for answers that may be under way at once; more are turned away."""
STORE_THREADS = 8


class UnsupportedEcosystemError(RequestError):
    """There is no validator for `ecosystem`; `supported` are those that there are."""

    def __init__(self, ecosystem: str) -> None:
        self.ecosystem = ecosystem
        self.supported = SUPPORTED_ECOSYSTEMS
        shown = ascii(ecosystem[:60])
        super().__init__(
            Problem(
                f"the ecosystem {shown} is not supported",
                f"Choose from {', '.join(self.supported)}.",
                source="ecosystem",
            )
        )


class ValidationNotFoundError(DependencyMonkeyError):
    """There is no validation of this id: never was, deleted, or its time is over."""

    def __init__(self, validation_id: UUID | str) -> None:
        self.validation_id = validation_id
        super().__init__(f"there is no validation {validation_id}")


class TooBusyError(DependencyMonkeyError):
    """More is under way than the service takes on at once; `allowed` is how much that is."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        super().__init__(f"the service is busy with {allowed} requests")


class ValidationStore(Protocol):
    """What the service needs of `thoth.storages.ValidationStore`; calls may block."""

    def accept(self, new: NewValidation, *, enqueue: Enqueue) -> ValidationRecord:
        """Keep a validation, and a job for it."""
        ...

    def accept_finished(self, new: NewValidation, finished: FinishedJob) -> ValidationRecord:
        """Keep a validation that is answered already."""
        ...

    def get(self, validation_id: UUID) -> ValidationRecord | None:
        """Return a validation, or None."""
        ...

    def list(self, limit: int, before: str | None = None) -> tuple[Sequence[UUID], str | None]:
        """Return ids, newest first, and the cursor of what follows, or None."""
        ...

    def delete(self, validation_id: UUID) -> tuple[bool, UUID | None]:
        """Remove a validation; say whether it was there, and which job is in vain now."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every validation that does not say otherwise.

    `targets` are ids; `index_urls` the indexes in the order of their priority; `retention` is how
    long a validation is kept.
    """

    targets: tuple[str, ...]
    index_urls: tuple[str, ...]
    policy: Policy = field(default_factory=Policy)
    retention: timedelta = RETENTION


def _now() -> datetime:
    return datetime.now(UTC)


class ValidationService:
    """Accepts, shows and removes validations; belongs to one event loop.

    `enqueue` queues a job in the transaction of the connection that it is given. Every call may
    raise `TooBusyError`, and what the store raises. `close()` in the end.
    """

    def __init__(
        self,
        store: ValidationStore,
        terms: Terms,
        *,
        enqueue: Enqueue,
        fast_path: FastPath | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._store = store
        self._terms = terms
        self._enqueue = enqueue
        self._fast_path = fast_path
        self._clock = clock
        self._threads = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="validations")
        self._in_flight = 0

    async def accept(self, stack_specification: str, ecosystem: str = PYPI) -> ValidationRecord:
        """Accept a question; it is durable when this returns, and perhaps answered.

        Raises `RequestError` where it is no question.
        """
        if ecosystem not in SUPPORTED_ECOSYSTEMS:
            raise UnsupportedEcosystemError(ecosystem)
        question = Question(
            ecosystem=ecosystem,
            stack_specification=stack_specification,
            targets=self._terms.targets,
            policy=self._terms.policy.as_json(),
        )
        with self._admitted():
            request = await self._in_thread(partial(question.request, self._terms.policy))
            answer = None if self._fast_path is None else await self._fast_path.answer(request)
            keep = partial(self._keep, question, request, answer)
            return await self._in_thread(keep)

    async def get(self, validation_id: UUID) -> ValidationRecord:
        """Return a validation. Raises `ValidationNotFoundError`."""
        with self._admitted():
            record = await self._in_thread(partial(self._store.get, validation_id))
        if record is None:
            raise ValidationNotFoundError(validation_id)
        return record

    async def list(
        self, limit: int, before: str | None = None
    ) -> tuple[Sequence[UUID], str | None]:
        """Return the ids of at most `limit` validations, newest first, and the next cursor.

        `before` is a cursor that an earlier call returned. Raises `RequestError` where it is not.
        """
        with self._admitted():
            try:
                return await self._in_thread(partial(self._store.list, limit, before))
            except InvalidRecordError as error:
                raise RequestError(
                    Problem(
                        "it is not one that the service gave",
                        "Take it from the answer that it continues, or omit it.",
                        source="cursor",
                    )
                ) from error

    async def delete(self, validation_id: UUID) -> None:
        """Remove a validation, and stop its job where nobody else waits for it.

        Raises `ValidationNotFoundError`.
        """
        with self._admitted():
            existed, _ = await self._in_thread(partial(self._store.delete, validation_id))
        if not existed:
            raise ValidationNotFoundError(validation_id)

    def close(self) -> None:
        """End the service's threads, after what they are doing."""
        if self._fast_path is not None:
            self._fast_path.close()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _keep(
        self, question: Question, request: ValidationRequest, answer: Validation | None
    ) -> ValidationRecord:
        new = NewValidation(
            id=uuid4() if answer is None else UUID(answer.id),
            ecosystem=question.ecosystem,
            stack_specification=request.stack.canonical,
            question=question.digest(self._terms.index_urls),
            request=question.encode(),
            expires_at=self._clock() + self._terms.retention,
        )
        if answer is None:
            return self._store.accept(new, enqueue=self._enqueue)
        return self._store.accept_finished(new, finished_job(answer))

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        if self._in_flight >= MAX_IN_FLIGHT:
            raise TooBusyError(MAX_IN_FLIGHT)
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)
