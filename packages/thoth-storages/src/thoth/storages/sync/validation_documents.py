"""Documents of finished validations: how one is made, and what it says as rows.

`result` is a validation with the job that answered it, and under `answer` the answer itself as the
validator gave it. What the graph keeps as bytes, `request` and `answer`, is JSON in a document;
should it be none, or not be written as we write it, the document has `{"base64": ...}`. So both
come back as they were. What a validator reports by itself is read, too (`validation_reports`).
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import msgspec

from thoth.storages.exceptions import InvalidDocumentError, InvalidRecordError
from thoth.storages.graph import json_values
from thoth.storages.graph.queries.validations import check_finished, check_new
from thoth.storages.graph.queries.values import HASH_BYTES, storable_text
from thoth.storages.graph.requirements import parse_requirement
from thoth.storages.graph.validation_records import FinishedJob, FinishedValidation, NewValidation
from thoth.storages.sync.document_parts import Invalid
from thoth.storages.sync.documents import decode_raw, read_document
from thoth.storages.sync.stack_documents import Requirements, Stack, make_lock
from thoth.storages.sync.validation_reports import NEVER, encode, is_report, read_report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from thoth.storages.graph.queries.environments import SoftwareKey
    from thoth.storages.sync.stack_documents import Lock, ReleaseName

STACKS_OF = "pypi"
"""The ecosystem whose specifications and locks are understood here."""
MAX_COUNT = 2**31 - 1
"""Attempts, crashes and interruptions are at most so many."""

_BASE64 = "base64"
_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]


class Job(msgspec.Struct, frozen=True):
    """What answered; `question` is the SHA-256, in hexadecimal, of what decided the answer."""

    id: UUID
    question: str
    attempt: _Count
    created_at: _Time
    finished_at: _Time
    started_at: _Time | None = None
    worker: str | None = None
    crashes: _Count = 0
    interruptions: _Count = 0


class Result(msgspec.Struct, frozen=True):
    """A finished validation, as its document has it."""

    id: UUID
    ecosystem: str
    stack_specification: str
    request: Any
    created_at: _Time
    expires_at: _Time
    phase: Literal["succeeded", "failed"]
    valid: bool | None
    reason: str
    raw_log: str
    job: Job
    answer: Any = None


class AnsweredTarget(msgspec.Struct, frozen=True):
    """What a stack was validated for, by its marker variables (PEP 508)."""

    markers: dict[str, Any] = {}


class LockedArtifact(msgspec.Struct, frozen=True):
    """A file of a locked release."""

    sha256: str | None = None


class LockedRelease(msgspec.Struct, frozen=True):
    """A release of a lock; `index` is the URL of its index."""

    name: str
    version: str
    index: str | None = None
    artifacts: list[LockedArtifact] | None = None


class TargetAnswer(msgspec.Struct, frozen=True):
    """The answer for one target."""

    target: AnsweredTarget | None = None
    lock: list[LockedRelease] | None = None


class Answer(msgspec.Struct, frozen=True):
    """The part of an answer that becomes stacks."""

    results: list[TargetAnswer] | None = None


class ValidationFacts(msgspec.Struct, frozen=True):
    """The rows that a validation's document becomes; `result` is the answer as it is kept."""

    document_id: str
    validation: FinishedValidation
    result: bytes | None
    stacks: list[Stack]


# --- making --------------------------------------------------------------------------------------


def validation_document(
    validation: FinishedValidation, answer: bytes | None, metadata: Mapping[str, Any]
) -> bytes:
    """Return the document of a validation, encoded; `metadata` says who answered and where."""
    result = {
        "id": validation.id,
        "ecosystem": validation.ecosystem,
        "stack_specification": validation.stack_specification,
        "request": _as_json(validation.request),
        "created_at": validation.created_at,
        "expires_at": validation.expires_at,
        "phase": validation.phase,
        "valid": validation.valid,
        "reason": validation.reason,
        "raw_log": validation.raw_log,
        "job": {
            "id": validation.job_id,
            "question": validation.question.hex(),
            "attempt": validation.attempt,
            "created_at": validation.job_created_at,
            "started_at": validation.started_at,
            "finished_at": validation.finished_at,
            "worker": validation.worker,
            "crashes": validation.crashes,
            "interruptions": validation.interruptions,
        },
        "answer": None if answer is None else _as_json(answer),
    }
    return msgspec.json.encode({"metadata": metadata, "result": result})


def _as_json(blob: bytes) -> Any:
    """Return what a document has for bytes, so that `_as_bytes` gives them back."""
    try:
        value = msgspec.json.decode(blob)
        raw = msgspec.json.decode(blob, type=msgspec.Raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    else:
        if bytes(raw) == blob and value is not None and not _is_base64(value):
            return raw
    return {_BASE64: base64.b64encode(blob).decode()}


def _is_base64(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {_BASE64}


# --- reading -------------------------------------------------------------------------------------


class _Raw(msgspec.Struct, frozen=True):
    """The parts that are kept byte for byte."""

    request: msgspec.Raw = msgspec.Raw()
    answer: msgspec.Raw = msgspec.Raw()


class _RawDocument(msgspec.Struct, frozen=True):
    result: _Raw


# Made once, while only one thread can be here: threads that decode into a type for the first time,
# at the same time, kill the process (msgspec 0.22).
_RAW_DOCUMENT = msgspec.json.Decoder(_RawDocument)
_ANSWER = msgspec.json.Decoder(Answer)


def read_validation_document(
    content: dict[str, Any] | bytes, *, document_id: str | None = None
) -> ValidationFacts:
    """Read a validation's document; return the rows that it becomes.

    `document_id` counts before the id that the document has. Raises `InvalidDocumentError`, with
    the path of the offending key.
    """
    try:
        document = read_document(content, Result, document_id=document_id)
    except InvalidDocumentError:
        if not is_report(content, document_id=document_id):
            raise
        return _read_report(content, document_id)
    result, invalid = document.result, Invalid(document.document_id)
    raw = _Raw()
    if not isinstance(content, dict):
        raw = decode_raw(_RAW_DOCUMENT, content, document_id=document.document_id).result
    request = _as_bytes(result.request, raw.request, "result.request", invalid)
    answer = None
    if result.answer is not None:
        answer = _as_bytes(result.answer, raw.answer, "result.answer", invalid)
    validation = _validation(result, request, answer, invalid)
    return validation_facts(validation, answer, document.document_id)


def _read_report(content: dict[str, Any] | bytes, document_id: str | None) -> ValidationFacts:
    """Return the rows that what a validator reports becomes, as if it had been a job of its own."""
    read = read_report(content, document_id=document_id)
    report = read.report
    job = Job(
        id=report.id,
        question=read.question(),
        attempt=report.attempt,
        created_at=report.created_at,
        started_at=report.started_at,
        finished_at=report.finished_at,
    )
    result = Result(
        id=report.id,
        ecosystem=report.ecosystem,
        stack_specification=report.stack_specification,
        request=None,
        created_at=report.created_at,
        expires_at=report.expires_at or NEVER,
        phase=report.phase,
        valid=report.valid,
        reason=report.reason,
        raw_log=report.raw_log or "",
        job=job,
    )
    validation = _validation(result, read.request, read.answer, Invalid(read.document_id))
    return validation_facts(validation, read.answer, read.document_id, path="result")


def validation_facts(
    validation: FinishedValidation,
    answer: bytes | None,
    document_id: str,
    *,
    path: str = "result.answer",
) -> ValidationFacts:
    """Return the rows that the document of a validation becomes, whose answer lies at a path.

    Raises `InvalidDocumentError`, with the path of the offending key in the document.
    """
    stacks = []
    if validation.ecosystem == STACKS_OF:
        stacks = _stacks(validation.stack_specification, answer, path, Invalid(document_id))
    return ValidationFacts(document_id, validation, answer, stacks)


def _as_bytes(value: Any, raw: msgspec.Raw, path: str, invalid: Invalid) -> bytes:
    """Return the bytes that a value stands for: as they are in the document, if that was bytes."""
    if _is_base64(value):
        try:
            return base64.b64decode(value[_BASE64], validate=True)
        except (TypeError, ValueError) as error:
            raise invalid(f"{path}.{_BASE64}", "is not base64") from error
    return bytes(raw) or encode(value, path, document_id=invalid.document_id)


def _validation(
    result: Result, request: bytes, answer: bytes | None, invalid: Invalid
) -> FinishedValidation:
    job = result.job
    try:
        question = bytes.fromhex(job.question)
    except ValueError:
        question = b""
    if len(question) != HASH_BYTES:
        raise invalid("result.job.question", "is not a SHA-256 in hexadecimal")
    try:
        check_new(
            NewValidation(
                id=result.id,
                ecosystem=result.ecosystem,
                stack_specification=result.stack_specification,
                question=question,
                request=request,
                expires_at=result.expires_at,
            )
        )
        check_finished(
            FinishedJob(
                phase=result.phase,
                valid=result.valid,
                reason=result.reason,
                result=answer or b"",
                raw_log=result.raw_log,
            )
        )
        storable_text("job.worker", job.worker)
    except InvalidRecordError as error:
        raise invalid(f"result.{error.field}", error.problem) from error
    return FinishedValidation(
        id=result.id,
        ecosystem=result.ecosystem,
        stack_specification=result.stack_specification,
        request=request,
        created_at=_utc(result.created_at, "result.created_at", invalid),
        expires_at=_utc(result.expires_at, "result.expires_at", invalid),
        job_id=job.id,
        question=question,
        phase=result.phase,
        valid=result.valid,
        reason=result.reason,
        raw_log=result.raw_log,
        attempt=job.attempt,
        crashes=job.crashes,
        interruptions=job.interruptions,
        worker=job.worker,
        job_created_at=_utc(job.created_at, "result.job.created_at", invalid),
        started_at=job.started_at and _utc(job.started_at, "result.job.started_at", invalid),
        finished_at=_utc(job.finished_at, "result.job.finished_at", invalid),
        result_digest=hashlib.sha256(answer).digest() if answer else None,
    )


def _utc(time: datetime, path: str, invalid: Invalid) -> datetime:
    """Return a time in UTC; one that only another zone can tell could never be read again."""
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise invalid(path, "is out of range") from error


# --- stacks --------------------------------------------------------------------------------------


def _stacks(specification: str, answer: bytes | None, path: str, invalid: Invalid) -> list[Stack]:
    """Return a stack for each target: with its lock, where one was found."""
    requirements = _requirements(specification, invalid)
    targets = _targets(answer or b"", path, invalid)
    stacks = [] if targets else [Stack(requirements, None, None)]
    for number, answered in enumerate(targets):
        place = f"{path}.results[{number}]"
        lock = _lock(answered.lock or [], f"{place}.lock", invalid)
        environment = _environment(answered, f"{place}.target.markers", invalid)
        stacks.append(Stack(requirements, lock, environment))
    return [stack for stack in stacks if stack.requirements or stack.lock]


def _targets(answer: bytes, path: str, invalid: Invalid) -> Sequence[TargetAnswer]:
    """Return what an answer says of each target; nothing where it is none of ours."""
    try:
        return _ANSWER.decode(answer).results or ()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        value = msgspec.json.decode(answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()
    found = invalid.part(value, Answer, path) if isinstance(value, dict) else None
    return (found and found.results) or ()


def _requirements(specification: str, invalid: Invalid) -> Requirements | None:
    """Return the requirements in the canonical form that those of a Pipfile have.

    A package that several lines require has a list of entries. Lines that are not understood are
    kept as they are.
    """
    packages: dict[str, dict[bytes, dict[str, Any]]] = {}
    others: set[str] = set()
    for line in filter(None, map(str.strip, specification.split("\n"))):
        parsed = parse_requirement(line)
        if parsed is None or parsed.url is not None:
            others.add(line)
            continue
        entry: dict[str, Any] = {"version": parsed.specifier or "*"}
        if parsed.extras:
            entry["extras"] = list(parsed.extras)
        if parsed.marker is not None:
            entry["markers"] = parsed.marker
        packages.setdefault(parsed.name, {})[msgspec.json.encode(entry)] = entry
    canonical: dict[str, Any] = {}
    if packages:
        canonical["packages"] = {name: _in_order(packages[name]) for name in packages}
    if others:
        canonical["others"] = sorted(others)
    if not canonical:
        return None
    text = invalid.json(canonical, "result.stack_specification")
    return Requirements(json_values.digest(text), text)


def _in_order(entries: dict[bytes, dict[str, Any]]) -> Any:
    """Return the only entry, or all of them in the order of their JSON."""
    ordered = [entries[encoded] for encoded in sorted(entries)]
    return ordered if len(ordered) > 1 else ordered[0]


def _lock(locked: Sequence[LockedRelease], path: str, invalid: Invalid) -> Lock | None:
    hashes: dict[ReleaseName, tuple[bytes, ...]] = {}
    for number, each in enumerate(locked):
        place = f"{path}[{number}]"
        release = (
            invalid.package_name(each.name, f"{place}.name"),
            invalid.version(each.version, f"{place}.version"),
            invalid.index_url(each.index, f"{place}.index"),
        )
        hashes[release] = tuple(_hashes(each.artifacts or [], f"{place}.artifacts", invalid))
    return make_lock(hashes, path, invalid)


def _hashes(artifacts: Sequence[LockedArtifact], path: str, invalid: Invalid) -> list[bytes]:
    found = set()
    for number, artifact in enumerate(artifacts):
        if artifact.sha256 is None:
            continue
        try:
            digest = bytes.fromhex(artifact.sha256)
        except ValueError:
            digest = b""
        if len(digest) != HASH_BYTES:
            raise invalid(f"{path}[{number}].sha256", "is not a SHA-256 in hexadecimal")
        found.add(digest)
    return sorted(found)


def _environment(answered: TargetAnswer, path: str, invalid: Invalid) -> SoftwareKey | None:
    """Return the environment: of its parts, a target says but the version of Python."""
    version = None if answered.target is None else answered.target.markers.get("python_version")
    if not isinstance(version, str) or not version:
        return None
    return ("", "", invalid.text(version, f"{path}.python_version"))
