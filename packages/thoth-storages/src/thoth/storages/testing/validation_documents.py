"""What documents of validations are made of, for tests, and what a graph holds of them."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from thoth.storages.graph.validation_records import FinishedValidation

INDEX_URL = "https://index.example/simple/"

TABLES = {
    "validation": """
        SELECT id, job_id, ecosystem, created_at, expires_at, stack_specification, request,
               document_id
          FROM validation ORDER BY id
    """,
    "validation_job": """
        SELECT id, ecosystem, question, phase, attempt, created_at, started_at, finished_at, worker,
               valid, reason, result_digest, request, raw_log, crashes, interruptions
          FROM validation_job ORDER BY id
    """,
    "result": """
        SELECT digest, content FROM result
         WHERE digest IN (SELECT result_digest FROM validation_job) ORDER BY digest
    """,
    "stack_requirements": """
        SELECT ecosystem, digest, requirements FROM stack_requirements ORDER BY digest
    """,
    "stack_lock": "SELECT ecosystem, digest FROM stack_lock ORDER BY digest",
    "stack_lock_release": """
        SELECT stack_lock.digest, package.name, release.version, package_index.url
          FROM stack_lock_release
          JOIN stack_lock ON stack_lock.id = stack_lock_id
          JOIN release ON release.id = release_id
          JOIN package ON package.id = package_id
          LEFT JOIN package_index ON package_index.id = package_index_id
         ORDER BY 1, 2, 3, 4
    """,
    "software_stack": """
        SELECT stack_requirements.digest, stack_lock.digest, software_stack_type, is_external,
               os_name, os_version, python_version
          FROM software_stack
          LEFT JOIN stack_requirements ON stack_requirements.id = stack_requirements_id
          LEFT JOIN stack_lock ON stack_lock.id = stack_lock_id
          LEFT JOIN software_environment ON software_environment.id = software_environment_id
         ORDER BY 1, 2, 3, 4, 5, 6, 7
    """,
}
"""What a graph holds of validations and stacks, by natural keys, in one order."""


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


def _sha256(name: str, version: str) -> str:
    return hashlib.sha256(f"{name} {version}".encode()).hexdigest()
