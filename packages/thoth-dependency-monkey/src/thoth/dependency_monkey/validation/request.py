"""What a validation is asked: a stack, its targets, a policy, constraints, limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from thoth.dependency_monkey.ecosystems.pypi.policy import Policy
from thoth.dependency_monkey.validation.limits import Limits

if TYPE_CHECKING:
    from thoth.dependency_monkey.ecosystems.pypi.specification import (
        Requirement,
        StackSpecification,
    )
    from thoth.dependency_monkey.ecosystems.pypi.target import Target


@dataclass(frozen=True, slots=True)
class ValidationRequest:
    """One question. `targets` has at least one target, each once."""

    stack: StackSpecification
    targets: tuple[Target, ...]
    policy: Policy = field(default_factory=Policy)
    constraints: tuple[Requirement, ...] = ()
    limits: Limits = field(default_factory=Limits)
