"""Inspections: what a specification and its results say, in the form in which it is written.

An inspection's document has no envelope: its parts are kept apart in the object store, and a
document is put together from them: `document_id`, `specification`, and `results` (an array, each
at the place of its number) or one `result` with its `result_number` (0 where there is none). Where
such a document does come in an envelope, its id is that of `metadata`, and its parts may lie under
`result`.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from thoth.storages.exceptions import InvalidDocumentError
from thoth.storages.graph import quantities
from thoth.storages.graph.hardware_records import HardwareRecord, read_hardware
from thoth.storages.graph.queries.environments import SoftwareKey
from thoth.storages.sync.core_metadata import shown
from thoth.storages.sync.document_parts import Invalid
from thoth.storages.sync.documents import MAX_DOCUMENT_BYTES, checked_document_id, decode
from thoth.storages.sync.indicators import Indicator, read_indicator
from thoth.storages.sync.stack_documents import Project, Stack, read_environment, read_stack

MAX_BATCH_SIZE = 2**31 - 1
"""An inspection may be repeated at most so often, and a repetition have a number below it."""
MAX_LABEL_CHARACTERS = 512
"""Identifiers, names of images and hosts and the like are shortened to so many characters."""

_SCRIPT_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


class Requests(msgspec.Struct, frozen=True):
    """What an inspection may use; `hardware` is what it must run on."""

    cpu: str | int | float | None = None
    memory: str | int | float | None = None
    hardware: dict[str, Any] | None = None


class Step(msgspec.Struct, frozen=True):
    """What is asked for a build, or for a run."""

    requests: Requests | None = None


class Specification(msgspec.Struct, frozen=True, rename={"created": "@created"}):
    """What an inspection is to do; what is not named here is kept in its JSON."""

    base: str | None = None
    identifier: str | None = None
    package_manager: str | None = None
    batch_size: int | None = None
    python: Project | None = None
    build: Step | None = None
    run: Step | None = None
    created: str | None = None


class Result(msgspec.Struct, frozen=True):
    """What one repetition reported; once `datetime` stood for when it began and when it ended."""

    stdout: Any = None
    exit_code: int | None = None
    script_sha256: str | None = None
    usage: dict[str, Any] | None = None
    os_release: dict[str, Any] | None = None
    runtime_environment: dict[str, Any] | None = None
    hostname: str | None = None
    start_datetime: str | None = None
    end_datetime: str | None = None
    datetime: str | None = None


class InspectionRecord(msgspec.Struct, frozen=True):
    """What an inspection is to do: `columns` of its row; what it is to be built and run on."""

    columns: dict[str, Any]
    stack: Stack | None
    build_hardware: HardwareRecord | None
    run_hardware: HardwareRecord | None


class Repetition(msgspec.Struct, frozen=True):
    """How a repetition went: `columns` of its row, where it ran, and what it measured."""

    number: int
    columns: dict[str, Any]
    hardware: HardwareRecord | None
    environment: SoftwareKey | None
    indicator: Indicator | None


class InspectionFacts(msgspec.Struct, frozen=True):
    """The rows that an inspection's document becomes."""

    document_id: str
    record: InspectionRecord
    repetitions: list[Repetition]


def read_inspection_document(
    content: dict[str, Any] | bytes, *, document_id: str | None = None
) -> InspectionFacts:
    """Read an inspection's document; return the rows that it becomes.

    `document_id` counts before the id that the document has. Raises `InvalidDocumentError`, with
    the path of the offending key.
    """
    known_id = None if document_id is None else checked_document_id(document_id, "")
    try:
        decoded = decode(content, document_id=known_id)
    except InvalidDocumentError:
        lenient = with_odd_numbers(content)
        if lenient is None:
            raise
        decoded = lenient
    known_id = known_id or _own_id(decoded)
    if known_id is None:
        raise InvalidDocumentError(None, "document_id", "is missing. Give the inspection's id")

    invalid = Invalid(known_id)
    body, prefix = decoded, ""
    if "specification" not in decoded and isinstance(decoded.get("result"), dict):
        body, prefix = decoded["result"], "result."
    if not isinstance(body.get("specification"), dict):
        raise invalid(f"{prefix}specification", "is missing or not an object")
    path = f"{prefix}specification"
    specification = body["specification"]
    record = read_specification(specification, path, invalid)
    kept = {key: value for key, value in specification.items() if key != "python"}
    record.columns["specification"] = invalid.json(kept, path)
    return InspectionFacts(
        known_id,
        record,
        [
            _repetition(number, result, place, invalid)
            for number, result, place in _results(body, prefix, invalid)
        ],
    )


def _own_id(content: dict[str, Any]) -> str | None:
    metadata = content.get("metadata")
    own = metadata.get("document_id") if isinstance(metadata, dict) else None
    for path, value in (("document_id", content.get("document_id")), ("metadata.document_id", own)):
        if isinstance(value, str):
            return checked_document_id(value, path)
    return None


def _results(
    body: dict[str, Any], prefix: str, invalid: Invalid
) -> list[tuple[int, dict[str, Any], str]]:
    """Return number, result and its path of each repetition that a document tells of."""
    results = body.get("results")
    if results is None:
        if body.get("result") is None:
            return []
        number = body.get("result_number", 0)
        if isinstance(number, bool) or not isinstance(number, int):
            raise invalid(f"{prefix}result_number", "is not a number")
        if not 0 <= number < MAX_BATCH_SIZE:
            raise invalid(f"{prefix}result_number", "is out of range")
        found = [(number, body["result"], f"{prefix}result")]
    elif isinstance(results, list | tuple):
        found = [
            (number, result, f"{prefix}results[{number}]")
            for number, result in enumerate(results)
            if result is not None
        ]
    else:
        raise invalid(f"{prefix}results", "is not an array")
    for _, result, path in found:
        if not isinstance(result, dict):
            raise invalid(path, "is not an object")
    return found


# --- what was asked for --------------------------------------------------------------------------


def read_specification(content: dict[str, Any], path: str, invalid: Invalid) -> InspectionRecord:
    """Read what an inspection is to do, from its specification or a run's context."""
    specification = invalid.part(content, Specification, path)
    batch_size = 1 if specification.batch_size is None else specification.batch_size
    if not 0 <= batch_size <= MAX_BATCH_SIZE:
        raise invalid(f"{path}.batch_size", "is out of range")
    columns: dict[str, Any] = {
        "batch_size": batch_size,
        "identifier": shown(specification.identifier, most=MAX_LABEL_CHARACTERS),
        "base_image": shown(specification.base, most=MAX_LABEL_CHARACTERS),
        "package_manager": shown(specification.package_manager, most=MAX_LABEL_CHARACTERS),
        "created_at": invalid.time(specification.created, f"{path}.@created"),
    }
    hardware = {}
    for name in ("build", "run"):
        step = getattr(specification, name) or Step()
        requests = step.requests or Requests()
        place = f"{path}.{name}.requests"
        columns[f"{name}_requests_cpu"] = _quantity(
            quantities.cores, requests.cpu, f"{place}.cpu", invalid
        )
        columns[f"{name}_requests_memory"] = _quantity(
            quantities.size, requests.memory, f"{place}.memory", invalid
        )
        hardware[name] = _hardware(requests.hardware, f"{place}.hardware", invalid)
    return InspectionRecord(
        columns=columns,
        stack=read_stack(specification.python or Project(), f"{path}.python", invalid),
        build_hardware=hardware["build"],
        run_hardware=hardware["run"],
    )


def _quantity(read: Any, quantity: Any, path: str, invalid: Invalid) -> float | int | None:
    if quantity is None:
        return None
    amount: float | int | None = read(quantity)
    if amount is None:
        raise invalid(path, "is not a quantity, such as 500m or 1Gi")
    return amount


def _hardware(hardware: Any, path: str, invalid: Invalid) -> HardwareRecord | None:
    if hardware is None:
        return None
    if not isinstance(hardware, dict):
        raise invalid(path, "is not an object")
    record, misfits = read_hardware(hardware)
    if record is None and "other" in misfits:
        raise invalid(path, "is not JSON, or too large")
    return record


# --- how it went ---------------------------------------------------------------------------------


def _repetition(number: int, content: dict[str, Any], path: str, invalid: Invalid) -> Repetition:
    result = invalid.part(content, Result, path)
    runtime = result.runtime_environment or {}
    sha256 = result.script_sha256
    if sha256 is not None and not _SCRIPT_SHA256.fullmatch(sha256):
        raise invalid(f"{path}.script_sha256", "is not a SHA-256 in hexadecimal")
    output = read_output(result.stdout)
    columns = {
        "number": number,
        "exit_code": invalid.number(result.exit_code, f"{path}.exit_code"),
        "started_at": invalid.time(
            result.start_datetime or result.datetime, f"{path}.start_datetime"
        ),
        "finished_at": invalid.time(result.end_datetime, f"{path}.end_datetime"),
        "hostname": shown(result.hostname, most=MAX_LABEL_CHARACTERS),
        "script_sha256": None if sha256 is None else sha256.lower(),
        "usage": invalid.json(result.usage or {}, f"{path}.usage"),
        "output": None if output is None else invalid.json(output, f"{path}.stdout"),
    }
    return Repetition(
        number=number,
        columns=columns,
        hardware=_hardware(
            runtime.get("hardware"), f"{path}.runtime_environment.hardware", invalid
        ),
        environment=read_environment(
            runtime, f"{path}.runtime_environment", invalid, os_release=result.os_release
        ),
        indicator=read_indicator(output),
    )


def read_output(stdout: Any) -> Any:
    """Return the JSON that a script wrote, None where it wrote none: an object or an array.

    It may be given as its text.
    """
    if isinstance(stdout, str) and stdout.lstrip()[:1] in ("{", "["):
        try:
            enclosed = b'{"stdout":%b}' % stdout.encode()
        except UnicodeEncodeError:
            return None
        try:
            stdout = decode(enclosed)["stdout"]
        except InvalidDocumentError:
            stdout = (with_odd_numbers(enclosed) or {}).get("stdout")
    return stdout if stdout and isinstance(stdout, dict | list) else None


def with_odd_numbers(content: object) -> dict[str, Any] | None:
    """Return what JSON says in which NaN and infinities stand, which become null.

    Python writes them, so that scripts do, and the tasks that keep what these wrote. None for what
    has none of them, is no object of JSON even so, or is over a limit of documents.
    """
    if not isinstance(content, bytes) or len(content) > MAX_DOCUMENT_BYTES:
        return None
    if b"NaN" not in content and b"Infinity" not in content:
        return None
    try:
        return decode(json.loads(content, parse_constant=_no_number))
    except (ValueError, RecursionError):
        return None


def _no_number(_: str) -> None:
    """Return what a number that is not finite is in JSON."""
