"""Runs of tasks in documents: what one was asked for, and how it ended.

A `result` is `{error, error_msg, parameters, report}`, and any of these may be missing or null.
`parameters.project` is the stack that a run was given. Of a run that failed, `report` is null or
`{ERROR, stack_info}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from thoth.storages.sync.core_metadata import shown
from thoth.storages.sync.document_parts import Invalid
from thoth.storages.sync.documents import Document, read_document
from thoth.storages.sync.stack_documents import (
    GivenStack,
    Project,
    read_given_stack,
    without_user_info,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_LABEL_CHARACTERS = 512
"""Names of predictors, versions and the like are shortened to so many characters."""
MAX_ENTRIES = 500_000
"""An array of what a run reports may have at most so many entries: half a gigabyte of memory."""

_PARAMETERS, _REPORT = "result.parameters", "result.report"
_PROJECT = f"{_PARAMETERS}.project"
_ELSEWHERE = frozenset({"project", "origin"})
_T = TypeVar("_T")


class RunResult(msgspec.Struct, frozen=True):
    """The `result` of a run."""

    error: bool | None = None
    error_msg: Any = None
    parameters: dict[str, Any] | None = None
    report: dict[str, Any] | list[Any] | None = None


class RunDocument:
    """A document of a run, of which parts are read one by one.

    `kind` is what ids of such documents begin with, `content` is that of `result`, `report` an
    object or an array. Every method raises `InvalidDocumentError`, with the path of the offending
    key.
    """

    def __init__(
        self, content: dict[str, Any] | bytes, *, kind: str, document_id: str | None
    ) -> None:
        self._document: Document[RunResult] = read_document(
            content, RunResult, document_id=document_id
        )
        check_kind(self._document, document_id or kind)
        self.document_id = self._document.document_id
        self.invalid = Invalid(self.document_id)
        self.content: dict[str, Any] = self._document.content["result"]
        self.report = self._document.result.report
        self._parameters = self._document.result.parameters or {}

    def columns(self) -> dict[str, Any]:
        """Return the columns that all runs have. A report with the key `ERROR` is one of failure.

        The stack that was given and its origin are not among the parameters.
        """
        metadata, result = self._document.metadata, self._document.result
        report = self.report if isinstance(self.report, dict) else {}
        failure, stack_info = report.get("ERROR"), report.get("stack_info")
        kept = {key: value for key, value in self._parameters.items() if key not in _ELSEWHERE}
        return {
            "duration": metadata.duration,
            "error": bool(result.error or failure),
            "created_at": self._document.created_at,
            "analyzer_version": label(metadata.analyzer_version),
            "error_message": shown(result.error_msg) or shown(failure or None),
            "stack_info": None
            if stack_info is None
            else self.invalid.json(stack_info, f"{_REPORT}.stack_info"),
            "parameters": self.invalid.json(kept, _PARAMETERS),
        }

    def asked(self, name: str, kind: type[_T]) -> _T | None:
        """Return what the run was asked for by a name, None where nobody said.

        `result.parameters` counts before `metadata.arguments`, and these before the objects in
        them, which have the arguments of a command. A value of another type is refused in
        `parameters`, and says nothing in arguments.
        """
        value = self._parameters.get(name)
        if value is not None:
            return self.invalid.part(value, kind, f"{_PARAMETERS}.{name}")
        for arguments in self._arguments():
            value = arguments.get(name)
            if type(value) is kind:
                return value
        return None

    def _arguments(self) -> Iterator[dict[str, Any]]:
        arguments = self._document.metadata.arguments
        yield arguments
        yield from (value for value in arguments.values() if isinstance(value, dict))

    def number(self, name: str) -> int | None:
        """Return a whole number that the run was asked for, as a column can hold it."""
        return self.invalid.number(self.asked(name, int), f"{_PARAMETERS}.{name}")

    def label(self, name: str) -> str | None:
        """Return a text that the run was asked for, shortened."""
        return label(self.asked(name, str))

    def origin(self) -> str | None:
        """Return where the stack comes from that the run was given; of a URL without user info."""
        origin = self.asked("origin", str)
        return None if origin is None else label(without_user_info(origin))

    def given_stack(self) -> GivenStack:
        """Return the stack that the run was given."""
        content = self._parameters.get("project")
        if content is None:
            return GivenStack(None, None)
        project = self.invalid.part(content, Project, _PROJECT)
        return read_given_stack(project, _PROJECT, self.invalid)

    def entries(self, name: str) -> Iterator[tuple[Any, str]]:
        """Yield the entries of an array of the report, each with its path.

        It lies under `report`, or under `result` beside it.
        """
        report = self.report if isinstance(self.report, dict) else {}
        for owner, path in ((report, _REPORT), (self.content, "result")):
            if owner.get(name) is not None:
                yield from self._each(owner[name], f"{path}.{name}")
                return

    def reported(self, name: str) -> Iterator[tuple[Any, str]]:
        """Yield the entries of an array that is all of the report, or is where `entries` looks."""
        if isinstance(self.report, list):
            return self._each(self.report, _REPORT)
        return self.entries(name)

    def _each(self, entries: Any, path: str) -> Iterator[tuple[Any, str]]:
        if not isinstance(entries, list | tuple):
            raise self.invalid(path, "is not an array")
        check_entries(entries, path, self.invalid)
        for number, entry in enumerate(entries):
            yield entry, f"{path}[{number}]"


def check_entries(entries: Sequence[Any], path: str, invalid: Invalid) -> None:
    """Refuse an array of more than `MAX_ENTRIES`. Raises `InvalidDocumentError`."""
    if len(entries) > MAX_ENTRIES:
        raise invalid(path, f"has over {MAX_ENTRIES:,} entries")


def check_kind(document: Document[Any], expected: str) -> None:
    """Refuse a document whose own id is one of another kind: whatever keys it has mean others.

    `expected` is an id of the kind, or what such ids begin with. Raises `InvalidDocumentError`.
    """
    own, dash, _ = (document.metadata.document_id or "").partition("-")
    if dash and own != expected.partition("-")[0]:
        raise document.invalid("metadata.document_id", "is that of a document of another kind")


def label(text: str | None) -> str | None:
    """Return a text that is a name, shortened to what a row holds."""
    return shown(text, most=MAX_LABEL_CHARACTERS)
