"""The universe: packages and their releases as the search sees them, numbered and masked.

A package is a small int. Its releases, in ascending version order, are the bits 1, 2, 3, ... of an
int; bit 0 means "absent". A set of versions is therefore an int, and set algebra is `&`, `|`, `~`.
An extra of a package is a virtual package that shares the bits of its base. What a requirement, a
version or a file is stays with the ecosystem, which subclasses `Universe` and loads what is asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import insort
from dataclasses import dataclass, field
from typing import NamedTuple

ABSENT = 1


class Need(NamedTuple):
    """A release needs `package` at one of `versions` (never containing ABSENT); `text` says so.

    `marker` is the environment part of the requirement, or None.
    """

    package: int
    versions: int
    text: str
    marker: str | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Releases ruled out by target or policy. `kind` is a code, `text` a part of a sentence."""

    kind: str
    versions: int
    text: str


@dataclass(frozen=True, slots=True)
class Opaque:
    """The needs of a release cannot be known; `reason` says why, `needs_build` what would help."""

    reason: str
    needs_build: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """What the search must be told before it can go on.

    `pages` are base packages whose releases are not known, `metadata` are (base package, bit
    index) pairs whose needs are not known. `hints` are pairs that it will probably ask for next:
    loading them early changes no answer.
    """

    pages: tuple[int, ...] = ()
    metadata: tuple[tuple[int, int], ...] = ()
    hints: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class Package:
    """What the search knows of a package.

    `versions[i]` is the text of bit `i + 1`; None while the page is not known. `allowed` holds
    ABSENT and every release that may be chosen; `preferred` are those of `allowed` to try first.
    `lowest` says that the search begins with the oldest. `constraints` are (position, accepted
    versions) of the constraints on a base package. `note` is a sentence part that a proof tells
    instead of "no such release exists". `family` are the extras, by name.
    """

    name: str
    base: int
    extra: str = ""
    versions: list[str] | None = None
    allowed: int = ABSENT
    preferred: int = 0
    lowest: bool = False
    exclusions: tuple[Exclusion, ...] = ()
    constraints: tuple[tuple[int, int], ...] = ()
    note: str = ""
    family: list[int] = field(default_factory=list)

    @property
    def existing(self) -> int:
        """Every release that the package has, as a mask without ABSENT."""
        return (2 << len(self.versions or ())) - 2

    @property
    def label(self) -> str:
        """The name as a user writes it, with the extra."""
        return f"{self.name}[{self.extra}]" if self.extra else self.name


class Universe(ABC):
    """Packages by number, and the two questions that the search asks.

    Not thread-safe: one search works on a universe at a time. Answers never change once given.
    """

    def __init__(self) -> None:
        self.packages: list[Package] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def number(self, name: str, extra: str = "") -> int:
        """Return the number of a package, or of an extra of it, giving it one where it has none."""
        key = (name, extra)
        number = self._numbers.get(key)
        if number is not None:
            return number
        if not extra:
            number = self._numbers[key] = len(self.packages)
            self.packages.append(Package(name, number))
            return number
        base = self.number(name)
        number = self._numbers[key] = len(self.packages)
        virtual = Package(name, base, extra)
        self.packages.append(virtual)
        owner = self.packages[base]
        # By name: numbers depend on what was asked first, and an answer must not.
        insort(owner.family, number, key=lambda member: self.packages[member].extra)
        if owner.versions is not None:
            self._share(owner, virtual)
        return number

    def settle(
        self,
        number: int,
        versions: list[str],
        *,
        allowed: int,
        preferred: int,
        exclusions: tuple[Exclusion, ...],
        lowest: bool = False,
        constraints: tuple[tuple[int, int], ...] = (),
    ) -> None:
        """Say what is known of a base package; its extras share it."""
        package = self.packages[number]
        package.versions = versions
        package.allowed = allowed | ABSENT
        package.preferred = preferred
        package.exclusions = exclusions
        package.lowest = lowest
        package.constraints = constraints
        for member in package.family:
            self._share(package, self.packages[member])

    def choose(self, number: int, domain: int) -> int:
        """Return the bit index to try first within a domain that holds a release.

        Preferred releases come first; of those the newest, or the oldest where the package says so.
        """
        package = self.packages[number]
        candidates = domain & package.preferred or domain & ~ABSENT
        if package.lowest:
            return (candidates & -candidates).bit_length() - 1
        return candidates.bit_length() - 1

    @abstractmethod
    def load_page(self, number: int) -> bool:
        """Settle the base package if its page is known; return whether it is."""

    @abstractmethod
    def load_needs(self, number: int, index: int) -> tuple[Need, ...] | Opaque | Missing:
        """Return what release `index` (a bit index) of a package, perhaps an extra, needs.

        The needs of an extra are those that the extra adds; that it needs its base at the very
        same release is the search's own knowledge. The answer must not change once it is not
        Missing, and every package that a need names must be settled.
        """

    @staticmethod
    def _share(owner: Package, virtual: Package) -> None:
        virtual.versions = owner.versions
        virtual.allowed = owner.allowed
        virtual.preferred = owner.preferred
        virtual.exclusions = owner.exclusions
        virtual.lowest = owner.lowest
