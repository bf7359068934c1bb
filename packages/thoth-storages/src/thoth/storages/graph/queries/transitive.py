"""Questions on everything that a release may pull in.

The closure is over releases: every known release that a reached requirement admits is reached. One
recursive statement reads it in factored form, releases with their requirements and requirements
with the releases that they admit; extras and markers are then followed in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from thoth.storages.exceptions import AnswerTooLargeError, InvalidArgumentError
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.dependencies import unknown_release
from thoth.storages.graph.queries.family import ECOSYSTEM, Row
from thoth.storages.graph.queries.markers import MarkerFilter, MarkerQueries, asked_extras

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PackageTuple: TypeAlias = tuple[str, str, str | None]
"""A release as (name, version, index URL)."""
Edge: TypeAlias = tuple[PackageTuple, PackageTuple]
"""A release, and one that it may pull in."""

MAX_REACHED = 250_000
"""At most so many releases (once for each set of extras) and requirements may be reached."""
MAX_EDGES = 1_000_000
"""At most so many edges may be asked for at once."""

# Only a marker with `or` may hold without an extra that it names. What only a marker decides is
# followed.
_MAY_COUNT = """
    ({0}.extras IS NULL OR requirement.marker_extras && {0}.extras
     OR '' = ANY ({0}.extras)
        AND (requirement.marker_extras = '{{}}'
             OR (SELECT %(by_marker)s::boolean) AND position(' or ' IN requirement.marker) > 0))
"""
# A step leads from a release, with the extras asked for ("" for none; null for all), to its
# requirements, or from a requirement to the releases that it admits; UNION takes each of them once,
# however many ways lead there, so that what many releases require is read once. Parameters are
# subselects, so that a plan does not depend on them and is made once. OFFSET 0 makes the planner,
# which cannot know how few there are, look each row up by its key instead of reading tables.
_REACHED = f"""
    WITH RECURSIVE reached (release_id, extras, requirement_id) AS (
        SELECT release.id, (SELECT %(extras)s::text[]), NULL::integer
          FROM unnest((SELECT %(names)s::text[]), (SELECT %(versions)s::text[]),
                      (SELECT %(urls)s::text[])) AS root (name, version, url)
          CROSS JOIN LATERAL (
                SELECT id FROM package
                 WHERE ecosystem = '{ECOSYSTEM}' AND name = root.name OFFSET 0) AS package
          CROSS JOIN LATERAL (
                SELECT id, package_index_id FROM release
                 WHERE package_id = package.id AND version = root.version OFFSET 0) AS release
          LEFT JOIN package_index ON package_index.id = release.package_index_id
         WHERE root.url IS NULL OR package_index.url = root.url
        UNION
        SELECT step.*
          FROM reached
          CROSS JOIN LATERAL (
                SELECT NULL::integer, reached.extras, requirement_id
                  FROM dependency WHERE dependency.release_id = reached.release_id
                UNION ALL
                SELECT release.id, ARRAY[''] || requirement.extras, NULL
                  FROM requirement
                  JOIN release
                    ON release.package_id = requirement.package_id
                   AND release.version_key >= requirement.bounds[1]
                   AND width_bucket(release.version_key, requirement.bounds) %% 2 = 1
                 WHERE requirement.id = reached.requirement_id
                   AND {_MAY_COUNT.format("reached")})
               AS step (release_id, extras, requirement_id)),
    known AS MATERIALIZED (SELECT * FROM reached LIMIT (SELECT %(limit)s::bigint))
"""  # noqa: S608

# What was reached: a row with the number of steps, then releases with all their requirements, then
# requirements with the releases that they admit.
_CLOSURE = f"""{_REACHED}
    SELECT NULL::integer, NULL::text, NULL::bytea, NULL::text, NULL::text, NULL::integer[],
           NULL::text[], NULL::text[], count(*)
      FROM known
    UNION ALL
    SELECT release.id, package.name, release.version_key, release.version, package_index.url,
           ARRAY(SELECT requirement_id FROM dependency WHERE release_id = release.id),
           NULL, NULL, NULL
      FROM (SELECT DISTINCT release_id FROM known WHERE release_id IS NOT NULL) AS known
      CROSS JOIN LATERAL (SELECT * FROM release WHERE id = known.release_id OFFSET 0) AS release
      CROSS JOIN LATERAL (SELECT * FROM package WHERE id = release.package_id OFFSET 0) AS package
      LEFT JOIN package_index ON package_index.id = release.package_index_id
    UNION ALL
    SELECT requirement.id, requirement.marker, NULL, NULL, NULL,
           ARRAY(SELECT release.id
                   FROM release
                  WHERE release.package_id = requirement.package_id
                    AND release.version_key >= requirement.bounds[1]
                    AND width_bucket(release.version_key, requirement.bounds) %% 2 = 1),
           requirement.extras, requirement.marker_extras, NULL
      FROM (SELECT requirement_id, extras FROM known WHERE requirement_id IS NOT NULL) AS known
      CROSS JOIN LATERAL (SELECT * FROM requirement WHERE id = known.requirement_id OFFSET 0)
                 AS requirement
     WHERE {_MAY_COUNT.format("known")}
"""  # noqa: S608


class TransitiveQueries(MarkerQueries):
    """Queries on the dependencies of releases, and theirs."""

    def retrieve_transitive_dependencies_python(
        self,
        package_name: str,
        package_version: str,
        index_url: str | None,
        *,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        extras: frozenset[str | None] | None = None,
        marker_evaluation_result: bool | None = None,
    ) -> list[Edge]:
        """Return everything that a release may pull in, as edges (dependent, dependency).

        Both are (name, version, index URL). Every known release that a requirement admits is
        reached, pre-releases included, and so are its own dependencies: without extras but those
        that a requirement on it asks for. `extras` are those of the release asked about, and
        `marker_evaluation_result` chooses requirements, both as in `get_depends_on`. Each edge
        comes once; they are in the order of dependents, then of dependencies.

        Raises `NotFoundError` for an unknown release, `AnswerTooLargeError` beyond `MAX_REACHED`
        or `MAX_EDGES`, `InvalidArgumentError`.
        """
        root = _root((package_name, package_version, index_url))
        environment = arguments.environment(os_name, os_version, python_version)
        result = arguments.flag("marker_evaluation_result", marker_evaluation_result)
        asked = asked_extras(extras)
        closure = self._closure([root], asked, self._marker_filter(environment, result=result))
        return list(closure.edges(root, MAX_EDGES))

    def retrieve_transitive_dependencies_python_multi(
        self,
        *package_tuples: tuple[str, str, str | None],
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
    ) -> dict[tuple[str, str, str | None], set[Edge]]:
        """Return what each of some releases, given as (name, version, index URL), may pull in.

        The answer has them as they were given, each with the edges that
        `retrieve_transitive_dependencies_python` gives for it without extras; where an environment
        is given, by requirements whose markers hold there.

        Raises `NotFoundError` for an unknown release, `AnswerTooLargeError` beyond `MAX_REACHED`
        or `MAX_EDGES` in all, `InvalidArgumentError`.
        """
        roots = {package_tuple: _root(package_tuple) for package_tuple in package_tuples}
        environment = arguments.environment(os_name, os_version, python_version)
        result = None if set(environment.values()) == {None} else True
        markers = self._marker_filter(environment, result=result)
        if not roots:
            return {}
        closure = self._closure(list(roots.values()), frozenset({""}), markers)
        found: dict[tuple[str, str, str | None], set[Edge]] = {}
        left = MAX_EDGES
        for package_tuple, root in roots.items():
            found[package_tuple] = set(closure.edges(root, left))
            left -= len(found[package_tuple])
        return found

    def _closure(
        self, roots: Sequence[PackageTuple], asked: frozenset[str] | None, markers: MarkerFilter
    ) -> _Closure:
        names, versions, urls = zip(*roots, strict=True)
        rows = self._rows(
            _CLOSURE,
            {
                "names": list(names),
                "versions": list(versions),
                "urls": list(urls),
                "extras": None if asked is None else sorted(asked),
                "by_marker": markers.result is True,
                "limit": MAX_REACHED + 1,
            },
        )
        reached = max(row[-1] or 0 for row in rows)
        if reached > MAX_REACHED:
            raise AnswerTooLargeError("releases and requirements", MAX_REACHED)
        return _Closure(rows, asked, markers)


@dataclass(frozen=True, slots=True, eq=False)
class _Requirement:
    """A requirement that was reached; each is equal to itself alone, which hashes quickly."""

    marker: str | None
    extras: tuple[str, ...]
    marker_extras: tuple[str, ...]
    admitted: frozenset[int]


class _Closure:
    """What was reached from some releases; releases are their places in the total order."""

    def __init__(
        self, rows: Sequence[Row], asked: frozenset[str] | None, markers: MarkerFilter
    ) -> None:
        self._asked = asked
        self._markers = markers
        releases = [row for row in rows if row[3] is not None]
        releases.sort(key=lambda row: (row[1], row[2] or b"", row[3], row[4] or "", row[0]))
        places = {row[0]: place for place, row in enumerate(releases)}
        self._releases: list[PackageTuple] = [(row[1], row[3], row[4]) for row in releases]
        self._requirements = {
            row[0]: _Requirement(
                row[1], tuple(row[6]), tuple(row[7]), frozenset(places[id_] for id_ in row[5])
            )
            for row in rows
            if row[6] is not None
        }
        self._needs = [
            [self._requirements[id_] for id_ in row[5] if id_ in self._requirements]
            for row in releases
        ]

    def edges(self, root: PackageTuple, most: int) -> Iterator[Edge]:
        """Yield the edges of what is reached from a release, in order.

        Raises `NotFoundError`, or `AnswerTooLargeError` after `most` edges.
        """
        places = [
            place
            for place, release in enumerate(self._releases)
            if release[:2] == root[:2] and root[2] in (None, release[2])
        ]
        if not places:
            name, version, url = root
            raise unknown_release(
                {"package_name": name, "package_version": version, "index_url": url}
            )
        count = 0
        for place, requirements in sorted(self._followed(places).items()):
            admitted = frozenset().union(*(one.admitted for one in requirements))
            count += len(admitted)
            if count > most:
                raise AnswerTooLargeError("edges", MAX_EDGES)
            dependent = self._releases[place]
            for dependency in sorted(admitted):
                yield dependent, self._releases[dependency]

    def _followed(self, roots: Sequence[int]) -> Mapping[int, set[_Requirement]]:
        """Return the requirements that count of every release that is reached."""
        followed: dict[int, set[_Requirement]] = {}
        expanded: set[_Requirement] = set()
        waiting = [(place, extra) for place in roots for extra in self._root_extras(place)]
        seen = set(waiting)
        while waiting:
            place, extra = waiting.pop()
            for requirement in self._needs[place]:
                if not self._markers.counts(requirement.marker, requirement.marker_extras, extra):
                    continue
                followed.setdefault(place, set()).add(requirement)
                if requirement in expanded:
                    continue
                expanded.add(requirement)
                for wanted in ("", *requirement.extras):
                    new = {(dependency, wanted) for dependency in requirement.admitted} - seen
                    seen |= new
                    waiting += new
        return followed

    def _root_extras(self, place: int) -> frozenset[str]:
        if self._asked is not None:
            return self._asked
        named = (extra for one in self._needs[place] for extra in one.marker_extras)
        return frozenset({"", *named})


def _root(package_tuple: tuple[str, str, str | None]) -> PackageTuple:
    if not isinstance(package_tuple, tuple) or len(package_tuple) != 3:
        problem = "must be (name, version, index URL)"
        raise InvalidArgumentError("package_tuples", package_tuple, problem)
    name, version, url = package_tuple
    return (
        arguments.package_name(name),
        arguments.package_version(version),
        arguments.index_url(url),
    )
