"""What documents of validations are made of, for tests, and the tables that they go to."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from thoth.storages.graph.validation_records import FinishedValidation

INDEX_URL = "https://index.example/simple/"

TABLES = (
    "validation",
    "validation_job",
    "result",
    "stack_requirements",
    "stack_lock",
    "stack_lock_release",
    "software_stack",
)
"""The tables that documents of validations become rows of."""


def metadata_of(validation: FinishedValidation) -> dict[str, Any]:
    """Return the `metadata` of a document, but for its id."""
    return {
        "analyzer": "test",
        "analyzer_version": "1",
        "arguments": {},
        "datetime": validation.finished_at.isoformat(),
        "timestamp": int(validation.finished_at.timestamp()),
        "duration": 0,
        "hostname": "host",
        "thoth_deployment_name": None,
        "distribution": {"id": "none"},
        "os_release": {"id": "none"},
        "python": {"major": sys.version_info.major},
    }


def question(stack: str) -> bytes:
    """Return a question, as a validation keeps it."""
    return msgspec.json.encode({"ecosystem": "pypi", "stack_specification": stack})


def answer(*pins: tuple[str, str], **more: object) -> bytes:
    """Return an answer with a lock of releases (name, version), as a validator gives it."""
    lock = [
        {
            "name": name,
            "version": version,
            "index": INDEX_URL,
            "artifacts": [
                {"filename": f"{name}-{version}.tar.gz", "sha256": _sha256(name, version)}
            ],
        }
        for name, version in pins
    ]
    target = {"id": "cp312-manylinux_2_28_x86_64", "markers": {"python_version": "3.12"}}
    result = {"target": target, "valid": True, "lock": lock}
    return msgspec.json.encode({"valid": True, "results": [result], **more})


def report(document_id: str, **changes: object) -> dict[str, Any]:
    """Return a document as a validator reports it by itself; `changes` are members of `result`."""
    stack = "flask\nsix<2"
    moment = "2026-11-22T08:19:09.554431Z"
    result = {
        "id": "b6b5b5e6-629e-45a5-8b35-ecd767b88081",
        "document_id": document_id,
        "ecosystem": "pypi",
        "stack_specification": stack,
        "phase": "succeeded",
        "reason": "resolved",
        "created_at": moment,
        "started_at": moment,
        "finished_at": "2026-11-22T08:19:10.633296Z",
        "expires_at": None,
        "attempt": 1,
        "index_state": [{"name": "test", "url": INDEX_URL}],
        "raw_log": "resolved: 2 packages",
        **msgspec.json.decode(answer(("flask", "3.0"), ("six", "1.17.0"))),
    }
    metadata = {
        "analyzer": "test",
        "analyzer_version": "1",
        "arguments": {"ecosystem": "pypi", "stack_specification": stack},
        "datetime": moment,
        "document_id": document_id,
        "hostname": "host",
        "distribution": {},
        "python": {},
    }
    return {"metadata": metadata, "result": {**result, **changes}}


def _sha256(name: str, version: str) -> str:
    return hashlib.sha256(f"{name} {version}".encode()).hexdigest()
