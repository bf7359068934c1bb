"""Builders of results, so that a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from thoth.dependency_monkey.validation.result import (
    DependencyGraph,
    GraphEdge,
    GraphNode,
    LockedArtifact,
    LockedRelease,
    ResultTarget,
    TargetResult,
    Validation,
)

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET = "cp312-manylinux_2_28_x86_64"
MARKERS = {
    "implementation_name": "cpython",
    "implementation_version": "3.12.4",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": "3.12.4",
    "python_version": "3.12",
    "sys_platform": "linux",
}


class Release(Protocol):
    def __call__(self, name: str, version: str, *asked: str, **fields: Any) -> LockedRelease: ...


class Result(Protocol):
    def __call__(self, *lock: LockedRelease, **fields: Any) -> TargetResult: ...


class Finished(Protocol):
    def __call__(self, *results: TargetResult, **fields: Any) -> Validation: ...


@pytest.fixture
def target() -> ResultTarget:
    return ResultTarget(TARGET, MARKERS)


@pytest.fixture
def release() -> Release:
    def build(name: str, version: str, *asked: str, **fields: Any) -> LockedRelease:
        filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        wheel = LockedArtifact(
            filename, f"https://files.example/{filename}", "a" * 64, 1000, "wheel"
        )
        values = {
            "index": "https://pypi.org/simple/",
            "requires_python": None,
            "artifacts": (wheel,),
            "requested_by": asked,
        }
        return LockedRelease(name=name, version=version, **(values | fields))

    return build


@pytest.fixture
def result(target: ResultTarget) -> Result:
    def build(*lock: LockedRelease, **fields: Any) -> TargetResult:
        values = {
            "target": target,
            "valid": True,
            "reason": "resolved",
            "detail": "",
            "lock": lock or None,
            "graph": None,
            "explanation": None,
            "warnings": (),
        }
        return TargetResult(**(values | fields))

    return build


@pytest.fixture
def validation() -> Finished:
    def build(*results: TargetResult, **fields: Any) -> Validation:
        created = datetime(2026, 1, 31, 12, tzinfo=UTC)
        valid = all(result.valid for result in results) if results else None
        values = {
            "id": "8d8ac610-566d-4ef0-9c22-186b2a5ed793",
            "document_id": None,
            "ecosystem": "pypi",
            "stack_specification": "pandas\n",
            "constraints": None,
            "policy": {},
            "phase": "succeeded",
            "valid": valid,
            "reason": results[0].reason if results else None,
            "created_at": created,
            "started_at": created,
            "finished_at": created + timedelta(milliseconds=420),
            "expires_at": None,
            "reused": False,
            "attempt": 1,
            "index_state": (),
            "results": results,
            "lock": None,
            "graph": None,
            "explanation": None,
            "warnings": (),
            "limits": {},
            "timings": {},
            "raw_log": None,
            "links": {},
        }
        return Validation(**(values | fields))

    return build


@pytest.fixture
def graph() -> Callable[..., DependencyGraph]:
    """Build a graph from edges written "pandas -> numpy>=1.26"."""

    def build(*arrows: str, roots: tuple[str, ...] = (), alone: tuple[str, ...] = ()) -> Any:
        edges = []
        names = dict.fromkeys((*roots, *alone))
        for arrow in arrows:
            source, requirement = arrow.split(" -> ")
            name = requirement.rstrip("0123456789.<>=!~")
            names |= {source: None, name: None}
            edges.append(GraphEdge(source, name, requirement, None, None))
        nodes = tuple(GraphNode(name, "1.0") for name in sorted(names))
        return DependencyGraph(nodes, tuple(edges), roots, (), ())

    return build
