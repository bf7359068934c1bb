"""The validation loop: documents of finished validations are stored, and synced into the graph.

What finishes a validation writes to the graph alone, so no store needs to be there for it. The
documents follow from the graph: many at once, again where that failed, by any process.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from thoth.storages.documents.bulk import in_order
from thoth.storages.documents.results import ValidationResultsStore
from thoth.storages.exceptions import (
    BucketNotFoundError,
    DatabaseBusyError,
    DatabaseRefusedError,
    DocumentExistsError,
    DocumentStoreError,
    InvalidDocumentError,
    StoragesError,
    StoreFullError,
    StoreRefusedError,
    StoreUnreachableError,
)
from thoth.storages.graph.queries.validation_documents import PAGE, validation_document_id
from thoth.storages.sync.document_parts import message_of
from thoth.storages.sync.validation import sync_finished_validations
from thoth.storages.sync.validation_documents import (
    ValidationFacts,
    read_validation_document,
    validation_document,
    validation_facts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from uuid import UUID

    from thoth.storages.graph.database import GraphDatabase
    from thoth.storages.graph.validation_records import FinishedValidation

BATCH = 16
"""The documents of so many jobs are stored at once."""
REMOVAL_BATCH = 100
"""So many documents are removed at once."""
LEASE = timedelta(seconds=60)
"""What a process took up is another's after this time."""
POSTPONEMENT = timedelta(minutes=1)
"""A document that cannot be stored is tried again after this time, and then ever later."""
PORTION_BYTES = 32 * 2**20
"""Documents are held in memory at once until they have so many bytes."""

_Answered: TypeAlias = "tuple[FinishedValidation, bytes | None]"
_AWAY = (StoreUnreachableError, StoreFullError, BucketNotFoundError)
_OF_A_DOCUMENT = (InvalidDocumentError, DatabaseRefusedError, DatabaseBusyError)
_logger = logging.getLogger(__name__)


class ValidationLoop:
    """Stores, syncs and removes documents of the validations of a connected graph.

    `metadata` makes the `metadata` of a document, but for its `document_id` and the name of the
    deployment, of the validation. Documents go to the store that the graph's settings name, or to
    `store`. `on_failed` is called with the id of each document that cannot be stored or synced, and
    why; by default that is logged. Many documents are stored at once, unless it is to be `in_turn`:
    in the caller's thread, with no others that a process which is to end would wait for. Safe for
    many processes at once: a document is stored and synced once, whoever does it, and whoever died.
    """

    def __init__(
        self,
        graph: GraphDatabase,
        metadata: Callable[[FinishedValidation], Mapping[str, Any]],
        *,
        store: ValidationResultsStore | None = None,
        lease: timedelta = LEASE,
        on_failed: Callable[[str, StoragesError], None] | None = None,
        in_turn: bool = False,
    ) -> None:
        self._graph = graph
        self._queue = graph.validation_documents
        self._metadata = metadata
        self._store = store or ValidationResultsStore(settings=graph.settings)
        self._lease = lease
        self._on_failed = on_failed or _log_failed
        self._in_turn = in_turn

    def store(self, *, at_most: int = BATCH, job_id: UUID | None = None) -> int:
        """Store and sync the documents of jobs that are due; return how many jobs these were.

        `job_id` is the only job to look at. One with a document that cannot be stored or synced is
        counted, and tried again later. Raises what says that the store or the graph is
        away; the jobs are due again then.
        """
        jobs = self._queue.claim(at_most=at_most, lease=self._lease, job_id=job_id)
        if not jobs:
            return 0
        failed: set[UUID] = set()
        try:
            self._connect()
            left: Sequence[UUID] = jobs
            while left:
                left = self._store_some(left, failed)
        except DocumentStoreError:
            self._queue.give_back(jobs)
            raise
        finally:
            self._graph.cache_clear()
        self._queue.settle([job for job in jobs if job not in failed])
        if failed:
            self._queue.postpone(list(failed), at_least=POSTPONEMENT)
        return len(jobs)

    def remove(self, *, at_most: int = REMOVAL_BATCH) -> int:
        """Remove the documents of validations that were removed; return how many these were.

        Raises what says that the store or the graph is away.
        """
        document_ids = self._queue.claim_removals(at_most=at_most, lease=self._lease)
        if document_ids:
            self._connect()
            for _ in in_order(self._store.ceph.delete, document_ids, in_turn=self._in_turn):
                pass
            self._queue.settle_removals(document_ids)
        return len(document_ids)

    def _connect(self) -> None:
        if not self._store.is_connected():
            self._store.connect()

    def _store_some(self, jobs: Sequence[UUID], failed: set[UUID]) -> Sequence[UUID]:
        """Store and sync documents of jobs, some of each; return the jobs that have more.

        The jobs of those that failed are added to `failed`.
        """
        more: list[UUID] = []
        for validations in _portions(self._unstored(jobs, more)):
            outcomes = [
                (facts, None if self._is_stored(facts, error) else error)
                for facts, error in in_order(self._stored, validations, in_turn=self._in_turn)
            ]
            refusals = [error for _, error in outcomes if isinstance(error, StoreRefusedError)]
            if len(refusals) == len(outcomes):
                raise refusals[0]  # a store that takes nothing is away
            for facts, error in outcomes:
                if error is not None:
                    self._on_failed(facts.document_id, error)
                    failed.add(facts.validation.job_id)
            self._sync([facts for facts, error in outcomes if error is None], failed)
        return [job_id for job_id in more if job_id not in failed]

    def _unstored(self, jobs: Sequence[UUID], more: list[UUID]) -> Iterator[_Answered]:
        """Yield validations of jobs; jobs that may have more of them are added to `more`."""
        for job_id in jobs:
            answer: bytes | None = None
            validations = self._queue.unstored(job_id)
            if len(validations) == PAGE:
                more.append(job_id)
            for validation in validations:
                digest = validation.result_digest
                if answer is None and digest is not None:
                    answer = self._graph.validations.result(digest)
                    if answer is None:
                        break  # the job was removed meanwhile, and all of its validations
                yield validation, answer

    def _stored(self, answered: _Answered) -> tuple[ValidationFacts, StoragesError | None]:
        """Store the document of a validation, unless it is; say what is wrong with it."""
        validation, answer = answered
        document_id = validation_document_id(validation.id, validation.created_at)
        facts = ValidationFacts(document_id, validation, answer, [])
        try:
            facts = validation_facts(validation, answer, document_id)
            metadata = {
                **self._metadata(validation),
                "document_id": document_id,
                "thoth_deployment_name": self._graph.settings.deployment_name,
            }
            blob = validation_document(validation, answer, metadata)
            self._store.ceph.store_blob(blob, document_id)
        except _AWAY:
            raise
        except (DocumentStoreError, InvalidDocumentError) as error:
            return facts, error
        except Exception as error:  # noqa: BLE001 - whatever it is, it is of this document
            problem = f"cannot be made: {type(error).__name__}: {error}"
            return facts, InvalidDocumentError(document_id, "", problem)
        return facts, None

    def _is_stored(self, facts: ValidationFacts, error: StoragesError | None) -> bool:
        """Say whether a document is there that tells the same, where it could not be stored.

        Whoever stored it may have had another name for itself, and died thereafter.
        """
        if not isinstance(error, DocumentExistsError):
            return False
        try:
            found = self._store.ceph.retrieve_blob(facts.document_id)
            return read_validation_document(found, document_id=facts.document_id) == facts
        except _AWAY:
            raise
        except StoragesError:
            return False

    def _sync(self, stored: Sequence[ValidationFacts], failed: set[UUID]) -> None:
        """Sync documents together, or one by one where one of them cannot be."""
        if not stored:
            return
        try:
            written = self._written(stored)
        except _OF_A_DOCUMENT:
            written = set()
            for facts in stored:
                try:
                    written |= self._written([facts])
                except _OF_A_DOCUMENT as error:
                    self._on_failed(facts.document_id, error)
                    failed.add(facts.validation.job_id)
                    written.add(facts.validation.id)
        others = [facts.document_id for facts in stored if facts.validation.id not in written]
        # Deleted while they were being stored: what was stored goes, too.
        for document_id in self._queue.repeat_removals(others) if others else ():
            self._store.ceph.delete(document_id)

    def _written(self, stored: Sequence[ValidationFacts]) -> set[UUID]:
        with self._graph.connection() as connection:
            return sync_finished_validations(connection, stored)


def _log_failed(document_id: str, error: StoragesError) -> None:
    _logger.warning("A validation's document waits: %s", message_of(document_id, error))


def _portions(answered: Iterator[_Answered]) -> Iterator[Sequence[_Answered]]:
    """Yield validations, so many at once as memory is for."""
    portion: list[_Answered] = []
    size = 0
    for validation, answer in answered:
        portion.append((validation, answer))
        size += len(answer or b"") + len(validation.raw_log)
        if size > PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
