"""Clauses: what cannot all be true at once, and why.

A term is a pair (package, mask) and reads "the package is at a version of the mask" (ABSENT
included). A clause is a tuple of terms that cannot all hold; PubGrub calls it an incompatibility.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from thoth.dependency_monkey.resolver.universe import Opaque

Term: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Root:
    """The requirement at position `index` of what was asked."""

    index: int


@dataclass(frozen=True, slots=True)
class Constraint:
    """The constraint at position `index`: binds a package that somebody else asks for."""

    index: int


@dataclass(frozen=True, slots=True)
class Needs:
    """The releases `versions` of `package` need `needed`; the texts are those of their needs."""

    package: int
    versions: int
    needed: int
    needed_versions: int
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """An extra is taken at the very release of its base."""

    base: int
    extra: int


@dataclass(frozen=True, slots=True)
class SelfExclusion:
    """The release `version` (a mask) of `package` needs another release of itself."""

    package: int
    version: int
    text: str


@dataclass(frozen=True, slots=True)
class Unknowable:
    """The needs of the release `version` (a mask) of `package` cannot be known."""

    package: int
    version: int
    opaque: Opaque


@dataclass(frozen=True, slots=True)
class Derived:
    """Follows from two clauses by resolution on the package `pivot`."""

    first: Clause
    second: Clause
    pivot: int


Cause: TypeAlias = Root | Constraint | Needs | Family | SelfExclusion | Unknowable | Derived


class Clause:
    """Terms that cannot all hold, and the reason. Compared by identity."""

    __slots__ = ("cause", "terms")

    def __init__(self, terms: tuple[Term, ...], cause: Cause) -> None:
        self.terms = terms
        self.cause = cause
