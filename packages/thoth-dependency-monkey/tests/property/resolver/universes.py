"""Small universes for the resolver's tests, and the slow, obvious way to solve them."""

from __future__ import annotations

from typing import TypeAlias

from hypothesis import strategies as st

from thoth.dependency_monkey.resolver.universe import Missing, Need, Opaque, Universe

# (needed package, its extra or "", versions accepted)
Requirement: TypeAlias = tuple[str, str, frozenset[int]]
# version -> {"": needs, "x": needs of the extra x} or None where the metadata is opaque
Releases: TypeAlias = dict[int, dict[str, list[Requirement]] | None]
Table: TypeAlias = dict[str, Releases]


def bits(versions: frozenset[int] | set[int]) -> int:
    return sum(1 << version for version in versions)


class TableUniverse(Universe):
    """A universe over a table; version `v` (counting from 1, without gaps) is bit `v`.

    With `step_by_step` nothing is known before it was asked for once.
    """

    def __init__(self, table: Table, *, step_by_step: bool = False) -> None:
        super().__init__()
        self.table = table
        self.step_by_step = step_by_step
        self.told: set[tuple[int, int]] = set()
        self.missing_count = 0

    def load_page(self, number: int) -> bool:
        package = self.packages[number]
        if package.versions is None:
            releases = self.table.get(package.name, {})
            existing = bits(set(releases))
            self.settle(
                number,
                [str(version) for version in sorted(releases)],
                allowed=existing,
                preferred=existing,
                exclusions=(),
            )
        return True

    def load_needs(self, number: int, index: int) -> tuple[Need, ...] | Opaque | Missing:
        package = self.packages[number]
        if self.step_by_step and (package.base, index) not in self.told:
            self.told.add((package.base, index))
            self.missing_count += 1
            return Missing(metadata=((package.base, index),))
        release = self.table[package.name][index]
        if release is None:
            return Opaque("no static metadata", needs_build=True)
        return tuple(
            need
            for requirement in release.get(package.extra, [])
            for need in self.needs(requirement)
        )

    def needs(self, requirement: Requirement) -> list[Need]:
        name, extra, accepted = requirement
        base = self.number(name)
        self.load_page(base)
        versions = bits(accepted) & self.packages[base].existing
        text = f"{name}[{extra}] in {sorted(accepted)}"
        needs = [Need(base, versions, text)]
        if extra:
            needs.append(Need(self.number(name, extra), versions, text))
        return needs

    def roots(self, requirements: list[Requirement]) -> list[tuple[int, Need]]:
        return [
            (position, need)
            for position, requirement in enumerate(requirements)
            for need in self.needs(requirement)
        ]


def needs_of(table: Table, name: str, extra: str, version: int) -> list[Requirement] | None:
    release = table[name][version]
    return None if release is None else release.get(extra, [])


def brute_force(table: Table, requirements: list[Requirement], *, trust: bool) -> bool:
    """Say whether any choice of versions satisfies the requirements, trying every one.

    Releases with opaque metadata are never chosen, or with `trust` taken as needing nothing.
    """

    def search(
        chosen: dict[str, int], open_: list[Requirement], done: set[tuple[str, str]]
    ) -> bool:
        while open_:
            name, extra, accepted = open_[0]
            version = chosen.get(name)
            if version is not None:
                if version not in accepted:
                    return False
                open_ = open_[1:]
                for part in ("", extra):
                    if (name, part) not in done:
                        done = done | {(name, part)}
                        open_ = open_ + (needs_of(table, name, part, version) or [])
                continue
            for candidate in table.get(name, {}):
                if candidate not in accepted:
                    continue
                if table[name][candidate] is None and not trust:
                    continue
                if search({**chosen, name: candidate}, open_, done):
                    return True
            return False
        return True

    return search({}, list(requirements), set())


@st.composite
def tables(draw: st.DrawFn, *, opaque: bool = False) -> tuple[Table, list[Requirement]]:
    """Draw a universe of a few packages and what is asked of it."""
    names = [f"p{i}" for i in range(draw(st.integers(2, 6)))]
    most = draw(st.integers(1, 5))
    versions = st.frozensets(st.integers(1, most), max_size=most)
    requirement = st.tuples(
        st.sampled_from([*names, "absent"] if draw(st.booleans()) else names),
        st.sampled_from(["", "", "", "x", "y"]),
        versions,
    )
    some = st.lists(requirement, max_size=3)
    parts = st.fixed_dictionaries({"": some}, optional={"x": some, "y": some})
    release = st.one_of(parts, parts, parts, st.none()) if opaque else parts
    table: Table = {
        name: {version: draw(release) for version in range(1, draw(st.integers(1, most)) + 1)}
        for name in names
    }
    return table, draw(st.lists(requirement, min_size=1, max_size=3))
