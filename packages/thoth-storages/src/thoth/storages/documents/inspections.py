"""`InspectionStore`: how a stack was built, and what each run of its script said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thoth.storages.documents.ceph import CephStore, log_skipped
from thoth.storages.documents.ids import Period, check_document_id
from thoth.storages.documents.results import DeploymentStore
from thoth.storages.exceptions import (
    CorruptDocumentError,
    InvalidArgumentError,
    StoragesError,
    UnexpectedKeyError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import date

MAX_RESULTS = 1_000_000


class InspectionsStore(DeploymentStore):
    """All inspections of a deployment.

    Its parameters, and what is raised, are those of `ResultStorageBase`.
    """

    RESULT_TYPE = "inspections"

    def get_document_listing(
        self,
        *,
        start_date: date | None = None,
        end_date: date | None = None,
        include_end_date: bool = False,
        on_skipped: Callable[[StoragesError], None] | None = None,
    ) -> Iterator[str]:
        """Yield the ids of inspections, sorted and chosen as in `ResultStorageBase`."""
        period = Period(start_date, end_date, include_end=include_end_date)
        skip = on_skipped or log_skipped
        keys = self.ceph.get_document_listing(on_skipped=skip)
        return self._ids(keys, period, skip)

    def _ids(
        self, keys: Iterator[str], period: Period, on_skipped: Callable[[StoragesError], None]
    ) -> Iterator[str]:
        last = ""
        for key in keys:
            inspection_id, slash, _ = key.partition("/")
            if not slash or not inspection_id.startswith("inspection-"):
                problem = "it is no part of an inspection"
                on_skipped(UnexpectedKeyError(str(self.ceph), key, problem))
            elif inspection_id != last:
                last = inspection_id
                if inspection_id in period:
                    yield inspection_id

    def open(self, inspection_id: str) -> InspectionStore:
        """Return one inspection, over the same connection."""
        return InspectionStore(inspection_id, store=self)


class InspectionStore:
    """One inspection: how it was built in `build`, the runs in `results`.

    Its parameters but the id, and what is raised, are those of `ResultStorageBase`; `store` gives
    the store that it lies in instead.
    """

    def __init__(
        self, inspection_id: str, *, store: InspectionsStore | None = None, **parameters: Any
    ) -> None:
        self.inspection_id = check_document_id(inspection_id)
        if not self.inspection_id.startswith("inspection-"):
            raise InvalidArgumentError(
                "inspection_id", inspection_id, "must begin with inspection-"
            )
        self._store = store or InspectionsStore(**parameters)
        self.build = InspectionBuild(self._store.ceph, f"{self.inspection_id}/build")
        self.results = InspectionResults(self._store.ceph, f"{self.inspection_id}/results")

    def connect(self) -> None:
        """See that the store answers; see `CephStore.connect()`."""
        self._store.connect()

    def is_connected(self) -> bool:
        """Tell whether `connect()` succeeded; it does not ask the store."""
        return self._store.is_connected()

    def exists(self) -> bool:
        """Tell whether the specification is stored."""
        return self._store.ceph.document_exists(f"{self.inspection_id}/build/specification")


class InspectionBuild:
    """How an inspection was built: its specification, `Dockerfile` and log."""

    def __init__(self, ceph: CephStore, folder: str) -> None:
        self._ceph = ceph
        self._folder = folder

    def store_specification(self, specification: Mapping[str, Any]) -> None:
        """Store what was to be built and run; other content is `DocumentExistsError`."""
        self._ceph.store_document(specification, f"{self._folder}/specification")

    def retrieve_specification(self) -> dict[str, Any]:
        """Return what was to be built and run; `NotFoundError`, `CorruptDocumentError`."""
        return self._ceph.retrieve_document(f"{self._folder}/specification")

    def store_dockerfile(self, text: str) -> None:
        """Store the `Dockerfile`; other content is `DocumentExistsError`."""
        self._ceph.store_blob(text, f"{self._folder}/Dockerfile")

    def retrieve_dockerfile(self) -> str:
        """Return the `Dockerfile`; `NotFoundError`, `CorruptDocumentError`."""
        return _text(self._ceph, f"{self._folder}/Dockerfile")

    def store_log(self, text: str) -> None:
        """Store the log of the build; other content is `DocumentExistsError`."""
        self._ceph.store_blob(text, f"{self._folder}/log")

    def retrieve_log(self) -> str:
        """Return the log of the build; `NotFoundError`."""
        return _text(self._ceph, f"{self._folder}/log", errors="replace")


class InspectionResults:
    """The runs of an inspection, counted from 0."""

    def __init__(self, ceph: CephStore, folder: str) -> None:
        self._ceph = ceph
        self._folder = folder

    def store_result(self, item: int, result: Mapping[str, Any]) -> None:
        """Store what a run said; other content is `DocumentExistsError`."""
        self._ceph.store_document(result, self._key(item, "result"))

    def retrieve_result(self, item: int) -> dict[str, Any]:
        """Return what a run said; `NotFoundError`, `CorruptDocumentError`."""
        return self._ceph.retrieve_document(self._key(item, "result"))

    def store_hardware_info(self, item: int, hardware_info: Mapping[str, Any]) -> None:
        """Store what a run found of its hardware; other content is `DocumentExistsError`."""
        self._ceph.store_document(hardware_info, self._key(item, "hwinfo"))

    def retrieve_hardware_info(self, item: int) -> dict[str, Any]:
        """Return what a run found of its hardware; `NotFoundError`, `CorruptDocumentError`."""
        return self._ceph.retrieve_document(self._key(item, "hwinfo"))

    def store_log(self, item: int, text: str) -> None:
        """Store the log of a run; other content is `DocumentExistsError`."""
        self._ceph.store_blob(text, self._key(item, "log"))

    def retrieve_log(self, item: int) -> str:
        """Return the log of a run; `NotFoundError`."""
        return _text(self._ceph, self._key(item, "log"), errors="replace")

    def get_items(self) -> list[int]:
        """Return the numbers of the runs whose result is stored, in their order."""
        keys = self._ceph.get_document_listing(below=self._folder)
        parts = (key.removeprefix(f"{self._folder}/").split("/") for key in keys)
        return sorted(int(n) for n, *name in parts if name == ["result"] and _is_number(n))

    def get_results_count(self) -> int:
        """Return how many results are stored."""
        return len(self.get_items())

    def iterate_results(
        self, *, on_skipped: Callable[[StoragesError], None] | None = None
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the runs with what they said, in their order; what is no document is skipped."""
        keys = [self._key(item, "result") for item in self.get_items()]
        for key, result in self._ceph.documents_of(keys, on_skipped or log_skipped):
            yield int(key.split("/")[-2]), result

    def _key(self, item: int, name: str) -> str:
        if isinstance(item, bool) or not isinstance(item, int) or not 0 <= item < MAX_RESULTS:
            problem = f"must be a number from 0 to {MAX_RESULTS - 1}"
            raise InvalidArgumentError("item", item, problem)
        return f"{self._folder}/{item}/{name}"


def _is_number(text: str) -> bool:
    plain = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_RESULTS - 1))
    return plain and str(int(text)) == text


def _text(ceph: CephStore, key: str, *, errors: str = "strict") -> str:
    try:
        return ceph.retrieve_blob(key).decode(errors=errors)
    except UnicodeDecodeError as error:
        raise CorruptDocumentError(str(ceph), key, "it is no text in UTF-8") from error
