"""Package indexes: which are known, and which tasks are to use."""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thoth.storages.exceptions import NotFoundError
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.family import ECOSYSTEM, QueryFamily
from thoth.storages.graph.queries.transactions import in_transaction

if TYPE_CHECKING:
    from thoth.storages.graph.connections import Connection

DELETION_SECONDS = 600
"""How long each statement may take by which an index is deleted."""

# True for a new row: a row that was there has been locked or changed by another transaction.
_REGISTER = f"""
    INSERT INTO package_index AS stored
           (ecosystem, url, warehouse_api_url, verify_ssl, enabled, only_if_package_seen)
    VALUES ('{ECOSYSTEM}', %(url)s, %(warehouse_api_url)s, %(verify_ssl)s, %(enabled)s,
            %(only_if_package_seen)s)
    ON CONFLICT (ecosystem, url) DO UPDATE
       SET warehouse_api_url = excluded.warehouse_api_url, verify_ssl = excluded.verify_ssl,
           enabled = excluded.enabled, only_if_package_seen = excluded.only_if_package_seen
    RETURNING stored.xmax = 0
"""
_SET_STATE = f"""
    UPDATE package_index SET enabled = %(enabled)s
     WHERE ecosystem = '{ECOSYSTEM}' AND url = %(url)s
    RETURNING id
"""
_IS_ENABLED = f"""
    SELECT enabled FROM package_index WHERE ecosystem = '{ECOSYSTEM}' AND url = %(url)s
"""
_ALL = f"""
    SELECT url, warehouse_api_url, verify_ssl, enabled, only_if_package_seen FROM package_index
     WHERE ecosystem = '{ECOSYSTEM}' AND (%(enabled)s::bool IS NULL OR enabled = %(enabled)s)
     ORDER BY url, id
"""
_LOCK = f"""
    SELECT id FROM package_index WHERE ecosystem = '{ECOSYSTEM}' AND url = %(url)s FOR UPDATE
"""
_LOCKS = """
    SELECT stack_lock_release.stack_lock_id
      FROM release JOIN stack_lock_release ON stack_lock_release.release_id = release.id
     WHERE release.package_index_id = %(index)s
"""
_STACKS = f"SELECT id FROM software_stack WHERE stack_lock_id IN ({_LOCKS})"
# In this order. Releases are locked in the order of their ids, as their writers do. What hangs on a
# release or an index alone goes with it (ON DELETE CASCADE).
_DELETE = (
    "SELECT FROM release WHERE package_index_id = %(index)s ORDER BY id FOR UPDATE",
    f"UPDATE inspection SET software_stack_id = NULL WHERE software_stack_id IN ({_STACKS})",
    f"""
    UPDATE dependency_monkey_response SET software_stack_id = NULL
     WHERE software_stack_id IN ({_STACKS})
    """,
    f"DELETE FROM software_stack WHERE stack_lock_id IN ({_LOCKS})",
    f"DELETE FROM stack_lock WHERE id IN ({_LOCKS})",
    "DELETE FROM unresolved WHERE package_index_id = %(index)s",
    "DELETE FROM release WHERE package_index_id = %(index)s",
    "DELETE FROM package_index WHERE id = %(index)s",
)


class PackageIndexQueries(QueryFamily):
    """Queries on package indexes."""

    def register_python_package_index(
        self,
        url: str,
        warehouse_api_url: str | None = None,
        verify_ssl: bool = True,
        enabled: bool = False,
        only_if_package_seen: bool = True,
    ) -> bool:
        """Register a package index, or change what is known of it; say whether it is new.

        `url` is that of its simple API (PEP 503), `warehouse_api_url` that of Warehouse's JSON API.
        `verify_ssl` says whether its certificate is checked, `enabled` that tasks are to use it,
        `only_if_package_seen` that they look there only for packages that it is known to have.
        Raises `InvalidArgumentError`.
        """
        parameters = {
            "url": _url(url),
            "warehouse_api_url": arguments.text("warehouse_api_url", warehouse_api_url),
            "verify_ssl": arguments.truth("verify_ssl", verify_ssl),
            "enabled": arguments.truth("enabled", enabled),
            "only_if_package_seen": arguments.truth("only_if_package_seen", only_if_package_seen),
        }
        is_new = bool(self._value(_REGISTER, parameters))
        self._cache.clear()
        return is_new

    def set_python_package_index_state(self, url: str, *, enabled: bool) -> None:
        """Say whether tasks are to use an index.

        Raises `NotFoundError` for an unknown index, `InvalidArgumentError`.
        """
        parameters = {"url": _url(url), "enabled": arguments.truth("enabled", enabled)}
        if self._row(_SET_STATE, parameters) is None:
            raise _unknown(url)
        self._cache.clear()

    def is_python_package_index_enabled(self, url: str) -> bool:
        """Say whether tasks are to use an index.

        Raises `NotFoundError` for an unknown index, `InvalidArgumentError`.
        """
        canonical = _url(url)
        row = self._cached(
            "is_python_package_index_enabled",
            canonical,
            lambda: self._row(_IS_ENABLED, {"url": canonical}),
        )
        if row is None:
            raise _unknown(url)
        return bool(row[0])

    def delete_python_package_index(self, index_url: str) -> None:
        """Forget an index and everything that is known from it alone, in one transaction.

        That is its pages, its releases with their artifacts, metadata, dependencies, changes and
        solver results, the rules, unresolved packages and findings of provenance that name it, and
        the locks that contain one of its releases, with the stacks that have these: without it they
        would be other locks. Inspections, and what advisers and checks of provenance reported,
        stay, without their stacks; packages, requirements and solver documents stay.
        To keep what is known, disable the index instead (`set_python_package_index_state`).

        Raises `NotFoundError` for an unknown index, `InvalidArgumentError`.
        """
        url = _url(index_url, "index_url")
        with self._connection() as connection:
            is_known = in_transaction(connection, lambda: _delete(connection, url))
        if not is_known:
            raise _unknown(url)
        self._cache.clear()

    def get_python_package_index_all(self, enabled: bool | None = None) -> list[dict[str, Any]]:
        """List the known indexes by URL, the enabled or disabled ones where that is asked for.

        An entry has `url`, `warehouse_api_url` (or None), `verify_ssl`, `enabled` and
        `only_if_package_seen`. Raises `InvalidArgumentError`.
        """
        names = ("url", "warehouse_api_url", "verify_ssl", "enabled", "only_if_package_seen")
        rows = self._rows(_ALL, {"enabled": arguments.flag("enabled", enabled)})
        return [dict(zip(names, row, strict=True)) for row in rows]

    def get_python_package_index_urls_all(self, enabled: bool | None = None) -> list[str]:
        """List the URLs of the indexes that `get_python_package_index_all` lists."""
        return [entry["url"] for entry in self.get_python_package_index_all(enabled)]


def _delete(connection: Connection, url: str) -> bool:
    connection.execute(f"SET LOCAL statement_timeout = '{DELETION_SECONDS}s'")
    row = connection.execute(_LOCK, {"url": url}).fetchone()
    if row is None:
        return False
    for statement in _DELETE:
        connection.execute(statement, {"index": row[0]})
    return True


def _url(url: str, argument: str = "url") -> str:
    canonical = arguments.index_url(arguments.required(argument, url), argument=argument)
    assert canonical is not None  # noqa: S101 - only None has none
    return canonical


def _unknown(url: str) -> NotFoundError:
    return NotFoundError(
        f"the package index {arguments.index_url(url)}",
        "Call register_python_package_index() first.",
    )
