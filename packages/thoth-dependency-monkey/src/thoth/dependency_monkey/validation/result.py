"""The answer to a validation: the v1 resource and its parts, as values ready for JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class LockedArtifact(msgspec.Struct, frozen=True):
    """A file of a locked release that the target can use. `size` in bytes."""

    filename: str
    url: str
    sha256: str | None
    size: int | None
    kind: str


class LockedRelease(msgspec.Struct, frozen=True):
    """A release of the lock.

    `requested_by` says who asked for it: names of packages in the lock, and "line N" for a line
    of the stack specification. `extras` are the optional features that somebody asked for.
    """

    name: str
    version: str
    index: str
    requires_python: str | None
    artifacts: tuple[LockedArtifact, ...]
    requested_by: tuple[str, ...]
    extras: tuple[str, ...] = ()


class GraphNode(msgspec.Struct, frozen=True):
    """A release of the lock as a node of the dependency graph."""

    name: str
    version: str


class GraphEdge(msgspec.Struct, frozen=True, rename={"source": "from", "target": "to"}):
    """A requirement between two releases of the lock.

    `requirement` is the PEP 508 text without its marker; `extra` is the extra of `source` under
    which it applies, or None.
    """

    source: str
    target: str
    requirement: str
    marker: str | None
    extra: str | None


class DependencyGraph(msgspec.Struct, frozen=True):
    """The dependency graph of a lock, by package name.

    `roots` are what the stack names; `cycles` the strongly connected components of more than one
    node; `components` the weakly connected components of the graph once cycles are condensed.
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    roots: tuple[str, ...]
    cycles: tuple[tuple[str, ...], ...]
    components: tuple[tuple[str, ...], ...]


class RequestLine(msgspec.Struct, frozen=True):
    """A line of the user's that takes part in a conflict.

    `line` counts from 1 within `source`: a file's name, or None for the specification itself.
    """

    line: int
    text: str
    source: str | None = None


class ProofStep(msgspec.Struct, frozen=True):
    """A conclusion and the facts or earlier conclusions that it follows from."""

    conclusion: str
    because: tuple[str, ...]


class Remedy(msgspec.Struct, frozen=True):
    """A change to the request, and what the stack resolves to then (checked by resolving it)."""

    change: str
    then: str


class Explanation(msgspec.Struct, frozen=True):
    """Why a stack has no solution."""

    text: str
    requirements: tuple[RequestLine, ...]
    steps: tuple[ProofStep, ...]
    remedies: tuple[Remedy, ...] = ()


class ResultWarning(msgspec.Struct, frozen=True):
    """Something that the user should know about a result, valid or not."""

    code: str
    package: str | None
    version: str | None
    message: str


class ResultTarget(msgspec.Struct, frozen=True):
    """The target of a result, with every PEP 508 marker value."""

    id: str
    markers: dict[str, str]


class TargetResult(msgspec.Struct, frozen=True):
    """The answer for one target. `valid` is None where it could not be told."""

    target: ResultTarget
    valid: bool | None
    reason: str
    detail: str
    lock: tuple[LockedRelease, ...] | None
    graph: DependencyGraph | None
    explanation: Explanation | None
    warnings: tuple[ResultWarning, ...]


class IndexState(msgspec.Struct, frozen=True):
    """What was known of an index: over the pages that the validation touched."""

    name: str
    url: str
    oldest_checked_at: datetime
    digest: str


class Validation(msgspec.Struct, frozen=True):
    """One validation and its answer: the v1 resource."""

    id: str
    document_id: str | None
    ecosystem: str
    stack_specification: str
    constraints: str | None
    policy: dict[str, Any]
    phase: str
    valid: bool | None
    reason: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    reused: bool
    attempt: int
    index_state: tuple[IndexState, ...]
    results: tuple[TargetResult, ...]
    lock: tuple[LockedRelease, ...] | None
    graph: DependencyGraph | None
    explanation: Explanation | None
    warnings: tuple[ResultWarning, ...]
    limits: dict[str, float]
    timings: dict[str, float]
    raw_log: str | None
    links: dict[str, str]
