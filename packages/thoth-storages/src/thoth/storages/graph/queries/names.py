"""Writing names of packages, URLs of indexes and requirements, in the caller's transaction.

For what is no release: what is recorded of releases brings its names along. All names of a
transaction are added in one go, before anything that refers to them: in two goes, writers of other
transactions may wait for one another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from thoth.storages.graph import json_values
from thoth.storages.graph.queries import release_statements as sql
from thoth.storages.graph.queries.family import ECOSYSTEM
from thoth.storages.graph.queries.release_batches import read_requirement, requirement_digest
from thoth.storages.graph.queries.release_writer import requirement_row
from thoth.storages.graph.queries.transactions import whole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from thoth.storages.graph.connections import Connection


class NameIds(NamedTuple):
    """Ids of packages by name, and of indexes by URL."""

    packages: dict[str, int]
    indexes: dict[str, int]


def record_names(
    connection: Connection, packages: Collection[str], index_urls: Collection[str]
) -> NameIds:
    """Return the ids of packages and indexes, normalised; they are added where they are unknown."""
    return NameIds(
        _record(connection, sql.FIND_PACKAGES, sql.ADD_PACKAGES, "names", packages),
        _record(connection, sql.FIND_INDEXES, sql.ADD_INDEXES, "urls", index_urls),
    )


def _record(
    connection: Connection, find: str, add: str, parameter: str, names: Collection[str]
) -> dict[str, int]:
    if not names:
        return {}

    def asked(wanted: Iterable[str]) -> dict[str, object]:
        return {"ecosystem": ECOSYSTEM, parameter: sorted(set(wanted))}

    found: dict[str, int] = dict(connection.execute(find, asked(names)).fetchall())
    for statement in (add, find):
        missing = [name for name in names if name not in found]
        if missing:
            found.update(connection.execute(statement, asked(missing)).fetchall())
    return whole(found, names)


def record_requirements(
    connection: Connection, texts: Collection[str], packages: dict[str, int]
) -> dict[str, int]:
    """Return the ids of requirements (PEP 508) by their texts; they are added where unknown.

    `packages` are the ids of the packages that they name. A text that names no package is left out.
    """
    read = {text: read_requirement(text) for text in texts}
    wanted = {
        requirement_digest(requirement.text): requirement
        for requirement in read.values()
        if requirement is not None
    }
    if not wanted:
        return {}
    digests = {"digests": sorted(wanted)}
    found: dict[bytes, int] = dict(connection.execute(sql.FIND_REQUIREMENTS, digests).fetchall())
    missing = [digest for digest in digests["digests"] if digest not in found]
    if missing:
        rows = [
            requirement_row(wanted[digest], digest, packages[wanted[digest].name])
            for digest in missing
        ]
        added = {"rows": json_values.plain(rows)}
        connection.execute(sql.ADD_REQUIREMENTS, added)
        found.update(connection.execute(sql.FIND_REQUIREMENTS, {"digests": missing}).fetchall())
    whole(found, wanted)
    return {
        text: found[requirement_digest(requirement.text)]
        for text, requirement in read.items()
        if requirement is not None
    }
