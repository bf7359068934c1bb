"""Stores of what is no document of a task: build logs, dumps of the graph, caches."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from thoth.storages.documents.ceph import log_skipped
from thoth.storages.documents.encoding import as_bytes, digest_of, verify
from thoth.storages.documents.ids import check_document_id
from thoth.storages.documents.results import DeploymentStore
from thoth.storages.exceptions import (
    CorruptDocumentError,
    InvalidArgumentError,
    InvalidRecordError,
    NotFoundError,
    UnexpectedKeyError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from thoth.storages.exceptions import StoragesError

MAX_TIME_TO_LIVE = 10 * 366 * 86_400.0
DAY = 86_400.0


class _NamedObjects(DeploymentStore):
    """Objects of one folder whose names follow one pattern."""

    NAME: ClassVar[re.Pattern[str]]

    def get_document_listing(
        self, *, on_skipped: Callable[[StoragesError], None] | None = None
    ) -> Iterator[str]:
        """Yield the ids, sorted; what is none is skipped as in `ResultStorageBase`."""
        skip = on_skipped or log_skipped
        keys = self.ceph.get_document_listing(on_skipped=skip)
        return self._ids(keys, skip)

    def _ids(
        self, keys: Iterator[str], on_skipped: Callable[[StoragesError], None]
    ) -> Iterator[str]:
        for key in keys:
            if self.NAME.fullmatch(key) is None:
                problem = f"its name is not {self.NAME.pattern}"
                on_skipped(UnexpectedKeyError(str(self.ceph), key, problem))
            else:
                yield key

    def document_exists(self, document_id: str) -> bool:
        """Tell whether this is stored."""
        return self.ceph.document_exists(self._named(document_id))

    def delete(self, document_id: str) -> None:
        """Remove it, if it is stored."""
        self.ceph.delete(self._named(document_id))

    def _named(self, document_id: str) -> str:
        if self.NAME.fullmatch(check_document_id(document_id)) is None:
            raise InvalidArgumentError("document_id", document_id, f"must be {self.NAME.pattern}")
        return document_id


class BuildLogsStore(_NamedObjects):
    """Logs of builds by their content: equal logs are stored once."""

    RESULT_TYPE = "buildlogs"
    NAME = re.compile(r"buildlog-[0-9a-f]{64}", re.ASCII)

    def store_log(self, log: str | bytes) -> str:
        """Store a log, if it is not stored yet; return its id, which follows from its content."""
        blob = as_bytes(log, errors="surrogateescape")
        return self.ceph.store_blob(blob, f"buildlog-{digest_of(blob)}")

    def retrieve_log(self, document_id: str) -> bytes:
        """Return a log; `NotFoundError`, and `CorruptDocumentError` where it is not its id's."""
        blob = self.ceph.retrieve_blob(self._named(document_id))
        expected = document_id.removeprefix("buildlog-")
        verify(digest_of(blob), expected, store=str(self.ceph), key=document_id)
        return blob


class GraphBackupStore(_NamedObjects):
    """Dumps of the knowledge graph, `pg_dump-<yymmddHHMMSS>.sql...`, the oldest first."""

    RESULT_TYPE = "graph-backup"
    NAME = re.compile(r"pg_dump-[0-9A-Za-z_-]{1,40}\.sql(\.[a-z0-9]{1,8}){0,2}", re.ASCII)

    def store_dump(self, path: Path, *, suffix: str = "", at: datetime | None = None) -> str:
        """Store a dump, of any size; return its id.

        `suffix` says how it is packed (such as ".gz"), `at` when it was made (default: now).
        """
        moment = (at or datetime.now(UTC)).astimezone(UTC)
        document_id = self._named(f"pg_dump-{moment:%y%m%d%H%M%S}.sql{suffix}")
        return self.ceph.store_file(path, document_id)

    def retrieve_dump(self, document_id: str, path: Path) -> None:
        """Write a dump into a file; `NotFoundError`, `CorruptDocumentError`."""
        self.ceph.retrieve_file(self._named(document_id), path)


class CephCache(DeploymentStore):
    """Small records that are forgotten after a while, by ids of the caller's choice.

    `TIME_TO_LIVE` is in seconds. `clock` gives the seconds since 1970, as `time.time` does. The
    other parameters, and what is raised, are those of `ResultStorageBase`.
    """

    RESULT_TYPE: ClassVar[str] = "general-cache"
    TIME_TO_LIVE: ClassVar[float] = DAY

    def __init__(
        self,
        deployment_name: str | None = None,
        *,
        clock: Callable[[], float] = time.time,
        **parameters: Any,
    ) -> None:
        super().__init__(deployment_name, **parameters)
        self._clock = clock

    def store_document_record(
        self, document_id: str, record: Mapping[str, Any], *, time_to_live: float | None = None
    ) -> str:
        """Store a record for so many seconds, in place of an earlier one; return its id."""
        seconds = self.TIME_TO_LIVE if time_to_live is None else time_to_live
        if not isinstance(seconds, (int, float)) or not 0 < seconds <= MAX_TIME_TO_LIVE:
            problem = f"must be a number of seconds over 0, up to {MAX_TIME_TO_LIVE:g}"
            raise InvalidArgumentError("time_to_live", time_to_live, problem)
        if not isinstance(record, dict):
            raise InvalidRecordError("record", record, "must be an object")
        kept = {"expires_at": self._clock() + seconds, "record": record}
        return self.ceph.store_document(kept, check_document_id(document_id), overwrite=True)

    def retrieve_document_record(self, document_id: str) -> dict[str, Any]:
        """Return a record; `NotFoundError` where there is none, or no longer."""
        record, expires_at = self._kept(check_document_id(document_id))
        if expires_at <= self._clock():
            raise NotFoundError(f"{document_id} in {self.ceph}", "It has expired.")
        return record

    def document_record_exists(self, document_id: str) -> bool:
        """Tell whether there is a record that has not expired."""
        try:
            self.retrieve_document_record(document_id)
        except NotFoundError:
            return False
        return True

    def delete_document_record(self, document_id: str) -> None:
        """Remove a record, if there is one."""
        self.ceph.delete(check_document_id(document_id))

    def delete_expired(self) -> int:
        """Remove records that have expired and what is no record; return how many."""
        removed = 0
        for document_id in list(self.ceph.get_document_listing()):
            try:
                expired = self._kept(document_id)[1] <= self._clock()
            except CorruptDocumentError:
                expired = True
            except NotFoundError:
                continue
            if expired:
                self.ceph.delete(document_id)
                removed += 1
        return removed

    def _kept(self, document_id: str) -> tuple[dict[str, Any], float]:
        kept = self.ceph.retrieve_document(document_id)
        record, expires_at = kept.get("record"), kept.get("expires_at")
        if not isinstance(record, dict) or not isinstance(expires_at, (int, float)):
            raise CorruptDocumentError(str(self.ceph), document_id, "it is no record of a cache")
        return record, float(expires_at)


class AdvisersCacheStore(CephCache):
    """Which advice answered which request."""

    RESULT_TYPE = "adviser-cache"


class ProvenanceCacheStore(CephCache):
    """Which check of provenance answered which request."""

    RESULT_TYPE = "provenance-checker-cache"


class AnalysesCacheStore(CephCache):
    """Which analysis answered for which image."""

    RESULT_TYPE = "analysis-cache"
    TIME_TO_LIVE = 30 * DAY
