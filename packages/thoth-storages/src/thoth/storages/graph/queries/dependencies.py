"""Questions on what a release declares to depend on."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from thoth.storages.exceptions import NotFoundError
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.family import ECOSYSTEM
from thoth.storages.graph.queries.listings import RELEASE_ORDER, RELEASES
from thoth.storages.graph.queries.markers import MarkerFilter, MarkerQueries, asked_extras
from thoth.storages.graph.versions import normalize_package_name, normalize_version, version_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# The requirements of all releases that are meant, those together that admit the same releases, with
# these in the order that their index has. No row: no such release; one without a package: one of
# them declares nothing. Only a marker with `or` may hold without an extra that it names.
_DEPENDS_ON = f"""
    SELECT (SELECT name FROM package WHERE id = needed.package_id),
           ARRAY(SELECT version
                   FROM release
                  WHERE package_id = needed.package_id
                    AND version_key >= needed.bounds[1]
                    AND width_bucket(version_key, needed.bounds) %% 2 = 1
                    {{is_missing}}
                  ORDER BY version_key, version),
           needed.marker_extras, needed.markers
      FROM (SELECT requirement.package_id, requirement.bounds,
                   array_agg(array_to_string(requirement.marker_extras, ',')) AS marker_extras,
                   {{markers}} AS markers
              {RELEASES}
              LEFT JOIN dependency ON dependency.release_id = release.id
              LEFT JOIN requirement
                     ON requirement.id = dependency.requirement_id
                    {{extras}}
             WHERE package.ecosystem = '{ECOSYSTEM}' AND package.name = %(package_name)s
                   {{root}}
             GROUP BY requirement.package_id, requirement.bounds) AS needed
"""  # noqa: S608
_OF_VERSION = " AND release.version = %(package_version)s"
_OF_INDEX = " AND package_index.url = %(index_url)s"
_OF_EXTRAS = """
    AND (requirement.marker_extras && %(extras)s
         OR %(plain)s AND (requirement.marker_extras = '{}' OR position(' or ' IN marker) > 0))
"""
_MARKERS = "array_agg(requirement.marker)"
_OF_MISSING = " AND is_missing = %(is_missing)s"

# A release with every environment in which a solver has a result on it.
_RECORDS = f"""
    SELECT DISTINCT package.name, release.version_key, release.version, package_index.url,
           release.id, environment.os_name, environment.os_version, environment.python_version
      {RELEASES}
      LEFT JOIN (SELECT solved.release_id, software_environment.*
                   FROM solved
                   JOIN solver_result ON solver_result.id = solved.solver_result_id
                   JOIN software_environment
                     ON software_environment.id = solver_result.software_environment_id)
             AS environment ON environment.release_id = release.id
     WHERE package.ecosystem = '{ECOSYSTEM}' AND package.name = %(package_name)s
       AND release.version = %(package_version)s {{index}}
     {RELEASE_ORDER}, environment.os_name, environment.os_version, environment.python_version
"""  # noqa: S608

# The markers of the requirements by which a release depends on another; no marker comes first.
_MARKERS_BETWEEN = f"""
    SELECT DISTINCT requirement.marker COLLATE "C" AS marker, requirement.marker_extras
      {RELEASES}
      JOIN dependency ON dependency.release_id = release.id
      JOIN requirement ON requirement.id = dependency.requirement_id
      JOIN package required ON required.id = requirement.package_id
     WHERE package.ecosystem = '{ECOSYSTEM}' AND package.name = %(package_name)s
       AND release.version = %(package_version)s {{index}}
       AND required.name = %(dependency_name)s
       AND width_bucket(%(dependency_key)s::bytea, requirement.bounds) %% 2 = 1
     ORDER BY marker NULLS FIRST, marker_extras
"""


class DependencyQueries(MarkerQueries):
    """Queries on the dependencies of a release."""

    def get_depends_on(
        self,
        package_name: str,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        extras: frozenset[str | None] | None = None,
        marker_evaluation_result: bool | None = None,
        is_missing: bool | None = None,
    ) -> dict[str, list[tuple[str, str]]]:
        """Return what a release depends on: {extra, or "" for none: [(name, version)]}.

        These are all known releases that its requirements admit, pre-releases included, in the
        order of names and versions; of all versions of the package where none is given. Extras:
        None means all, `frozenset({None})` without extra, `frozenset({None, "x"})` both without
        and for x. With `marker_evaluation_result` only what requirements give is kept whose marker
        (PEP 508) holds in the environment, or with False does not hold; what the environment
        leaves open is kept. `is_missing` chooses dependencies that their index has no more (True)
        or has (False).

        Raises `NotFoundError` for an unknown release, `InvalidArgumentError`. A release without
        known dependencies has {}.
        """
        question = {
            "package_name": arguments.package_name(package_name),
            "package_version": arguments.optional(
                "package_version", package_version, normalize_version
            ),
            "index_url": arguments.index_url(index_url),
            "is_missing": arguments.flag("is_missing", is_missing),
        }
        environment = arguments.environment(os_name, os_version, python_version)
        result = arguments.flag("marker_evaluation_result", marker_evaluation_result)
        asked = asked_extras(extras)

        def answer() -> dict[str, list[tuple[str, str]]]:
            rows = self._rows(
                _DEPENDS_ON.format(
                    root=_root(question),
                    extras="" if asked is None else _OF_EXTRAS,
                    markers="NULL::text[]" if result is None else _MARKERS,
                    is_missing="" if is_missing is None else _OF_MISSING,
                ),
                {**question, "extras": sorted(asked or ()), "plain": "" in (asked or ())},
            )
            if not rows:
                raise unknown_release(question)
            return _by_extra(rows, asked, self._marker_filter(environment, result=result))

        key = (*question.values(), *environment.values(), asked, result)
        return self._cached("get_depends_on", key, answer)

    def get_python_package_version_records(
        self,
        package_name: str,
        package_version: str,
        index_url: str | None,
        *,
        os_name: str | None,
        os_version: str | None,
        python_version: str | None,
    ) -> list[dict[str, str | None]]:
        """List a release with each environment in which a solver has a result on it.

        A record has `package_name`, `package_version`, `index_url`, `os_name`, `os_version` and
        `python_version`. An environment chooses those that match it; where none is given, a
        release that no solver saw comes with None for its environment. Raises `NotFoundError` for
        an unknown release, `InvalidArgumentError`.
        """
        release = arguments.release(package_name, package_version, index_url)
        environment = arguments.environment(os_name, os_version, python_version)
        statement = _RECORDS.format(index="" if release["index_url"] is None else _OF_INDEX)
        rows = self._rows(statement, release)
        if not rows:
            raise unknown_release(release)
        records = [
            {
                "package_name": name,
                "package_version": version,
                "index_url": url,
                "os_name": found_os_name,
                "os_version": found_os_version,
                "python_version": found_python_version,
            }
            for (
                name,
                _key,
                version,
                url,
                _id,
                found_os_name,
                found_os_version,
                found_python_version,
            ) in rows
        ]
        given = {name: value for name, value in environment.items() if value is not None}
        return [
            record
            for record in records
            if all(record[name] == value for name, value in given.items())
        ]

    def get_python_environment_marker(
        self,
        package_name: str,
        package_version: str,
        index_url: str | None,
        *,
        dependency_name: str,
        dependency_version: str,
        os_name: str,
        os_version: str,
        python_version: str,
        marker_evaluation_result: bool | None = None,
    ) -> str | None:
        """Return the marker (PEP 508) under which a release depends on another.

        None says that it does so in every environment. Where several requirements admit the
        dependency, one without a marker counts, else the first in the order of their texts; with
        `marker_evaluation_result`, of those that hold (do not hold) in the environment. Raises
        `NotFoundError` where no requirement admits it, `InvalidArgumentError`.
        """
        result = arguments.flag("marker_evaluation_result", marker_evaluation_result)
        arguments.environment(os_name, os_version, python_version)
        markers = self._markers_between(
            arguments.release(package_name, package_version, index_url),
            dependency_name,
            dependency_version,
        )
        if result is None:
            return markers[0][0]
        environment = _whole_environment(os_name, os_version, python_version)
        markers_filter = self._marker_filter(environment, result=result)
        for marker, marker_extras in markers:
            if _holds(markers_filter, marker, marker_extras) is result:
                return marker
        raise NotFoundError(
            f"a requirement of {package_name} {package_version} on {dependency_name} "
            f"{dependency_version} whose marker is {result}",
            "Ask without marker_evaluation_result.",
        )

    def get_python_environment_marker_evaluation_result(
        self,
        package_name: str,
        package_version: str,
        index_url: str | None,
        *,
        dependency_name: str,
        dependency_version: str,
        os_name: str,
        os_version: str,
        python_version: str,
    ) -> bool:
        """Say whether a release depends on another in an environment, by its markers (PEP 508).

        A marker that names extras is evaluated with these asked for. Where several requirements
        admit the dependency, one of them has to hold. False where it cannot be told. Raises
        `NotFoundError` where no requirement admits the dependency, `InvalidArgumentError`.
        """
        environment = _whole_environment(os_name, os_version, python_version)
        markers = self._markers_between(
            arguments.release(package_name, package_version, index_url),
            dependency_name,
            dependency_version,
        )
        markers_filter = self._marker_filter(environment, result=True)
        return any(
            _holds(markers_filter, marker, marker_extras) is True
            for marker, marker_extras in markers
        )

    def _markers_between(
        self, release: Mapping[str, str | None], dependency_name: str, dependency_version: str
    ) -> list[tuple[str | None, list[str]]]:
        """Return markers and the extras that they name; raise where there is no requirement."""
        name = arguments.required("dependency_name", dependency_name, normalize_package_name)
        version = arguments.required("dependency_version", dependency_version, normalize_version)

        def answer() -> list[tuple[str | None, list[str]]]:
            statement = _MARKERS_BETWEEN.format(
                index="" if release["index_url"] is None else _OF_INDEX
            )
            dependency = {"dependency_name": name, "dependency_key": version_key(version)}
            return [
                (marker, marker_extras)
                for marker, marker_extras in self._rows(statement, {**release, **dependency})
            ]

        key = (*release.values(), name, version)
        markers = self._cached("_markers_between", key, answer)
        if not markers:
            raise NotFoundError(
                f"a requirement of {described(release)} that admits {name} {version}",
                "get_depends_on() tells what a release depends on.",
            )
        return markers


def described(release: Mapping[str, Any]) -> str:
    """Return the words for a release in messages."""
    version, url = release["package_version"], release["index_url"]
    words = [release["package_name"], *([version] if version else [])]
    return " ".join([*words, *(["from", url] if url else [])])


def unknown_release(release: Mapping[str, Any]) -> NotFoundError:
    """Return the error that says that no such release is stored."""
    return NotFoundError(
        f"the release {described(release)}", "Sync documents of it, or name another release."
    )


def _root(question: Mapping[str, object]) -> str:
    version = "" if question["package_version"] is None else _OF_VERSION
    return version + ("" if question["index_url"] is None else _OF_INDEX)


def _whole_environment(os_name: str, os_version: str, python_version: str) -> dict[str, str | None]:
    arguments.required("os_name", os_name)
    arguments.required("os_version", os_version)
    arguments.required("python_version", python_version)
    return arguments.environment(os_name, os_version, python_version)


def _holds(
    markers_filter: MarkerFilter, marker: str | None, marker_extras: list[str]
) -> bool | None:
    """Say whether a marker holds with one of the extras that it names."""
    results = [markers_filter.holds(marker, extra) for extra in marker_extras or [""]]
    return True if True in results else None if None in results else False


def _by_extra(
    rows: list[tuple[Any, ...]], asked: frozenset[str] | None, markers: MarkerFilter
) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, dict[str, list[list[str]]]] = {}
    for name, versions, named, texts in rows:
        if versions:
            for extra in _extras_that_count(named, texts, asked, markers):
                found.setdefault(extra, {}).setdefault(name, []).append(versions)
    return {
        extra: [pair for name in sorted(names) for pair in zip(repeat(name), _merged(names[name]))]
        for extra, names in sorted(found.items())
    }


def _extras_that_count(
    named: list[str],
    texts: list[str | None] | None,
    asked: frozenset[str] | None,
    markers: MarkerFilter,
) -> set[str]:
    """Return the extras for which one of some requirements counts, "" for none.

    `named` are the extras that each of their markers names, `texts` the markers where these matter.
    """
    found = set()
    for names, text in zip(named, texts or repeat(None), strict=False):
        marker_extras = names.split(",") if names else []
        for extra in ("", *marker_extras):
            if (asked is None or extra in asked) and markers.counts(text, marker_extras, extra):
                found.add(extra)
    return found


def _merged(lists: list[list[str]]) -> Iterable[str]:
    """Return the versions of ordered lists, each once, in order."""
    most: list[str] = max(lists, key=len)
    # From several indexes, the same version comes more than once in a list.
    longest = dict.fromkeys(most)
    together = {version for versions in lists for version in versions}
    if longest.keys() >= together:
        return longest
    return sorted(together, key=lambda version: (version_key(version) or b"", version))
