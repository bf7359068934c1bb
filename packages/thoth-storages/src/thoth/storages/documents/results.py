"""One store for each kind of document: results, and the requests that asked for them.

A new kind is a class of two lines: its folder, and what its ids begin with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from thoth.storages.documents.ceph import CephStore, log_skipped
from thoth.storages.documents.ids import (
    REQUEST_SUFFIX,
    Period,
    check_document_id,
    check_key,
)
from thoth.storages.exceptions import (
    InvalidArgumentError,
    InvalidRecordError,
    StoragesError,
    UnexpectedKeyError,
)
from thoth.storages.settings import StoragesSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import date
    from pathlib import Path

    from thoth.storages.documents.backend import ObjectBackend


def deployment_prefix(
    settings: StoragesSettings, deployment_name: str | None, prefix: str | None
) -> str:
    """Return what the keys of a deployment begin with: bucket prefix and deployment name."""
    beginning = (settings.bucket_prefix if prefix is None else prefix).strip("/")
    name = deployment_name or settings.deployment_name
    if beginning:
        _check_part("prefix or THOTH_CEPH_BUCKET_PREFIX", beginning)
    _check_part("deployment_name or THOTH_DEPLOYMENT_NAME", name)
    return "/".join(filter(None, (beginning, name)))


def _check_part(argument: str, part: str) -> None:
    try:
        check_key(part)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(argument, part, error.problem) from None


class DeploymentStore:
    """What every store of a deployment is: a folder of its own, below the deployment's prefix."""

    RESULT_TYPE: ClassVar[str]

    def __init__(
        self,
        deployment_name: str | None = None,
        *,
        host: str | None = None,
        key_id: str | None = None,
        secret_key: str | None = None,
        bucket: str | None = None,
        region: str | None = None,
        prefix: str | None = None,
        settings: StoragesSettings | None = None,
        backend: ObjectBackend | None = None,
    ) -> None:
        settings = settings or StoragesSettings.from_environment()
        self.ceph = CephStore(
            f"{deployment_prefix(settings, deployment_name, prefix)}/{self.RESULT_TYPE}",
            host=host,
            key_id=key_id,
            secret_key=secret_key,
            bucket=bucket,
            region=region,
            settings=settings,
            backend=backend,
        )

    def __repr__(self) -> str:
        """Say where it is, without credentials."""
        return f"{type(self).__name__}{str(self.ceph).removeprefix('CephStore')}"

    def connect(self) -> None:
        """See that the store answers; what it raises is described at `CephStore.connect()`."""
        self.ceph.connect()

    def is_connected(self) -> bool:
        """Tell whether `connect()` succeeded; it does not ask the store."""
        return self.ceph.is_connected()


class ResultStorageBase(DeploymentStore):
    """Documents of one kind, by their ids.

    `RESULT_TYPE` names the folder; ids begin with one of `ID_PREFIXES` (none: with anything). Keys
    are `<bucket prefix>/<deployment name>/<folder>/<document id>`; a request has `.request` after
    the id and is never listed as a result. `deployment_name` and `prefix` that are not given are
    taken from the settings; the other parameters, and what is raised, are those of `CephStore`.
    """

    RESULT_TYPE: ClassVar[str] = ""
    ID_PREFIXES: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def get_document_id(cls, document: Mapping[str, Any]) -> str:
        """Return the id that stands in a document; `InvalidRecordError` where none does."""
        metadata = document.get("metadata") if isinstance(document, dict) else None
        document_id = metadata.get("document_id") if isinstance(metadata, dict) else None
        if document_id is None:
            raise InvalidRecordError("metadata.document_id", document_id, "is missing")
        return cls._checked(document_id)

    def get_document_listing(
        self,
        *,
        start_date: date | None = None,
        end_date: date | None = None,
        include_end_date: bool = False,
        only_requests: bool = False,
        on_skipped: Callable[[StoragesError], None] | None = None,
    ) -> Iterator[str]:
        """Yield the ids of results, or of requests, sorted.

        With a date, only ids whose time in UTC is at or after `start_date` and before `end_date`
        (with `include_end_date`: that day or second too); ids without a time are left out then.

        A key that is no id of this kind is skipped: `on_skipped` is called with an
        `UnexpectedKeyError`; by default it is logged.
        """
        period = Period(start_date, end_date, include_end=include_end_date)
        skip = on_skipped or log_skipped
        keys = self.ceph.get_document_listing(on_skipped=skip)
        return self._chosen(keys, period, skip, only_requests=only_requests)

    def _chosen(
        self,
        keys: Iterator[str],
        period: Period,
        on_skipped: Callable[[StoragesError], None],
        *,
        only_requests: bool,
    ) -> Iterator[str]:
        beginnings = self.ID_PREFIXES or ("",)
        for key in keys:
            is_request = key.endswith(REQUEST_SUFFIX)
            if is_request != only_requests:
                continue
            document_id = key.removesuffix(REQUEST_SUFFIX) if is_request else key
            if is_request or "/" in key or not key.startswith(beginnings):
                # A key has been checked already, so that its parts are ids.
                problem = self._problem_of(document_id)
                if problem is not None:
                    on_skipped(UnexpectedKeyError(str(self.ceph), key, f"its name {problem}"))
                    continue
            if document_id in period:
                yield document_id

    def get_document_count(
        self,
        *,
        start_date: date | None = None,
        end_date: date | None = None,
        include_end_date: bool = False,
        only_requests: bool = False,
    ) -> int:
        """Return how many ids `get_document_listing()` would yield."""
        listing = self.get_document_listing(
            start_date=start_date,
            end_date=end_date,
            include_end_date=include_end_date,
            only_requests=only_requests,
        )
        return sum(1 for _ in listing)

    def store_document(self, document: Mapping[str, Any]) -> str:
        """Store a result under the id that stands in it; return the id.

        A stored one is never overwritten: other content is `DocumentExistsError`.
        """
        return self.ceph.store_document(document, self.get_document_id(document))

    def store_documents(self, documents: Iterable[Mapping[str, Any]]) -> int:
        """Store results as `store_document()` does, many at once; return how many.

        The first that fails ends it with its error; those around it may be stored then. It may be
        repeated.
        """
        return self.ceph.store_documents(
            (self.get_document_id(document), document) for document in documents
        )

    def store_request(self, document_id: str, request: Mapping[str, Any]) -> str:
        """Store what was asked, beside the result of this id; return the id."""
        self.ceph.store_document(request, self._checked(document_id) + REQUEST_SUFFIX)
        return document_id

    def retrieve_request(self, document_id: str) -> dict[str, Any]:
        """Return what was asked; `NotFoundError`, `CorruptDocumentError`."""
        return self.ceph.retrieve_document(self._checked(document_id) + REQUEST_SUFFIX)

    def request_exists(self, document_id: str) -> bool:
        """Tell whether the request of this id is stored."""
        return self.ceph.document_exists(self._checked(document_id) + REQUEST_SUFFIX)

    def store_file(self, file_path: str | Path, document_id: str) -> str:
        """Store a file's content as the result of this id; return the id.

        It is stored as it is, of any size, without being read as a document.
        """
        return self.ceph.store_file(file_path, self._checked(document_id))

    def retrieve_document(self, document_id: str) -> dict[str, Any]:
        """Return a result; `NotFoundError`, `CorruptDocumentError`."""
        return self.ceph.retrieve_document(self._checked(document_id))

    def retrieve_blobs(
        self, document_ids: Iterable[str]
    ) -> Iterator[tuple[str, bytes | StoragesError]]:
        """Yield ids with results as bytes, or errors, as `CephStore.retrieve_blobs()` does."""
        return self.ceph.retrieve_blobs(document_ids, check=self._checked)

    def iterate_results(
        self,
        *,
        start_date: date | None = None,
        end_date: date | None = None,
        include_end_date: bool = False,
        on_skipped: Callable[[StoragesError], None] | None = None,
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield ids with their results; many are read at once.

        Ids are chosen, and what is none or no document is skipped, as in `get_document_listing()`.
        """
        skip = on_skipped or log_skipped
        chosen = self.get_document_listing(
            start_date=start_date,
            end_date=end_date,
            include_end_date=include_end_date,
            on_skipped=skip,
        )
        return self.ceph.documents_of(chosen, skip)

    def document_exists(self, document_id: str) -> bool:
        """Tell whether the result of this id is stored."""
        return self.ceph.document_exists(self._checked(document_id))

    def delete(self, document_id: str) -> None:
        """Remove a result and its request, if there are any."""
        self.ceph.delete(self._checked(document_id) + REQUEST_SUFFIX)
        self.ceph.delete(self._checked(document_id))

    @classmethod
    def _problem_of(cls, document_id: str) -> str | None:
        try:
            cls._checked(document_id)
        except InvalidArgumentError as error:
            return error.problem
        return None

    @classmethod
    def _checked(cls, document_id: object) -> str:
        checked = check_document_id(document_id)
        if checked.endswith(REQUEST_SUFFIX):
            raise InvalidArgumentError("document_id", document_id, "must not name a request")
        if cls.ID_PREFIXES and not checked.startswith(cls.ID_PREFIXES):
            expected = " or ".join(cls.ID_PREFIXES)
            raise InvalidArgumentError("document_id", document_id, f"must begin with {expected}")
        return checked


class SolverResultsStore(ResultStorageBase):
    """What solvers found out about releases."""

    RESULT_TYPE = "solver"
    ID_PREFIXES = ("solver-",)


class RevSolverResultsStore(ResultStorageBase):
    """What reverse solvers found out about dependents."""

    RESULT_TYPE = "revsolver"
    ID_PREFIXES = ("revsolver-",)


class ValidationResultsStore(ResultStorageBase):
    """Finished validations."""

    RESULT_TYPE = "validation"
    ID_PREFIXES = ("validation-",)


class DependencyMonkeyReportsStore(ResultStorageBase):
    """Reports of Dependency Monkey on the stacks that it made."""

    RESULT_TYPE = "dependency-monkey-reports"
    ID_PREFIXES = ("dependency-",)


class DependencyMonkeyRequestsStore(ResultStorageBase):
    """Requests to Dependency Monkey, as documents of their own."""

    RESULT_TYPE = "dependency-monkey-requests"
    ID_PREFIXES = ("dependency-",)


class AdvisersResultsStore(ResultStorageBase):
    """Advice on stacks."""

    RESULT_TYPE = "adviser"
    ID_PREFIXES = ("adviser-",)


class ProvenanceResultsStore(ResultStorageBase):
    """Where the artifacts of stacks come from."""

    RESULT_TYPE = "provenance-checker"
    ID_PREFIXES = ("provenance-",)


class AnalysisResultsStore(ResultStorageBase):
    """Analyses of images."""

    RESULT_TYPE = "analysis"
