"""From what the search found to the answer for one target: lock, graph, explanation, warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from thoth.dependency_monkey.ecosystems.pypi.compiled import NO_ARTIFACT, REQUIRES_PYTHON
from thoth.dependency_monkey.errors import Reason
from thoth.dependency_monkey.resolver.graph import (
    strongly_connected_components,
    weakly_connected_components,
)
from thoth.dependency_monkey.resolver.proof import proof_text
from thoth.dependency_monkey.validation.result import (
    DependencyGraph,
    Explanation,
    GraphEdge,
    GraphNode,
    LockedArtifact,
    LockedRelease,
    ProofStep,
    Remedy,
    RequestLine,
    ResultTarget,
    ResultWarning,
    TargetResult,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from thoth.dependency_monkey.ecosystems.pypi.candidates import PypiUniverse
    from thoth.dependency_monkey.ecosystems.pypi.specification import Requirement
    from thoth.dependency_monkey.ecosystems.pypi.target import Target
    from thoth.dependency_monkey.resolver.proof import Proof
    from thoth.dependency_monkey.resolver.search import Solution
    from thoth.dependency_monkey.validation.collector import FactSource

_LONGEST_REASON = 1_000
"""Characters of a yank's reason that a warning shows."""


def place(requirement: Requirement) -> str:
    """Say where a requirement stands, as a person would: "line 2", "line 2 of reqs.txt"."""
    where = f"line {requirement.line}"
    return where if requirement.source is None else f"{where} of {requirement.source}"


def result_target(target: Target) -> ResultTarget:
    """Return a target as results show it."""
    return ResultTarget(id=target.id, markers=dict(target.markers))


def undecided(
    target: Target, reason: Reason, detail: str, warnings: Iterable[ResultWarning] = ()
) -> TargetResult:
    """Return the answer "could not tell"."""
    return TargetResult(
        target=result_target(target),
        valid=None,
        reason=reason.value,
        detail=detail,
        lock=None,
        graph=None,
        explanation=None,
        warnings=tuple(warnings),
    )


def proved_impossible(
    target: Target,
    proof: Proof,
    requirements: Sequence[Requirement],
    constraints: Sequence[Requirement],
    remedies: Sequence[Remedy],
) -> TargetResult:
    """Return the answer "no", with its proof.

    `requirements` and `constraints` are those that the proof's positions refer to.
    """
    lines = [requirements[position] for position in proof.roots]
    if len(lines) == 1:
        head = f"{place(lines[0])} cannot be satisfied"
    else:
        head = f"these {len(lines)} lines cannot be satisfied together"
    binding = [f"{constraints[n]} ({place(constraints[n])})" for n in proof.constraints]
    if binding:
        plural = "s" if len(binding) > 1 else ""
        head += f" under the constraint{plural} {', '.join(binding)}"
    return TargetResult(
        target=result_target(target),
        valid=False,
        reason=_reason(proof).value,
        detail=head,
        lock=None,
        graph=None,
        explanation=Explanation(
            text=proof_text(proof),
            requirements=tuple(RequestLine(line.line, line.text, line.source) for line in lines),
            steps=tuple(ProofStep(step.conclusion, step.because) for step in proof.steps),
            remedies=tuple(remedies),
        ),
        warnings=(),
    )


def _reason(proof: Proof) -> Reason:
    """Name the cause of a proof: that of a dead requirement where it is the whole story."""
    dead = [need for need in proof.dead if need.by_user] or list(proof.dead)
    alone = len(proof.roots) == 1 and not proof.constraints
    if not dead or not (alone or any(need.by_user for need in dead)):
        return Reason.CONFLICT
    reasons = set()
    for need in dead:
        kinds = {exclusion.kind for exclusion in need.exclusions}
        if need.package == "Python" or kinds == {REQUIRES_PYTHON}:
            reasons.add(Reason.PYTHON_MISMATCH)
        elif not need.exists:
            reasons.add(Reason.PACKAGE_NOT_FOUND)
        elif not need.matching:
            reasons.add(Reason.VERSION_NOT_FOUND)
        elif NO_ARTIFACT in kinds:
            reasons.add(Reason.NO_COMPATIBLE_ARTIFACT)
        elif REQUIRES_PYTHON in kinds:
            reasons.add(Reason.PYTHON_MISMATCH)
        else:
            reasons.add(Reason.VERSION_NOT_FOUND)
    return reasons.pop() if len(reasons) == 1 else Reason.CONFLICT


class LockBuilder:
    """Turns a solution into the lock, the graph and the warnings of a target."""

    def __init__(
        self, universe: PypiUniverse, solution: Solution, facts: FactSource, target: Target
    ) -> None:
        self._universe = universe
        self._packages = universe.packages
        self._solution = solution
        self._facts = facts
        self._target = target
        self._bases = sorted(
            (
                number
                for number in solution.pins
                if self._packages[number].base == number and not self._packages[number].note
            ),
            key=lambda number: self._packages[number].name,
        )

    def result(self) -> TargetResult:
        """Return the answer "yes"."""
        graph = self._graph()
        requested: dict[str, list[str]] = {}
        for requirement in self._universe.requirements:
            requested.setdefault(requirement.name, []).append(place(requirement))
        for edge in graph.edges:
            asking = requested.setdefault(edge.target, [])
            if edge.source not in asking:
                asking.append(edge.source)
        lock = tuple(self._locked(number, requested) for number in self._bases)
        return TargetResult(
            target=result_target(self._target),
            valid=True,
            reason=Reason.RESOLVED.value,
            detail=f"{len(lock)} packages",
            lock=lock,
            graph=graph,
            explanation=None,
            warnings=tuple(self._warnings()),
        )

    def _version(self, number: int, index: int | None = None) -> str:
        versions = self._packages[number].versions or []
        return versions[(self._solution.pins[number] if index is None else index) - 1]

    def _locked(self, number: int, requested: dict[str, list[str]]) -> LockedRelease:
        package = self._packages[number]
        index = self._solution.pins[number]
        positions = self._universe.usable_artifacts(number, index)
        artifacts = self._facts.artifacts(package.name, index - 1)
        page = self._facts.page(package.name)
        metadata = self._facts.metadata(package.name, index - 1, positions[0])
        facts = None if metadata is None else metadata.facts
        return LockedRelease(
            name=package.name,
            version=self._version(number),
            index="" if page is None else page.index_url,
            requires_python=artifacts[positions[0]].requires_python
            or (None if facts is None else facts.requires_python),
            artifacts=tuple(
                LockedArtifact(
                    artifacts[position].filename,
                    artifacts[position].url,
                    artifacts[position].sha256,
                    artifacts[position].size,
                    artifacts[position].kind,
                )
                for position in positions
            ),
            requested_by=tuple(requested.get(package.name, ())),
            extras=tuple(
                self._packages[member].extra
                for member in package.family
                if member in self._solution.pins
            ),
        )

    def _graph(self) -> DependencyGraph:
        edges: dict[GraphEdge, None] = {}
        for number, needs in sorted(
            self._solution.needs.items(), key=lambda item: self._packages[item[0]].label
        ):
            package = self._packages[number]
            for need in needs:
                needed = self._packages[need.package]
                if needed.extra or needed.note or needed.name == package.name:
                    continue
                edge = GraphEdge(
                    package.name, needed.name, need.text, need.marker, package.extra or None
                )
                edges[edge] = None
        names = [self._packages[number].name for number in self._bases]
        successors: dict[str, list[str]] = {name: [] for name in names}
        for edge in edges:
            successors[edge.source].append(edge.target)
        roots = dict.fromkeys(requirement.name for requirement in self._universe.requirements)
        cycles = [
            tuple(sorted(component))
            for component in strongly_connected_components(successors)
            if len(component) > 1
        ]
        return DependencyGraph(
            nodes=tuple(GraphNode(self._packages[n].name, self._version(n)) for n in self._bases),
            edges=tuple(edges),
            roots=tuple(roots),
            cycles=tuple(sorted(cycles)),
            components=tuple(
                tuple(sorted(component)) for component in weakly_connected_components(successors)
            ),
        )

    def _warnings(self) -> list[ResultWarning]:
        warnings = []
        if not self._universe.requirements:
            message = f"no requirement applies to {self._target.id}: there is nothing to lock"
            warnings.append(ResultWarning("no_requirement_applies", None, None, message))
        for number, index, opaque in self._solution.skipped:
            package = self._packages[number]
            if index < self._solution.pins[number] or package.extra:
                continue
            version = self._version(number, index)
            code = "newer_release_needs_build" if opaque.needs_build else "newer_release_opaque"
            message = (
                f"{package.name} {version} was passed over for {self._version(number)}: "
                f"{opaque.reason}"
            )
            warnings.append(ResultWarning(code, package.name, version, message))
        for number in self._bases:
            warnings += self._release_warnings(number)
        return warnings

    def _release_warnings(self, number: int) -> list[ResultWarning]:
        package = self._packages[number]
        index = self._solution.pins[number]
        version = self._version(number)
        best = self._universe.usable_artifacts(number, index)[0]
        metadata = self._facts.metadata(package.name, index - 1, best)
        artifacts = self._facts.artifacts(package.name, index - 1)
        found = []
        offered: set[str] = set()
        if metadata is not None and metadata.facts is not None:
            offered = {canonicalize_name(extra) for extra in metadata.facts.provides_extra}
        for member in package.family:
            extra = self._packages[member].extra
            if member in self._solution.pins and extra not in offered:
                message = f"{package.name} {version} has no extra {extra!r}"
                found.append(ResultWarning("extra_not_provided", package.name, version, message))
        if artifacts[best].yanked is not None:
            reason = (artifacts[best].yanked or "no reason given")[:_LONGEST_REASON]
            message = f"{package.name} {version} is yanked: {reason}"
            found.append(ResultWarning("yanked", package.name, version, message))
        return found
