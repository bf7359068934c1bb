"""What a validator reports by itself is synced as the validation that it is."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest

from thoth.storages import (
    GraphDatabase,
    InvalidDocumentError,
    ValidationResultsStore,
    sync_documents,
)
from thoth.storages.sync.validation_documents import read_validation_document
from thoth.storages.sync.validation_loop import ValidationLoop
from thoth.storages.testing.validation_documents import metadata_of, report

if TYPE_CHECKING:
    from thoth.storages import StoragesSettings

DOCUMENT_ID = "validation-261122081909-23d5ef01ff73bb39"


@pytest.fixture
def store(settings: StoragesSettings) -> ValidationResultsStore:
    store = ValidationResultsStore(settings=settings)
    store.connect()
    return store


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"valid": False, "reason": "conflict", "results": []},
        {"phase": "failed", "valid": None, "reason": "timed_out", "raw_log": None, "results": []},
    ],
)
def test_it_becomes_a_validation_of_its_own(
    graph: GraphDatabase,
    settings: StoragesSettings,
    store: ValidationResultsStore,
    changes: dict[str, Any],
) -> None:
    made = report(DOCUMENT_ID, **changes)
    store.store_document(made)
    for force in (False, True, True):
        counts = sync_documents(graph=graph, settings=settings, kinds=["validation"], force=force)
        assert counts == {"validation": (1, 1, 0, 0)}
        record = graph.validations.get(UUID(made["result"]["id"]))
        assert record is not None
        result = made["result"]
        known = (record.phase, record.valid, record.reason, record.stack_specification)
        named = ("phase", "valid", "reason", "stack_specification")
        assert known == tuple(result[name] for name in named)
        assert record.raw_log == (result["raw_log"] or "")
        assert msgspec.json.decode(record.request) == made["metadata"]["arguments"]
        assert record.created_at == datetime(2026, 11, 22, 8, 19, 9, 554431, UTC)
        assert record.result_digest is not None
        kept = graph.validations.result(record.result_digest)
        assert kept is not None
        assert msgspec.json.decode(kept) == result
        assert graph.get_python_software_stack_count_all(software_stack_type="VALIDATION") == 1


def test_it_is_kept_until_it_is_deleted_unless_it_says_when_it_expires(
    graph: GraphDatabase, settings: StoragesSettings, store: ValidationResultsStore
) -> None:
    store.store_document(report(DOCUMENT_ID))
    sync_documents(graph=graph, settings=settings, kinds=["validation"])
    assert graph.validations.expire(datetime(2900, 1, 1, tzinfo=UTC), at_most=10) == 0
    [validation_id] = graph.validations.list(10)[0]
    graph.validations.delete(validation_id)
    assert ValidationLoop(graph, metadata_of, store=store).remove() == 1
    assert store.get_document_count() == 0
    given = report(DOCUMENT_ID, expires_at="2026-12-01T00:00:00+01:00")
    expires_at = read_validation_document(given).validation.expires_at
    assert expires_at == datetime(2026, 11, 30, 23, tzinfo=UTC)


def test_decoded_or_encoded_it_says_the_same() -> None:
    made = report(DOCUMENT_ID)
    assert read_validation_document(made) == read_validation_document(msgspec.json.encode(made))


@pytest.mark.parametrize(
    ("member", "value", "path"),
    [
        ("id", "7", "result.id"),
        ("phase", "running", "result.phase"),
        ("finished_at", None, "result.finished_at"),
        ("created_at", "2026-01-01T00:00:00", "result.created_at"),
        ("created_at", "9999-12-31T23:59:59-12:00", "result.created_at"),
        ("valid", None, "result.valid"),
        ("attempt", 2**31, "result.attempt"),
        ("raw_log", "\0", "result.raw_log"),
        ("index_state", [{"url": 7}], "result.index_state[0].url"),
        ("results", [{"lock": [{"name": "?", "version": "1"}]}], "result.results[0].lock[0].name"),
        ("results", 7, "result.results"),
        ("results", ..., "result.expires_at"),
        ("job", {}, "result.expires_at"),
    ],
)
def test_a_broken_one_is_refused_with_the_path(member: str, value: Any, path: str) -> None:
    made = report(DOCUMENT_ID, **{member: value})
    if value is ...:
        del made["result"][member]
    for given in (made, msgspec.json.encode(made)):
        with pytest.raises(InvalidDocumentError) as refused:
            read_validation_document(given)
        assert refused.value.path == path
        assert refused.value.document_id == DOCUMENT_ID


def test_what_is_no_json_is_refused() -> None:
    made = report(DOCUMENT_ID, more="\ud800")
    with pytest.raises(InvalidDocumentError):
        read_validation_document(made)


def test_a_package_may_be_required_by_very_many_lines() -> None:
    lines = [f"a>={number % 10_000}" for number in range(20_000)]
    made = report(DOCUMENT_ID, stack_specification="\n".join([*lines, "b", "no such line"]))
    [stack] = read_validation_document(made).stacks
    assert stack.requirements is not None
    canonical = msgspec.json.decode(stack.requirements.canonical)
    assert canonical["others"] == ["no such line"]
    assert canonical["packages"]["b"] == {"version": "*"}
    assert len(canonical["packages"]["a"]) == 10_000


# What the first of them needs to be made is made while the others ask for it.
AT_ONCE = """
import sys, threading
import msgspec
from thoth.storages.sync.validation_documents import read_validation_document, validation_facts
from thoth.storages.testing.validation_documents import answer, report

sys.setswitchinterval(1e-6)
known = read_validation_document(report("validation-1", ecosystem="other")).validation
known = msgspec.structs.replace(known, ecosystem="pypi")
blob = answer(*((f"a{number}", "1") for number in range(50)))
ready = threading.Barrier(16)

def read():
    ready.wait()
    assert len(validation_facts(known, blob, "validation-1").stacks[0].lock.releases) == 50

threads = [threading.Thread(target=read) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_many_threads_may_read_answers_from_the_first_on() -> None:
    done = subprocess.run([sys.executable, "-c", AT_ONCE], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_lone_surrogates_are_refused_where_bytes_are_kept() -> None:
    made = report(DOCUMENT_ID)
    made["metadata"]["arguments"] = {"note": "\udc80"}
    with pytest.raises(InvalidDocumentError, match="is not JSON"):
        read_validation_document(json.dumps(made).encode())
