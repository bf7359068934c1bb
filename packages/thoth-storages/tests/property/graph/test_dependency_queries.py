"""On any graph, the queries on dependencies answer as a naive reading of the PEPs does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from thoth.storages.graph.release_records import ReleaseRecord
from thoth.storages.graph.requirements import marker_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from thoth.storages import GraphDatabase

Key = tuple[str, str, str | None]
NAMES = ["a", "b", "c", "d"]
VERSIONS = ["1.0", "1.5rc1", "2.0", "2.0.post1", "3.0"]
URLS = ["https://one.example/simple/", "https://two.example/simple/", None]
SPECIFIERS = ["", ">=2", "<2", "==1.0", "!=2.0", "~=1.0", ">2.0,<4", "<1", "==1.*"]
# A marker, and the extras that it names.
MARKERS: list[tuple[str | None, tuple[str, ...]]] = [
    (None, ()),
    ('python_version < "3.9"', ()),
    ('sys_platform == "linux"', ()),
    ('extra == "x"', ("x",)),
    ('extra == "y" and python_version >= "3.9"', ("y",)),
    ('python_version >= "3.9" or extra == "x"', ("x",)),
    ('extra == "x" or extra == "y"', ("x", "y")),
]
ENVIRONMENTS = [("rhel", "9", "3.11"), ("fedora", "40", "3.8"), ("windows", "11", "3.11")]


@dataclass(frozen=True, slots=True)
class Need:
    name: str
    extras: tuple[str, ...]
    specifier: str
    marker: str | None
    marker_extras: tuple[str, ...]

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        marker = f" ; {self.marker}" if self.marker else ""
        return f"{self.name}{extras}{self.specifier}{marker}"

    def admits(self, key: Key) -> bool:
        return self.name == key[0] and SpecifierSet(self.specifier).contains(
            key[1], prereleases=True
        )

    def holds(self, environment: dict[str, str], extra: str) -> bool:
        if self.marker is None:
            return True
        marker = Marker(self.marker)
        return any(marker.evaluate({**environment, "extra": one}) for one in ("", extra))

    def counts(self, extra: str, environment: dict[str, str], result: bool | None) -> bool:
        own = extra in self.marker_extras if extra else not self.marker_extras
        if result is None:
            return own
        holds = self.holds(environment, extra)
        return (own and holds is result) or (result and not extra and holds)


Graph = dict[Key, tuple[Need, ...]]
needs = st.builds(
    lambda name, extras, specifier, marker: Need(name, extras, specifier, *marker),
    st.sampled_from(NAMES),
    st.sampled_from([(), (), ("x",), ("x", "y")]),
    st.sampled_from(SPECIFIERS),
    st.sampled_from(MARKERS),
)
graphs = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(VERSIONS), st.sampled_from(URLS)),
    st.lists(needs, max_size=3, unique=True).map(tuple),
    min_size=1,
    max_size=10,
)
extras_asked = st.sampled_from(
    [None, frozenset({None}), frozenset({None, "x"}), frozenset({"X", "y"}), frozenset()]
)
results = st.sampled_from([None, True, False])
environments = st.sampled_from(ENVIRONMENTS)
in_one_database = settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def fill(graph: GraphDatabase, empty_tables: Callable[[], None], facts: Graph) -> None:
    empty_tables()
    graph.releases.record(
        [
            ReleaseRecord(name, version, url, dependencies=tuple(map(str, required)))
            for (name, version, url), required in facts.items()
        ]
    )


def order(key: Key) -> tuple[str, Version, str, str]:
    return key[0], Version(key[1]), key[1], key[2] or ""


def groups(asked: frozenset[str | None] | None, required: Iterable[Need]) -> set[str]:
    if asked is not None:
        return {(extra or "").lower() for extra in asked}
    return {"", *(extra for need in required for extra in need.marker_extras)}


def by_name(environment: tuple[str, str, str]) -> dict[str, str]:
    return dict(zip(("os_name", "os_version", "python_version"), environment, strict=True))


def releases_of(facts: Graph, name: str, version: str | None, url: str | None) -> list[Key]:
    return [
        key
        for key in facts
        if key[0] == name and version in (None, key[1]) and url in (None, key[2])
    ]


@in_one_database
@given(graphs, st.data(), extras_asked, results, environments)
def test_a_release_depends_on_what_packaging_says_its_requirements_admit(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    facts: Graph,
    data: st.DataObject,
    extras: frozenset[str | None] | None,
    result: bool | None,
    environment: tuple[str, str, str],
) -> None:
    fill(graph, empty_tables, facts)
    name, version, url = data.draw(st.sampled_from(list(facts)))
    asked_version, asked_url = data.draw(
        st.sampled_from([(version, url), (version, None), (None, None)])
    )
    variables = marker_environment(*environment)
    expected: dict[str, set[tuple[str, str]]] = {}
    required = [
        need for key in releases_of(facts, name, asked_version, asked_url) for need in facts[key]
    ]
    for need in required:
        for extra in groups(extras, required):
            if need.counts(extra, variables, result):
                expected.setdefault(extra, set()).update(
                    key[:2] for key in facts if need.admits(key)
                )
    found = graph.get_depends_on(
        name,
        asked_version,
        asked_url,
        extras=extras,
        marker_evaluation_result=result,
        **by_name(environment),
    )
    assert found == {
        extra: sorted(pairs, key=lambda pair: (pair[0], Version(pair[1])))
        for extra, pairs in expected.items()
        if pairs
    }


def closure(
    facts: Graph, roots: list[Key], extras: Iterable[str], counts: Callable[[Need, str], bool]
) -> set[tuple[Key, Key]]:
    edges = set()
    waiting = [(root, extra) for root in roots for extra in extras]
    seen = set(waiting)
    while waiting:
        key, extra = waiting.pop()
        for need in facts[key]:
            if not counts(need, extra):
                continue
            for dependency in filter(need.admits, facts):
                edges.add((key, dependency))
                for wanted in ("", *need.extras):
                    if (dependency, wanted) not in seen:
                        seen.add((dependency, wanted))
                        waiting.append((dependency, wanted))
    return edges


@in_one_database
@given(graphs, st.data(), extras_asked, results, environments)
def test_the_closure_is_that_of_following_every_admitted_release(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    facts: Graph,
    data: st.DataObject,
    extras: frozenset[str | None] | None,
    result: bool | None,
    environment: tuple[str, str, str],
) -> None:
    fill(graph, empty_tables, facts)
    root = data.draw(st.sampled_from(list(facts)))
    variables = marker_environment(*environment)
    roots = releases_of(facts, *root)
    required = [need for key in roots for need in facts[key]]
    edges = closure(
        facts,
        roots,
        groups(extras, required),
        lambda need, extra: need.counts(extra, variables, result),
    )
    found = graph.retrieve_transitive_dependencies_python(
        *root, extras=extras, marker_evaluation_result=result, **by_name(environment)
    )
    assert found == sorted(edges, key=lambda edge: (order(edge[0]), order(edge[1])))


@in_one_database
@given(graphs, st.data(), st.none() | environments)
def test_the_closures_of_several_releases_are_theirs_without_extras(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    facts: Graph,
    data: st.DataObject,
    environment: tuple[str, str, str] | None,
) -> None:
    fill(graph, empty_tables, facts)
    roots = data.draw(st.lists(st.sampled_from(list(facts)), max_size=3))
    context = {} if environment is None else by_name(environment)
    found = graph.retrieve_transitive_dependencies_python_multi(*roots, **context)
    assert found == {
        root: set(
            graph.retrieve_transitive_dependencies_python(
                *root,
                extras=frozenset({None}),
                marker_evaluation_result=None if environment is None else True,
                **context,
            )
        )
        for root in roots
    }


@in_one_database
@given(graphs, st.sampled_from(NAMES), st.none() | st.sampled_from(VERSIONS))
def test_dependents_are_all_whose_closure_holds_the_package(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    facts: Graph,
    name: str,
    version: str | None,
) -> None:
    fill(graph, empty_tables, facts)
    if not graph.python_package_exists(name):
        return

    def binds(need: Need) -> bool:
        return need.name == name and (
            version is None or SpecifierSet(need.specifier).contains(version, prereleases=True)
        )

    def is_direct(record: dict[str, Any]) -> bool:
        specifier = SpecifierSet(record["specifier"])
        return record["dependency_name"] == name and (
            version is None or specifier.contains(version, prereleases=True)
        )

    # (release, extra) nodes that need the package: found by going round until nothing is new.
    reached: set[tuple[Key, str]] = set()
    rows: set[tuple[Key, Need]] = set()
    while True:
        new = {
            (key, need)
            for key, required in facts.items()
            for need in required
            if binds(need)
            or any(
                need.admits(other) and (not extra or extra in need.extras)
                for other, extra in reached
            )
        }
        if new == rows:
            break
        rows = new
        reached = {(key, extra) for key, need in rows for extra in need.marker_extras or ("",)}
    found = graph.get_python_package_version_dependents_transitive_all(name, version, count=None)
    keys = [
        (record["package_name"], record["package_version"], record["index_url"]) for record in found
    ]
    assert sorted(keys, key=order) == keys
    assert sorted(
        (*order(key), record["dependency_name"], record["marker"] or "", len(record["extras"]))
        for key, record in zip(keys, found, strict=True)
    ) == sorted((*order(key), need.name, need.marker or "", len(need.extras)) for key, need in rows)
    for direct in (True, False):
        assert graph.get_python_package_version_dependents_transitive_all(
            name, version, direct=direct, count=None
        ) == [record for record in found if is_direct(record) is direct]
    direct_versions: dict[str, set[str]] = {}
    for key, need in rows:
        if binds(need):
            direct_versions.setdefault(key[0], set()).add(key[1])
    assert graph.retrieve_dependent_packages(name, version) == {
        dependent: sorted(versions, key=Version) for dependent, versions in direct_versions.items()
    }


@in_one_database
@given(graphs, st.data(), st.sampled_from(NAMES), environments)
def test_releases_are_compatible_where_no_requirement_excludes_the_other(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    facts: Graph,
    data: st.DataObject,
    name: str,
    environment: tuple[str, str, str],
) -> None:
    fill(graph, empty_tables, facts)
    other = data.draw(st.sampled_from(list(facts)))
    variables = marker_environment(*environment)

    def excludes(key: Key, dependency: Key) -> bool:
        return any(
            need.name == dependency[0] and not need.admits(dependency) and need.holds(variables, "")
            for declaring in releases_of(facts, *key)
            for need in facts[declaring]
        )

    expected = [
        key
        for key in sorted(facts, key=order)
        if key[0] == name
        and (name != other[0] or key[1] == other[1])
        and not excludes(other, key)
        and not any(
            need.name == other[0] and not need.admits(other) and need.holds(variables, "")
            for need in facts[key]
        )
    ]
    found = graph.get_compatible_python_package_versions_all(
        name, *other, count=None, **by_name(environment)
    )
    assert found == expected


@in_one_database
@given(graphs, st.integers(1, 4))
def test_pages_put_together_are_the_whole(
    graph: GraphDatabase, empty_tables: Callable[[], None], facts: Graph, count: int
) -> None:
    fill(graph, empty_tables, facts)
    for name in {key[0] for key in facts}:
        for ask in (
            graph.get_python_package_version_dependents_all,
            graph.get_python_package_version_dependents_transitive_all,
            graph.get_python_package_changes_all,
        ):
            whole = ask(name, count=None)
            pages = [
                ask(name, start_offset=offset, count=count)
                for offset in range(0, len(whole) + 1, count)
            ]
            assert [record for page in pages for record in page] == whole
