"""Documents of advisers, checks of provenance and reverse solvers, made by a program.

For tests and benchmarks, in the shape that `docs/reference/documents.md` describes. Always the same
for a number and a seed; each a fresh object, ready for JSON.
"""

from __future__ import annotations

import random
from typing import Any

from thoth.storages.testing.inspection_documents import document_id_of, project, run_metadata

_INDEX_URL = "https://pypi.org/simple"
_RECOMMENDATION_TYPES = ("latest", "stable", "performance", "security", "testing")
_SPECIFIERS = ("", ">=1.0", ">=1.0,<3", "~=1.2", "==9.9.*")
_FINDINGS = (
    ("ERROR", "ARTIFACT-UNKNOWN-HASH", "The index has no artifact with this hash"),
    ("WARNING", "INDEX-NOT-ENABLED", "The index is not one that is used"),
    ("INFO", "ARTIFACT-ON-SEVERAL-INDEXES", "Several indexes have this artifact"),
)


TABLES = (
    "adviser_run",
    "adviser_product",
    "adviser_unresolved",
    "provenance_run",
    "provenance_finding",
    "revsolver_run",
    "revsolver_dependent",
    "dependency_monkey_run",
    "dependency_monkey_response",
    "inspection",
    "software_stack",
    "stack_requirements",
    "stack_lock",
    "stack_lock_release",
    "software_environment",
    "hardware_environment",
    "package",
    "package_index",
    "release",
    "artifact",
    "requirement",
)
"""The tables that documents of runs, and reports of Dependency Monkey, become rows of."""


def adviser_document(
    number: int = 0, *, seed: int = 0, products: int = 3, packages: int = 12
) -> dict[str, Any]:
    """Return advice on a stack: so many products whose locks have so many releases.

    One in four was given a stack without a lock.
    """
    chance = _chance("adviser", number, seed)
    given = project(_place(number, seed), packages=packages)
    if number % 4 == 3:
        given["requirements_locked"] = None
    entries = [
        {
            "project": {**project(chance.randrange(5000), packages=packages)},
            "score": round(chance.uniform(-1, 1), 6),
            "justification": [{"type": "INFO", "message": f"Stack {rank} of the best", "link": ""}],
        }
        for rank in range(products)
    ]
    result = {
        "error": False,
        "error_msg": None,
        "parameters": {
            "count": products,
            "limit": 100 * products,
            "recommendation_type": chance.choice(_RECOMMENDATION_TYPES),
            "decision_type": "all",
            "predictor": "AUTO",
            "predictor_config": None,
            "origin": f"https://example.com/repository-{chance.randrange(20)}",
            "project": given,
        },
        "report": {"products": entries, "stack_info": [{"type": "INFO", "message": "Looked at"}]},
    }
    return _document("adviser", number, result)


def failed_adviser_document(number: int = 0, *, seed: int = 0) -> dict[str, Any]:
    """Return what an adviser says that found no stack, and which packages it could not resolve."""
    chance = _chance("failed", number, seed)
    document = adviser_document(number, seed=seed, products=0)
    names = sorted({f"absent-{chance.randrange(30)}" for _ in range(3)})
    document["result"] |= {
        "error": True,
        "error_msg": "No stack satisfies the requirements",
        "report": {
            "ERROR": "No stack satisfies the requirements",
            "stack_info": [{"type": "ERROR", "message": "Packages were not resolved"}],
            "unresolved": [
                {"package_name": name, "version_spec": chance.choice(_SPECIFIERS)} for name in names
            ],
        },
    }
    return document


def provenance_document(number: int = 0, *, seed: int = 0, findings: int = 3) -> dict[str, Any]:
    """Return a check of a stack with so many findings."""
    chance = _chance("provenance", number, seed)
    given = project(_place(number, seed))
    locked = sorted(given["requirements_locked"]["default"].items())
    entries = []
    for place in range(findings):
        name, entry = locked[place % len(locked)]
        severity, finding, message = chance.choice(_FINDINGS)
        found = {
            "package_name": name,
            "package_version": entry["version"].removeprefix("=="),
            "index_url": _INDEX_URL,
            "type": severity,
            "id": finding,
            "justification": message,
            "sha256": entry["hashes"],
        }
        entries.append(found)
    parameters = {"project": given, "origin": "https://example.com/repository", "whitelist": []}
    result = {"error": False, "error_msg": None, "parameters": parameters, "report": entries}
    return _document("provenance", number, result)


def revsolver_document(number: int = 0, *, seed: int = 0, dependents: int = 5) -> dict[str, Any]:
    """Return which releases depend on one; so many of them."""
    chance = _chance("revsolver", number, seed)
    result = {
        "error": False,
        "error_msg": None,
        "package_name": f"package-{_place(number, seed) % 40}",
        "package_version": f"1.{number % 9}.0",
        "parameters": {"indexes": [_INDEX_URL]},
        "dependents": [
            {
                "package_name": f"dependent-{chance.randrange(200)}",
                "package_version": f"{place}.{chance.randrange(9)}",
                "index_url": _INDEX_URL,
                "specifier": chance.choice(_SPECIFIERS),
                "extras": ["fast"] if chance.random() < 0.1 else [],
                "marker": chance.choice((None, 'python_version >= "3.8"', 'extra == "test"')),
            }
            for place in range(dependents)
        ],
    }
    return _document("revsolver", number, result)


def adviser_document_id(number: int = 0) -> str:
    """Return the id of a document of an adviser."""
    return document_id_of("adviser", number)


def provenance_document_id(number: int = 0) -> str:
    """Return the id of a check of provenance."""
    return document_id_of("provenance", number)


def revsolver_document_id(number: int = 0) -> str:
    """Return the id of a document of a reverse solver."""
    return document_id_of("revsolver", number)


def _document(kind: str, number: int, result: dict[str, Any]) -> dict[str, Any]:
    metadata = run_metadata(kind, number, document_id=document_id_of(kind, number))
    return {"metadata": metadata, "result": result}


def _chance(kind: str, number: int, seed: int) -> random.Random:
    return random.Random(f"{kind} {seed}:{number}")  # noqa: S311 - no secret


def _place(number: int, seed: int) -> int:
    return number + 1000 * seed
