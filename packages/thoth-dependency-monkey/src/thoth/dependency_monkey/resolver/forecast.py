"""What a search will probably ask for: the newest candidates, breadth first, without backtracking.

A forecast runs ahead of the search, so that what takes long to fetch is fetched in parallel. It
decides nothing: a wrong forecast costs a request that was not needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thoth.dependency_monkey.resolver.universe import ABSENT, Missing, Opaque

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thoth.dependency_monkey.resolver.universe import Need, Universe


class Forecast:
    """The forecast for the requirements `roots` in a universe."""

    def __init__(self, universe: Universe, roots: Iterable[tuple[int, Need]]) -> None:
        self._universe = universe
        self._wanted: dict[int, int] = {}
        self._ready: list[int] = []
        self._seen: set[tuple[int, int]] = set()
        self._waiting: dict[int | tuple[int, int], list[int]] = {}
        for _, need in roots:
            self._want(need)

    def advance(self, arrived: Iterable[int | tuple[int, int]] = ()) -> Missing:
        """Follow what is known now; return what is missing and was not returned before.

        `arrived` are pages (base packages) and metadata ((base package, bit index)) that became
        known since the last call.
        """
        for item in arrived:
            self._ready += self._waiting.pop(item, ())
        pages: list[int] = []
        metadata: list[tuple[int, int]] = []
        while self._ready:
            package = self._ready.pop()
            facts = self._universe.packages[package]
            domain = facts.allowed & self._wanted[package] & self._wanted.get(facts.base, -1)
            if not domain & ~ABSENT:
                continue
            index = self._universe.choose(package, domain)
            if (package, index) in self._seen:
                continue
            needs = self._universe.load_needs(package, index)
            if isinstance(needs, Missing):
                for page in needs.pages:
                    if page not in self._waiting:
                        pages.append(page)
                    self._waiting.setdefault(page, []).append(package)
                for release in needs.metadata:
                    if release not in self._waiting:
                        metadata.append(release)
                    self._waiting.setdefault(release, []).append(package)
                continue
            self._seen.add((package, index))
            if isinstance(needs, Opaque):
                self._wanted[package] &= ~(1 << index)
                self._ready.append(package)
                continue
            for need in needs:
                self._want(need)
        return Missing(tuple(pages), tuple(metadata))

    def _want(self, need: Need) -> None:
        before = self._wanted.get(need.package, -1)
        self._wanted[need.package] = before & need.versions
        self._ready.append(need.package)
