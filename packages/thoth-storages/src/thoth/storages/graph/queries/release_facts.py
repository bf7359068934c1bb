"""What is known of single releases: artifacts' hashes, metadata, whether they are there."""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from typing import Any

from thoth.storages.exceptions import InvalidArgumentError, NotFoundError
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.family import ECOSYSTEM, Conditions, QueryFamily
from thoth.storages.graph.queries.listings import RELEASE_ORDER, RELEASES, add_environment

_REMEDY = "Sync a document that has it."
# The releases that an answer or a change is about: one, or one on each index where none is named.
_RELEASES = f"""
    asked AS (
        SELECT release.* FROM package
          JOIN release ON release.package_id = package.id
          LEFT JOIN package_index ON package_index.id = release.package_index_id
         WHERE package.ecosystem = '{ECOSYSTEM}' AND package.name = %(package_name)s
           AND release.version = %(package_version)s
           AND (%(index_url)s::text IS NULL OR package_index.url = %(index_url)s))
"""
_HASHES = f"""
    WITH {_RELEASES}
    SELECT encode(artifact.sha256, 'hex') FROM asked
      LEFT JOIN artifact ON artifact.release_id = asked.id
            AND artifact.present AND artifact.sha256 IS NOT NULL
     ORDER BY artifact.sha256
"""
_FIELDS = (
    "metadata_version",
    "name",
    "version",
    "summary",
    "author",
    "author_email",
    "maintainer",
    "maintainer_email",
    "license",
    "license_expression",
    "home_page",
    "download_url",
    "keywords",
    "description",
    "description_content_type",
    "requires_python",
    "platform",
    "classifier",
)
# Of several indexes, the first one (in the order of listings) that has metadata counts.
_METADATA = f"""
    WITH {_RELEASES}
    SELECT metadata.release_id IS NOT NULL, metadata.project_urls, metadata.other,
           metadata.metadata_version, package.name, asked.version, metadata.summary,
           metadata.author, metadata.author_email, metadata.maintainer, metadata.maintainer_email,
           metadata.license, metadata.license_expression, metadata.home_page,
           metadata.download_url, metadata.keywords, metadata.description,
           metadata.description_content_type, asked.requires_python, metadata.platforms,
           metadata.classifiers
      FROM asked JOIN package ON package.id = asked.package_id
      LEFT JOIN package_index ON package_index.id = asked.package_index_id
      LEFT JOIN release_metadata AS metadata ON metadata.release_id = asked.id
     ORDER BY metadata.release_id IS NULL, package_index.url NULLS FIRST, asked.id
     LIMIT 1
"""
_CLASSIFIERS = f"""
    WITH {_RELEASES}
    SELECT DISTINCT declared.classifier COLLATE "C" FROM asked AS release
      LEFT JOIN LATERAL (
          SELECT unnest(release_metadata.classifiers) AS classifier FROM release_metadata
          {{}}) AS declared ON true
     ORDER BY 1
"""
_IMPORT_PACKAGES = f"""
    SELECT package.name, release.version, package_index.url
      {RELEASES} JOIN release_metadata ON release_metadata.release_id = release.id
     WHERE package.ecosystem = '{ECOSYSTEM}'
       AND release_metadata.import_packages @> %(import_names)s
     {RELEASE_ORDER}
"""
_IS_MISSING = f"WITH {_RELEASES} SELECT bool_and(is_missing) FROM asked"
# An unchanged release is not written; what changes is a change of the release.
_SET_MISSING = f"""
    WITH {_RELEASES},
    changed AS (
        UPDATE release SET is_missing = %(value)s FROM asked
         WHERE release.id = asked.id AND release.is_missing <> %(value)s
        RETURNING release.id),
    noted AS (
        INSERT INTO release_change (release_id, changed_at, kind)
        SELECT id, now(), CASE WHEN %(value)s THEN 'missing' ELSE 'found' END FROM changed)
    SELECT count(*) FROM asked
"""
_SET_SOURCE_DISTRO = f"""
    WITH {_RELEASES},
    changed AS (
        UPDATE release SET provides_source_distro = %(value)s FROM asked
         WHERE release.id = asked.id
           AND release.provides_source_distro IS DISTINCT FROM %(value)s)
    SELECT count(*) FROM asked
"""
_SET_HASH_GONE = f"""
    WITH {_RELEASES},
    meant AS (
        SELECT artifact.id, artifact.release_id, artifact.filename, artifact.present
          FROM asked JOIN artifact ON artifact.release_id = asked.id
         WHERE artifact.sha256 = %(sha256)b),
    changed AS (
        UPDATE artifact SET present = false FROM meant
         WHERE artifact.id = meant.id AND artifact.present
        RETURNING artifact.release_id, artifact.filename, artifact.sha256),
    noted AS (
        INSERT INTO release_change (release_id, changed_at, kind, detail)
        SELECT release_id, now(), 'artifact',
               'gone: ' || coalesce(filename, encode(sha256, 'hex')) FROM changed)
    SELECT (SELECT count(*) FROM asked), (SELECT count(*) FROM meant)
"""


class ReleaseFactQueries(QueryFamily):
    """Queries on single releases.

    Where the index is None, a release means that version on every index that is known to have it.
    """

    def get_python_package_hashes_sha256(
        self,
        package_name: str,
        package_version: str,
        index_url: str | None,
        *,
        distinct: bool = False,
    ) -> list[str]:
        """List the SHA-256 of a release's artifacts in hexadecimal, in ascending order.

        Artifacts that are gone from the index are left out, and those whose hash is unknown. Two
        artifacts with one hash give it twice, unless `distinct`. Raises `NotFoundError` for an
        unknown release, `InvalidArgumentError`.
        """
        release = arguments.release(package_name, package_version, index_url)
        arguments.truth("distinct", distinct)
        rows = self._cached(
            "get_python_package_hashes_sha256",
            tuple(release.values()),
            lambda: self._rows(_HASHES, release),
        )
        if not rows:
            raise _unknown(release)
        hashes = [sha256 for (sha256,) in rows if sha256 is not None]
        return list(dict.fromkeys(hashes)) if distinct else hashes

    def get_python_package_version_metadata(
        self, package_name: str, package_version: str, index_url: str | None
    ) -> dict[str, Any]:
        """Return what a release says of itself, by the names of the JSON form of core metadata.

        Those are `name`, `version`, `summary`, `license` and so on (PEP 566). `platform`,
        `classifier` and `project_url` (`"label, url"`) are lists; what was not declared is left
        out. Dependencies are not among them: see `get_depends_on`. Raises `NotFoundError` for an
        unknown release and for one whose metadata is not known, `InvalidArgumentError`.
        """
        release = arguments.release(package_name, package_version, index_url)
        row = self._cached(
            "get_python_package_version_metadata",
            tuple(release.values()),
            lambda: self._row(_METADATA, release),
        )
        if row is None:
            raise _unknown(release)
        is_known, project_urls, other, *fields = row
        if not is_known:
            raise NotFoundError(
                f"the metadata of {_named(release)}", "Sync a document that has it."
            )
        metadata = {**other, **dict(zip(_FIELDS, fields, strict=True))}
        metadata["project_url"] = [f"{label}, {url}" for label, url in project_urls.items()]
        return {name: value for name, value in metadata.items() if value not in (None, [])}

    def get_python_package_version_trove_classifiers_all(
        self,
        package_name: str,
        package_version: str,
        index_url: str | None,
        *,
        os_name: str,
        os_version: str,
        python_version: str,
    ) -> list[str]:
        """List the classifiers that a release declares, in alphabetical order.

        Where an environment is given, those of a release that no solver has a result on there are
        left out. Raises `NotFoundError` for an unknown release, `InvalidArgumentError`.
        """
        release = arguments.release(package_name, package_version, index_url)
        conditions = Conditions(**release)
        conditions.add("release_metadata.release_id = release.id")
        add_environment(conditions, os_name, os_version, python_version)
        rows = self._rows(_CLASSIFIERS.format(conditions.where()), conditions.parameters)
        if not rows:
            raise _unknown(release)
        return [classifier for (classifier,) in rows if classifier is not None]

    def get_python_package_version_import_packages_all(
        self, import_name: str, distinct: bool = False
    ) -> list[dict[str, str | None]]:
        """List the releases that can be imported by a name, by name, version and URL.

        An entry has `package_name`, `package_version`, `index_url` (None where it is unknown) and
        `import_name`. Releases are distinct by nature, so `distinct` changes nothing. Raises
        `InvalidArgumentError`.
        """
        arguments.truth("distinct", distinct)
        name = arguments.required("import_name", import_name)
        names = ("package_name", "package_version", "index_url")
        rows = self._rows(_IMPORT_PACKAGES, {"import_names": [name]})
        return [{**dict(zip(names, row, strict=True)), "import_name": name} for row in rows]

    def is_python_package_version_is_missing(
        self, package_name: str, package_version: str, index_url: str | None
    ) -> bool:
        """Say whether the index had a release once and has it no more.

        Where no index is named, whether that is so of all. Raises `NotFoundError` for an unknown
        release, `InvalidArgumentError`.
        """
        release = arguments.release(package_name, package_version, index_url)
        missing = self._cached(
            "is_python_package_version_is_missing",
            tuple(release.values()),
            lambda: self._value(_IS_MISSING, release),
        )
        if missing is None:
            raise _unknown(release)
        return bool(missing)

    def update_missing_flag_package_version(
        self, package_name: str, package_version: str, index_url: str | None, value: bool
    ) -> None:
        """Note that an index has a release no more (True), or has it again (False).

        Raises `NotFoundError` for an unknown release, `InvalidArgumentError`.
        """
        self._set(_SET_MISSING, arguments.release(package_name, package_version, index_url), value)

    def update_provides_source_distro_package_version(
        self, package_name: str, package_version: str, index_url: str | None, value: bool
    ) -> None:
        """Note whether a release has a source distribution.

        Raises `NotFoundError` for an unknown release, `InvalidArgumentError`.
        """
        release = arguments.release(package_name, package_version, index_url)
        self._set(_SET_SOURCE_DISTRO, release, value)

    def update_python_package_hash_present_flag(
        self, package_name: str, package_version: str, index_url: str | None, sha256_hash: str
    ) -> None:
        """Note that the artifact with this SHA-256 (in hexadecimal) is gone from the index.

        `get_python_package_hashes_sha256` leaves it out from then on. Raises `NotFoundError` for an
        unknown release or hash, `InvalidArgumentError`.
        """
        release = arguments.release(package_name, package_version, index_url)
        row = self._row(_SET_HASH_GONE, {**release, "sha256": _sha256(sha256_hash)})
        self._cache.clear()
        if row is None or not row[0]:
            raise _unknown(release)
        if not row[1]:
            raise NotFoundError(f"an artifact of {_named(release)} with SHA-256 {sha256_hash}")

    def _set(self, statement: str, release: dict[str, str | None], value: bool) -> None:
        found = self._value(statement, {**release, "value": arguments.truth("value", value)})
        self._cache.clear()
        if not found:
            raise _unknown(release)


def _sha256(text: str) -> bytes:
    try:
        digest = bytes.fromhex(arguments.required("sha256_hash", text))
    except ValueError:
        digest = b""
    if len(digest) != 32 or len(text) != 64:
        raise InvalidArgumentError("sha256_hash", text, "must be 64 hexadecimal digits")
    return digest


def _named(release: dict[str, str | None]) -> str:
    name, version, url = release.values()
    return f"{name} {version}" + ("" if url is None else f" on {url}")


def _unknown(release: dict[str, str | None]) -> NotFoundError:
    return NotFoundError(f"the release {_named(release)}", _REMEDY)
