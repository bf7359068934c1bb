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
        # A node is a package, to be followed at its newest candidate, or one release of it.
        self._ready: dict[Item, None] = {}
        self._followed: set[tuple[int, int]] = set()
        self._returned: set[Item] = set()
        self._waiting: dict[Item, set[Item]] = {}
        self._lacking: dict[Item, set[Item]] = {}
        for _, need in roots:
            self._want(need)

    def follow(self, hints: Iterable[tuple[int, int]]) -> None:
        """Look, with the next advance, at releases that the search will probably try.

        Of what they need, only what they pin is followed: the search may well not get that far.
        """
        for hint in hints:
            if hint not in self._followed:
                self._ready[hint] = None

    def advance(self, arrived: Iterable[Item] = ()) -> Missing:
        """Follow what is known now; return what is missing and was not returned before.

        `arrived` are pages (base packages) and metadata ((base package, bit index)) that became
        known since the last call.
        """
        for item in arrived:
            for node in self._waiting.pop(item, ()):
                lacking = self._lacking[node]
                lacking.discard(item)
                if not lacking:
                    self._ready[node] = None
        pages: list[int] = []
        metadata: list[tuple[int, int]] = []
        while self._ready:
            node, _ = self._ready.popitem()
            missing = (
                self._follow_newest(node) if isinstance(node, int) else self._follow_release(node)
            )
            if missing is None:
                continue
            self._lacking[node] = {*missing.pages, *missing.metadata}
            for item in self._lacking[node]:
                self._waiting.setdefault(item, set()).add(node)
            pages += [page for page in missing.pages if page not in self._returned]
            metadata += [entry for entry in missing.metadata if entry not in self._returned]
            self._returned |= self._lacking[node]
        return Missing(tuple(pages), tuple(metadata))

    def _follow_release(self, release: tuple[int, int]) -> Missing | None:
        """Follow what one release pins, if its needs are known."""
        needs = self._universe.load_needs(*release)
        if isinstance(needs, Missing):
            return needs
        self._followed.add(release)
        if not isinstance(needs, Opaque):
            for need in needs:
                allowed = need.versions & self._universe.packages[need.package].allowed
                if allowed and not allowed & (allowed - 1):
                    self.follow([(need.package, allowed.bit_length() - 1)])
        return None

    def _follow_newest(self, package: int) -> Missing | None:
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
