"""The tables of the knowledge graph, typed; a module per concern.

The models are the truth that `alembic revision --autogenerate` compares a database with. Rows
never leave this distribution: the query families give out records.
"""

from __future__ import annotations

from thoth.storages.graph.models.adviser import AdviserProduct, AdviserRun, AdviserUnresolved
from thoth.storages.graph.models.artifact_metadata import ArtifactMetadata
from thoth.storages.graph.models.base import Base, BaseExtension
from thoth.storages.graph.models.dependency import Dependency, Requirement
from thoth.storages.graph.models.environment import HardwareEnvironment, SoftwareEnvironment
from thoth.storages.graph.models.inspection import (
    DependencyMonkeyResponse,
    DependencyMonkeyRun,
    Inspection,
    InspectionResult,
)
from thoth.storages.graph.models.package import (
    Artifact,
    Package,
    Release,
    ReleaseChange,
    ReleaseMetadata,
)
from thoth.storages.graph.models.package_index import PackageIndex
from thoth.storages.graph.models.page import Page
from thoth.storages.graph.models.provenance import ProvenanceFinding, ProvenanceRun
from thoth.storages.graph.models.result import Result
from thoth.storages.graph.models.revsolver import RevSolverDependent, RevSolverRun
from thoth.storages.graph.models.solver import Solved, SolverResult, Unresolved
from thoth.storages.graph.models.stack import (
    SoftwareStack,
    StackLock,
    StackLockRelease,
    StackRequirements,
)
from thoth.storages.graph.models.validation import DocumentRemoval, Validation, ValidationJob
from thoth.storages.graph.models.vulnerability import (
    Milestone,
    Rule,
    Vulnerability,
    VulnerabilityRelease,
)
from thoth.storages.graph.models_performance import (
    PerformanceIndicator,
    PiConv1D,
    PiConv2D,
    PiMatmul,
    PiPyBench,
)

__all__ = [
    "AdviserProduct",
    "AdviserRun",
    "AdviserUnresolved",
    "Artifact",
    "ArtifactMetadata",
    "Base",
    "BaseExtension",
    "Dependency",
    "DependencyMonkeyResponse",
    "DependencyMonkeyRun",
    "DocumentRemoval",
    "HardwareEnvironment",
    "Inspection",
    "InspectionResult",
    "Milestone",
    "Package",
    "PackageIndex",
    "Page",
    "PerformanceIndicator",
    "PiConv1D",
    "PiConv2D",
    "PiMatmul",
    "PiPyBench",
    "ProvenanceFinding",
    "ProvenanceRun",
    "Release",
    "ReleaseChange",
    "ReleaseMetadata",
    "Requirement",
    "Result",
    "RevSolverDependent",
    "RevSolverRun",
    "Rule",
    "SoftwareEnvironment",
    "SoftwareStack",
    "Solved",
    "SolverResult",
    "StackLock",
    "StackLockRelease",
    "StackRequirements",
    "Unresolved",
    "Validation",
    "ValidationJob",
    "Vulnerability",
    "VulnerabilityRelease",
]
