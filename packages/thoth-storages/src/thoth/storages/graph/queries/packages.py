"""Questions on packages and their releases: what is there."""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from thoth.storages.exceptions import NotFoundError
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.arguments import DEFAULT_COUNT
from thoth.storages.graph.queries.family import ECOSYSTEM, Conditions, QueryFamily
from thoth.storages.graph.queries.listings import (
    RELEASE_ORDER,
    RELEASES,
    add_environment,
    release_conditions,
)

_PACKAGE_EXISTS = f"""
    SELECT EXISTS (SELECT FROM package JOIN release ON release.package_id = package.id
                    WHERE package.ecosystem = '{ECOSYSTEM}' AND package.name = %(package_name)s)
"""
_SOLVED_BY = """
    EXISTS (SELECT FROM solved JOIN solver_result ON solver_result.id = solved.solver_result_id
             WHERE solved.release_id = release.id AND solver_result.solver_name = %(solver_name)s)
"""
# The releases of an index; no row says that there is no such index.
_PER_INDEX = f"""
    SELECT package.name, release.version
      FROM package_index
      LEFT JOIN (release JOIN package ON package.id = release.package_id)
             ON release.package_index_id = package_index.id
     WHERE package_index.ecosystem = '{ECOSYSTEM}' AND package_index.url = %(index_url)s
     ORDER BY package.name, release.version_key NULLS FIRST, release.version
"""


class PackageQueries(QueryFamily):
    """Queries on packages and releases."""

    def python_package_exists(self, package_name: str) -> bool:
        """Say whether a release of the package is known, whatever its index.

        A package that is only required by others has none. Raises `InvalidArgumentError`.
        """
        name = arguments.package_name(package_name)
        return self._cached(
            "python_package_exists",
            name,
            lambda: bool(self._value(_PACKAGE_EXISTS, {"package_name": name})),
        )

    def python_package_version_exists(
        self,
        package_name: str,
        package_version: str,
        index_url: str | None = None,
        solver_name: str | None = None,
    ) -> bool:
        """Say whether a release is known; where a solver is named, whether that has a result on it.

        A solver is named as in the ids of its documents: `solver-rhel-9-py311`. Raises
        `InvalidArgumentError`.
        """
        release = arguments.release(package_name, package_version, index_url)
        arguments.text("solver_name", solver_name)

        def answer() -> bool:
            conditions = release_conditions(*release.values())
            if solver_name is not None:
                conditions.add(_SOLVED_BY, solver_name=solver_name)
            statement = f"SELECT EXISTS (SELECT {RELEASES} {conditions.where()})"
            return bool(self._value(statement, conditions.parameters))

        question = (*release.values(), solver_name)
        return self._cached("python_package_version_exists", question, answer)

    def get_python_packages_all(
        self,
        *,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        distinct: bool = False,
    ) -> list[tuple[str, str | None]]:
        """List the packages that have releases, as (name, index URL), by name and URL.

        A pair comes once for each of its releases, once in all where `distinct`. An environment
        chooses releases that a solver has a result on there. Raises `InvalidArgumentError`.
        """
        conditions = release_conditions(
            os_name=os_name, os_version=os_version, python_version=python_version
        )
        statement = f"""
            SELECT {_distinct(distinct)} package.name, package_index.url
              {RELEASES} {conditions.where()}
             ORDER BY package.name, package_index.url NULLS FIRST
              {conditions.part(start_offset, count)}
        """
        return [(name, url) for name, url in self._rows(statement, conditions.parameters)]

    def get_python_packages_count_all(
        self,
        *,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        distinct: bool = False,
    ) -> int:
        """Count what `get_python_packages_all` lists. Raises `InvalidArgumentError`."""
        conditions = release_conditions(
            os_name=os_name, os_version=os_version, python_version=python_version
        )
        statement = f"""
            SELECT count(*)
              FROM (SELECT {_distinct(distinct)} release.package_id, release.package_index_id
                      {RELEASES} {conditions.where()}) AS pair
        """
        return int(self._value(statement, conditions.parameters))

    def get_python_package_versions_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        distinct: bool = False,
        is_missing: bool | None = None,
    ) -> list[tuple[str, str, str | None]]:
        """List releases as (name, version, index URL), by name, version and URL.

        Releases are distinct by nature, so `distinct` changes nothing. An environment chooses
        releases that a solver has a result on there, `is_missing` those that their index has no
        more (True) or has (False). Raises `InvalidArgumentError`.
        """
        arguments.truth("distinct", distinct)
        conditions = release_conditions(
            package_name,
            package_version,
            index_url,
            os_name=os_name,
            os_version=os_version,
            python_version=python_version,
            is_missing=is_missing,
        )
        statement = f"""
            SELECT package.name, release.version, package_index.url
              {RELEASES} {conditions.where()} {RELEASE_ORDER}
              {conditions.part(start_offset, count)}
        """
        rows = self._rows(statement, conditions.parameters)
        return [(name, version, url) for name, version, url in rows]

    def get_python_package_versions_count_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        distinct: bool = False,
        is_missing: bool | None = None,
    ) -> int:
        """Count what `get_python_package_versions_all` lists. Raises `InvalidArgumentError`."""
        arguments.truth("distinct", distinct)
        conditions = release_conditions(
            package_name,
            package_version,
            index_url,
            os_name=os_name,
            os_version=os_version,
            python_version=python_version,
            is_missing=is_missing,
        )
        statement = f"SELECT count(*) {RELEASES} {conditions.where()}"
        return int(self._value(statement, conditions.parameters))

    def get_python_package_versions_per_index(
        self, index_url: str, *, distinct: bool = False
    ) -> dict[str, list[str]]:
        """Return the versions that an index has of each package, by the package's name.

        Names and versions are in order. Versions are distinct by nature, so `distinct` changes
        nothing. Raises `NotFoundError` for an unknown index, `InvalidArgumentError`.
        """
        arguments.truth("distinct", distinct)
        url = arguments.index_url(arguments.required("index_url", index_url))
        rows = self._rows(_PER_INDEX, {"index_url": url})
        if not rows:
            raise NotFoundError(f"the package index {url}", "Register it, or sync documents of it.")
        versions: dict[str, list[str]] = {}
        for name, version in rows:
            if name is not None:
                versions.setdefault(name, []).append(version)
        return versions

    def get_python_package_version_names_all(
        self,
        *,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        distinct: bool = False,
        sort: bool = False,
        like: str | None = None,
    ) -> list[str]:
        """List the names of packages that have releases, always by name, so `sort` changes nothing.

        A name comes once for each release, once in all where `distinct`. `like` is a pattern in
        which `%` stands for any text and `_` for one character; a pattern without `%` is looked for
        anywhere in names. An environment chooses releases that a solver has a result on there.
        Raises `InvalidArgumentError`.
        """
        arguments.truth("sort", sort)
        conditions, releases = _names(distinct, like, os_name, os_version, python_version)
        statement = f"""
            SELECT package.name {releases} {conditions.where()} ORDER BY package.name
              {conditions.part(start_offset, count)}
        """
        return [name for (name,) in self._rows(statement, conditions.parameters)]

    def get_python_package_version_names_count_all(
        self,
        *,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        distinct: bool = False,
        like: str | None = None,
    ) -> int:
        """Count what `get_python_package_version_names_all` lists.

        Raises `InvalidArgumentError`.
        """
        conditions, releases = _names(distinct, like, os_name, os_version, python_version)
        statement = f"SELECT count(*) {releases} {conditions.where()}"
        return int(self._value(statement, conditions.parameters))

    @staticmethod
    def normalize_python_package_name(package_name: str) -> str:
        """Return a package's name in its PEP 503 form. Raises `InvalidArgumentError`."""
        return arguments.package_name(package_name)

    @staticmethod
    def normalize_python_package_version(package_version: str) -> str:
        """Return a version in its PEP 440 form; one that is not of PEP 440 as it is.

        Raises `InvalidArgumentError`.
        """
        return arguments.package_version(package_version)

    @staticmethod
    def normalize_python_index_url(index_url: str | None) -> str | None:
        """Return the canonical URL of a package index; None remains None.

        Raises `InvalidArgumentError` for anything but an http or https URL.
        """
        return arguments.index_url(index_url)


def _distinct(distinct: bool) -> str:
    return "DISTINCT" if arguments.truth("distinct", distinct) else ""


def _names(
    distinct: bool,
    like: str | None,
    os_name: str | None,
    os_version: str | None,
    python_version: str | None,
) -> tuple[Conditions, str]:
    """Return the conditions of a listing of names, and the clause that they are of.

    Distinct names are found by package, without reading all releases.
    """
    arguments.truth("distinct", distinct)
    of_package = Conditions()
    of_package.add(f"package.ecosystem = '{ECOSYSTEM}'")
    if arguments.text("like", like) is not None and like is not None:
        pattern = like.lower().replace("\\", "\\\\")
        pattern = pattern if "%" in like else f"%{pattern}%"
        of_package.add("package.name LIKE %(like)s", like=pattern)
    of_release = Conditions() if distinct else of_package
    add_environment(of_release, os_name, os_version, python_version)
    if not distinct:
        return of_release, "FROM package JOIN release ON release.package_id = package.id"
    of_release.add("release.package_id = package.id")
    of_package.add(f"EXISTS (SELECT FROM release {of_release.where()})", **of_release.parameters)
    return of_package, "FROM package"
