"""Published vulnerabilities, and the releases that have them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from thoth.storages.exceptions import InvalidArgumentError
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.family import QueryFamily
from thoth.storages.graph.queries.listings import RELEASES, release_conditions
from thoth.storages.graph.queries.releases import record_releases
from thoth.storages.graph.queries.transactions import in_transaction
from thoth.storages.graph.release_records import ReleaseRecord

MAX_CVE_ID_CHARACTERS = 512
"""The id of a vulnerability may have at most so many characters."""
_MILESTONE = "cve"

_ADD_VULNERABILITY = """
    INSERT INTO vulnerability (cve_id, details, link)
    VALUES (%(cve_id)s, %(details)s, %(link)s)
    ON CONFLICT (cve_id) DO UPDATE SET details = excluded.details, link = excluded.link
     WHERE (vulnerability.details, vulnerability.link)
           IS DISTINCT FROM (excluded.details, excluded.link)
"""
_ADD_RELEASE = """
    INSERT INTO vulnerability_release (vulnerability_id, release_id)
    SELECT id, %(release)s::int FROM vulnerability WHERE cve_id = %(cve_id)s
    ON CONFLICT DO NOTHING
"""
_FIELDS = ("package_name", "package_version", "index_url", "cve_id", "details", "link")
_RECORDS = f"""
    SELECT package.name, release.version, package_index.url, vulnerability.cve_id,
           vulnerability.details, vulnerability.link
      {RELEASES}
      JOIN vulnerability_release ON vulnerability_release.release_id = release.id
      JOIN vulnerability ON vulnerability.id = vulnerability_release.vulnerability_id
"""
_ORDER = """
     ORDER BY package.name, release.version_key NULLS FIRST, release.version,
              package_index.url NULLS FIRST, vulnerability.cve_id
"""
_COUNT = "SELECT count(*) FROM vulnerability_release"
_GET_MILESTONE = "SELECT reached_at FROM milestone WHERE name = %(name)s"
_SET_MILESTONE = """
    INSERT INTO milestone (name, reached_at) VALUES (%(name)s, %(reached_at)s::timestamptz)
    ON CONFLICT (name) DO UPDATE SET reached_at = excluded.reached_at
"""


class VulnerabilityQueries(QueryFamily):
    """Queries on vulnerabilities."""

    def create_python_cve_record(
        self,
        package_name: str,
        package_version: str,
        index_url: str,
        *,
        cve_id: str,
        details: str,
        link: str | None,
    ) -> bool:
        """Record that a release has a vulnerability; say whether that is new.

        A release that is not known is recorded too. Details and link of a vulnerability that is
        known become those given. Raises `InvalidArgumentError`.
        """
        release = arguments.release(
            package_name, package_version, arguments.required("index_url", index_url)
        )
        name, version, url = release.values()
        parameters: dict[str, object] = {
            "cve_id": arguments.text(
                "cve_id", arguments.required("cve_id", cve_id), most=MAX_CVE_ID_CHARACTERS
            ),
            "details": _details(details),
            "link": arguments.text("link", link),
        }
        record = ReleaseRecord(package=str(name), version=str(version), index_url=url)

        with self._connection() as connection:

            def write() -> bool:
                (row,) = record_releases(connection, [record])
                connection.execute(_ADD_VULNERABILITY, parameters)
                added = connection.execute(_ADD_RELEASE, {**parameters, "release": row})
                return added.rowcount == 1

            created: bool = in_transaction(connection, write)
        self._cache.clear()
        return created

    def get_python_cve_records_all(
        self, package_name: str, package_version: str | None = None
    ) -> list[dict[str, Any]]:
        """List the vulnerabilities of a package, or of one version of it, a dict for each release.

        The keys are `package_name`, `package_version`, `index_url` (None: unknown), `cve_id`,
        `details` and `link` (None: there is none). In the order of releases, then of ids. Raises
        `InvalidArgumentError`.
        """
        conditions = release_conditions(arguments.package_name(package_name), package_version)

        def answer() -> list[dict[str, Any]]:
            statement = f"{_RECORDS} {conditions.where()} {_ORDER}"
            rows = self._rows(statement, conditions.parameters)
            return [dict(zip(_FIELDS, row, strict=True)) for row in rows]

        question = tuple(sorted(conditions.parameters.items(), key=str))
        return self._cached("get_python_cve_records_all", question, answer)

    def get_python_cve_records_count(self) -> int:
        """Count the vulnerabilities of all releases: one that ten releases have counts ten."""
        return int(self._value(_COUNT))

    def get_cve_timestamp(self) -> datetime | None:
        """Return when vulnerabilities were read last, in UTC; None where nobody has said."""
        row = self._row(_GET_MILESTONE, {"name": _MILESTONE})
        return None if row is None else row[0]

    def set_cve_timestamp(self, timestamp: datetime) -> None:
        """Say when vulnerabilities were read last; a time without a zone is in UTC.

        Raises `InvalidArgumentError`.
        """
        if not isinstance(timestamp, datetime):
            raise InvalidArgumentError("timestamp", timestamp, "must be a datetime")
        try:
            reached_at = timestamp.replace(tzinfo=timestamp.tzinfo or UTC).astimezone(UTC)
        except OverflowError as error:
            raise InvalidArgumentError("timestamp", timestamp, "is out of range") from error
        with self._connection() as connection:
            connection.execute(_SET_MILESTONE, {"name": _MILESTONE, "reached_at": reached_at})


def _details(details: str) -> str:
    if details is None:
        raise InvalidArgumentError("details", details, "must be a text")
    return arguments.text("details", details)
