"""Questions on what happened to packages, and on what releases say and offer of themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from thoth.storages.exceptions import InvalidArgumentError, NotFoundError
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.arguments import DEFAULT_COUNT
from thoth.storages.graph.queries.family import ECOSYSTEM, Conditions, QueryFamily
from thoth.storages.graph.queries.listings import RELEASE_ORDER, RELEASES, release_conditions
from thoth.storages.graph.versions import normalize_package_name

LICENSE_CHARACTERS = 200
"""A licence is known by so many characters at the beginning of its text."""

_PACKAGE_EXISTS = f"""
    SELECT EXISTS (SELECT FROM package WHERE ecosystem = '{ECOSYSTEM}' AND name = %(package_name)s)
"""  # noqa: S608

# Releases that appeared, and changes of releases that were known, in one order.
_CHANGES = f"""
    SELECT change.changed_at, package.name, release.version, package_index.url, change.kind,
           change.detail
      {RELEASES}
      CROSS JOIN LATERAL (
            SELECT coalesce(release.uploaded_at, release.recorded_at), 'released',
                   NULL::text, NULL::bigint
            UNION ALL
            SELECT changed_at, kind, detail, id
              FROM release_change
             WHERE release_id = release.id)
            AS change (changed_at, kind, detail, id)
     WHERE package.ecosystem = '{ECOSYSTEM}' AND package.name = %(package_name)s
       AND (%(since)s::timestamptz IS NULL OR change.changed_at >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR change.changed_at < %(until)s)
     ORDER BY change.changed_at, release.version_key NULLS FIRST, release.version,
              package_index.url NULLS FIRST, release.id, change.id NULLS FIRST
     LIMIT %(count)s OFFSET %(start_offset)s
"""  # noqa: S608

# Each release with the licences that it names: an expression (PEP 639) before a text before
# classifiers.
_LICENSES = f"""
      {RELEASES}
      JOIN release_metadata ON release_metadata.release_id = release.id
      CROSS JOIN LATERAL (
            SELECT license_expression WHERE license_expression <> ''
            UNION ALL
            SELECT left(license, {LICENSE_CHARACTERS})
             WHERE coalesce(license_expression, '') = '' AND license <> ''
            UNION ALL
            SELECT DISTINCT classifier
              FROM unnest(classifiers) AS classifier
             WHERE coalesce(license_expression, '') = '' AND coalesce(license, '') = ''
               AND classifier LIKE 'License ::%%') AS named (license)
"""  # noqa: S608
# What the indexes of licences can find; `_LICENSES` then says whether it is the licence.
_MAY_BE_OF_LICENSE = f"""
    (release_metadata.license_expression = %(license)s
     OR left(release_metadata.license, {LICENSE_CHARACTERS}) = %(license)s
     OR release_metadata.classifiers @> ARRAY[%(license)s])
"""

_SDISTS_ONLY = f"""
    SELECT package.name, package_index.url
      FROM package
      CROSS JOIN LATERAL (
            SELECT DISTINCT package_index_id FROM release WHERE package_id = package.id) AS source
      LEFT JOIN package_index ON package_index.id = source.package_index_id
     WHERE package.ecosystem = '{ECOSYSTEM}'
       AND EXISTS (
            SELECT FROM release JOIN artifact ON artifact.release_id = release.id
             WHERE release.package_id = package.id
               AND release.package_index_id IS NOT DISTINCT FROM source.package_index_id
               AND artifact.present)
       AND NOT EXISTS (
            SELECT FROM release JOIN artifact ON artifact.release_id = release.id
             WHERE release.package_id = package.id
               AND release.package_index_id IS NOT DISTINCT FROM source.package_index_id
               AND artifact.present AND artifact.kind IS DISTINCT FROM 'sdist')
"""  # noqa: S608


class HistoryQueries(QueryFamily):
    """Queries on changes, licences and source distributions."""

    def get_python_package_changes_all(
        self,
        package_name: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
    ) -> list[dict[str, Any]]:
        """List what changed in a package from `since` on and before `until`, in order of time.

        A record has `changed_at`, `package_name`, `package_version`, `index_url`, `kind` and
        `detail`. The kind is `released` for a release that appeared (at its upload, or when the
        graph learnt of it where that is unknown), otherwise what `release_change` has: `yanked`,
        `unyanked`, `missing`, `found`, `requires-python`, `artifact`, `dependencies`. Times need a
        time zone; None is no bound. Raises `NotFoundError` for a package that nothing is known of,
        `InvalidArgumentError`.
        """
        start_offset, count = arguments.page(start_offset, count)
        parameters = {
            "package_name": arguments.package_name(package_name),
            "since": _moment("since", since),
            "until": _moment("until", until),
            "start_offset": start_offset,
            "count": count,
        }
        rows = self._rows(_CHANGES, parameters)
        if not rows:
            self._require_package(str(parameters["package_name"]))
        return [
            {
                "changed_at": changed_at,
                "package_name": name,
                "package_version": version,
                "index_url": url,
                "kind": kind,
                "detail": detail,
            }
            for changed_at, name, version, url, kind, detail in rows
        ]

    def get_python_package_versions_per_license(
        self,
        license: str | None = None,  # noqa: A002 - as core metadata calls it
        *,
        package_name: str | None = None,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
    ) -> dict[str, list[tuple[str, str, str | None]]]:
        """Return releases as (name, version, index URL) by their licences.

        A release's licence is its licence expression (PEP 639), else the first
        `LICENSE_CHARACTERS` of its licence text, else each of its classifiers that begin with
        `License ::`; a release without any is left out. `license` chooses one, compared as it is
        written. `start_offset` and `count` choose a part of all pairs of licence and release, in
        the order of licences, then of releases. Raises `InvalidArgumentError`.
        """
        conditions = _of_license(license, package_name)
        part = conditions.part(start_offset, count)
        statement = f"""
            SELECT named.license, package.name, release.version, package_index.url
              {_LICENSES} {conditions.where()}
             ORDER BY named.license COLLATE "C", {RELEASE_ORDER.replace("ORDER BY", "")} {part}
        """
        found: dict[str, list[tuple[str, str, str | None]]] = {}
        for named, name, version, url in self._rows(statement, conditions.parameters):
            found.setdefault(named, []).append((name, version, url))
        return found

    def get_python_package_versions_count_per_license(
        self,
        license: str | None = None,  # noqa: A002 - as core metadata calls it
        *,
        package_name: str | None = None,
    ) -> dict[str, dict[str, int]]:
        """Count the releases of each package by licence: {licence: {name: count}}.

        As `get_python_package_versions_per_license` lists them. Raises `InvalidArgumentError`.
        """
        conditions = _of_license(license, package_name)
        statement = f"""
            SELECT named.license, package.name, count(*)
              {_LICENSES} {conditions.where()}
             GROUP BY named.license, package.name
             ORDER BY named.license COLLATE "C", package.name
        """
        counts: dict[str, dict[str, int]] = {}
        for named, name, number in self._rows(statement, conditions.parameters):
            counts.setdefault(named, {})[name] = number
        return counts

    def get_python_sdist_only_packages_all(
        self, *, start_offset: int = 0, count: int | None = DEFAULT_COUNT
    ) -> list[tuple[str, str | None]]:
        """List the packages, as (name, index URL), of which an index has nothing but sdists.

        By name and URL. All artifacts that the index still has must be known to be source
        distributions, and there must be one. Raises `InvalidArgumentError`.
        """
        conditions = Conditions()
        part = conditions.part(start_offset, count)
        statement = f"{_SDISTS_ONLY} ORDER BY package.name, package_index.url NULLS FIRST {part}"
        return [(name, url) for name, url in self._rows(statement, conditions.parameters)]

    def get_python_sdist_only_packages_count_all(self) -> int:
        """Count what `get_python_sdist_only_packages_all` lists."""
        return int(self._value(f"SELECT count(*) FROM ({_SDISTS_ONLY}) AS package"))  # noqa: S608

    def _require_package(self, name: str) -> None:
        if not self._value(_PACKAGE_EXISTS, {"package_name": name}):
            raise NotFoundError(f"the package {name}", "Sync documents of it.")


def _moment(argument: str, value: datetime | None) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidArgumentError(argument, value, "must be a datetime with a time zone")
    return value


def _of_license(license_name: str | None, package_name: str | None) -> Conditions:
    name = arguments.optional("package_name", package_name, normalize_package_name)
    conditions = release_conditions(package_name=name)
    if arguments.text("license", license_name) is not None and license_name is not None:
        conditions.add(_MAY_BE_OF_LICENSE, license=license_name)
        conditions.add("named.license = %(license)s")
    return conditions
