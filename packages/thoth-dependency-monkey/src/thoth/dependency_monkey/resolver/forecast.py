"""What a search will probably ask for: the newest candidates, breadth first, without backtracking.

A forecast runs ahead of the search, so that what takes long to fetch is fetched in parallel. It
decides nothing: a wrong forecast costs a request that was not needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from thoth.dependency_monkey.resolver.universe import ABSENT, Missing, Opaque

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thoth.dependency_monkey.resolver.universe import Need, Universe

Item: TypeAlias = int | tuple[int, int]
"""A page, by base package, or metadata, by base package and bit index."""


class Forecast:
    """The forecast for the requirements `roots` in a universe."""

    def __init__(self, universe: Universe, roots: Iterable[tuple[int, Need]]) -> None:
        self._universe = universe
        self._wanted: dict[int, int] = {}
        self._ready: dict[int, None] = {}
        self._followed: set[tuple[int, int]] = set()
        self._returned: set[Item] = set()
        self._waiting: dict[Item, set[int]] = {}
        self._lacking: dict[int, set[Item]] = {}
        for _, need in roots:
            self._want(need)

    def advance(self, arrived: Iterable[Item] = ()) -> Missing:
        """Follow what is known now; return what is missing and was not returned before.

        `arrived` are pages (base packages) and metadata ((base package, bit index)) that became
        known since the last call.
        """
        for item in arrived:
            for package in self._waiting.pop(item, ()):
                lacking = self._lacking[package]
                lacking.discard(item)
                if not lacking:
                    self._ready[package] = None
        pages: list[int] = []
        metadata: list[tuple[int, int]] = []
        while self._ready:
            package, _ = self._ready.popitem()
            missing = self._follow(package)
            if missing is None:
                continue
            self._lacking[package] = {*missing.pages, *missing.metadata}
            for item in self._lacking[package]:
                self._waiting.setdefault(item, set()).add(package)
            pages += [page for page in missing.pages if page not in self._returned]
            metadata += [entry for entry in missing.metadata if entry not in self._returned]
            self._returned |= self._lacking[package]
        return Missing(tuple(pages), tuple(metadata))

    def _follow(self, package: int) -> Missing | None:
        """Take the needs of the newest candidate of a package into account, if they are known."""
        facts = self._universe.packages[package]
        domain = facts.allowed & self._wanted[package] & self._wanted.get(facts.base, -1)
        if not domain & ~ABSENT:
            return None
        index = self._universe.choose(package, domain)
        if (package, index) in self._followed:
            return None
        needs = self._universe.load_needs(package, index)
        if isinstance(needs, Missing):
            return needs
        self._followed.add((package, index))
        if isinstance(needs, Opaque):
            self._wanted[package] &= ~(1 << index)
            self._ready[package] = None
            return None
        for need in needs:
            self._want(need)
        return None

    def _want(self, need: Need) -> None:
        before = self._wanted.get(need.package)
        after = need.versions if before is None else before & need.versions
        if after != before:
            self._wanted[need.package] = after
            self._ready[need.package] = None
