"""Writing stacks: requirements, locks with their releases, and what they are for, each once."""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from thoth.storages.graph.queries.environments import record_software
from thoth.storages.graph.queries.family import ECOSYSTEM
from thoth.storages.graph.queries.releases import record_releases
from thoth.storages.graph.queries.transactions import whole
from thoth.storages.sync.stack_documents import release_records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from thoth.storages.graph.connections import Connection
    from thoth.storages.graph.queries.environments import SoftwareKey
    from thoth.storages.sync.stack_documents import Lock, Requirements, Stack

# What is found is locked, so that nobody deletes it before it is referred to.
_FIND_REQUIREMENTS = f"""
    SELECT digest, id FROM stack_requirements
     WHERE ecosystem = '{ECOSYSTEM}' AND digest = ANY(%(digests)s) FOR KEY SHARE
"""
_ADD_REQUIREMENTS = f"""
    INSERT INTO stack_requirements (ecosystem, digest, requirements)
    SELECT '{ECOSYSTEM}', digest, requirements::jsonb
      FROM unnest(%(digests)s::bytea[], %(texts)s::text[]) AS new (digest, requirements)
     ORDER BY digest
    ON CONFLICT DO NOTHING
"""
_FIND_LOCKS = f"""
    SELECT digest, id FROM stack_lock
     WHERE ecosystem = '{ECOSYSTEM}' AND digest = ANY(%(digests)s) FOR KEY SHARE
"""
_ADD_LOCKS = f"""
    INSERT INTO stack_lock (ecosystem, digest)
    SELECT '{ECOSYSTEM}', digest FROM unnest(%(digests)s::bytea[]) AS new (digest)
     ORDER BY digest
    ON CONFLICT DO NOTHING
    RETURNING digest, id
"""
_ADD_LOCK_RELEASES = """
    INSERT INTO stack_lock_release (stack_lock_id, release_id)
    SELECT * FROM unnest(%(locks)s::int[], %(releases)s::int[])
    ON CONFLICT DO NOTHING
"""
_WANTED = """
    unnest(%(requirements)s::int[], %(locks)s::int[], %(environments)s::int[], %(types)s::text[],
           %(are_external)s::bool[])
        WITH ORDINALITY AS wanted (requirements, lock, environment, type, is_external, number)
"""
_SAME = """
       AND stored.stack_requirements_id IS NOT DISTINCT FROM wanted.requirements
       AND stored.software_environment_id IS NOT DISTINCT FROM wanted.environment
       AND stored.software_stack_type = wanted.type AND stored.is_external = wanted.is_external
"""
# In two parts, each of which an index answers.
_FIND_STACKS = f"""
    SELECT wanted.number, found.id
      FROM {_WANTED},
           LATERAL (SELECT id FROM software_stack AS stored
                     WHERE stored.stack_lock_id = wanted.lock {_SAME} FOR KEY SHARE) AS found
    UNION ALL
    SELECT wanted.number, found.id
      FROM {_WANTED},
           LATERAL (SELECT id FROM software_stack AS stored
                     WHERE wanted.lock IS NULL AND stored.stack_lock_id IS NULL
                       AND stored.stack_requirements_id = wanted.requirements
                       {_SAME} FOR KEY SHARE) AS found
"""
_ADD_STACKS = f"""
    INSERT INTO software_stack
           (stack_requirements_id, stack_lock_id, software_environment_id, software_stack_type,
            is_external, recorded_at)
    SELECT requirements, lock, environment, type, is_external, now()
      FROM {_WANTED}
     ORDER BY requirements, lock, environment, type, is_external
    ON CONFLICT DO NOTHING
"""

# What may refer to a stack, each by its software_stack_id.
REFERRING = (
    "adviser_product",
    "adviser_run",
    "dependency_monkey_response",
    "inspection",
    "provenance_run",
)
_LOCK_STACKS = "SELECT id FROM software_stack WHERE id = ANY(%(stacks)s) ORDER BY id FOR UPDATE"
_DELETE_UNREFERRED = f"""
    DELETE FROM software_stack AS stored
     WHERE id = ANY(%(stacks)s)
       AND {
    " AND ".join(
        f"NOT EXISTS (SELECT FROM {table} WHERE software_stack_id = stored.id)"
        for table in REFERRING
    )
}
"""


class StackOrigin(NamedTuple):
    """What a stack is for, and whether a user gave it."""

    software_stack_type: str
    is_external: bool


ADVISED = StackOrigin("ADVISED", is_external=False)
INSPECTED = StackOrigin("INSPECTION", is_external=False)
OF_A_USER = StackOrigin("USER", is_external=True)


def record_requirements(
    connection: Connection, requirements: Iterable[Requirements]
) -> dict[bytes, int]:
    """Return the ids of requirements by digest; they are added where they are not known."""
    wanted = {each.digest: each.canonical for each in requirements}
    if not wanted:
        return {}
    found: dict[bytes, int] = dict(
        connection.execute(_FIND_REQUIREMENTS, {"digests": list(wanted)}).fetchall()
    )
    missing = [digest for digest in wanted if digest not in found]
    if missing:
        parameters = {"digests": missing, "texts": [wanted[digest] for digest in missing]}
        connection.execute(_ADD_REQUIREMENTS, parameters)
        found.update(connection.execute(_FIND_REQUIREMENTS, {"digests": missing}).fetchall())
    return whole(found, wanted)


def record_stacks(
    connection: Connection, wanted: Sequence[tuple[Stack | None, StackOrigin]]
) -> list[int | None]:
    """Return the ids of stacks, in the order given; they are added where they are not known.

    None has none. The releases of their locks are recorded with them. For the caller's transaction,
    which may fail for another's sake (`in_transaction` tries it again).
    """
    return _record(connection, wanted, _parts(connection, wanted))


def record_stacks_of_run(
    connection: Connection,
    wanted: Sequence[tuple[Stack | None, StackOrigin]],
    requirements: Requirements | None,
    environment: SoftwareKey | None,
) -> tuple[list[int | None], dict[str, int | None]]:
    """Return the ids of stacks, and the columns that say what a run was given.

    That is requirements and an environment, which are added where they are not known; the stacks
    are recorded as `record_stacks` does.
    """
    parts = _parts(connection, wanted, requirements, environment)
    columns = {
        "stack_requirements_id": parts.id_of_requirements(requirements),
        "software_environment_id": parts.id_of_environment(environment),
    }
    return _record(connection, wanted, parts), columns


class _Parts(NamedTuple):
    """Ids of what stacks consist of."""

    locks: dict[bytes, int]
    requirements: dict[bytes, int]
    environments: dict[SoftwareKey, int]

    def id_of_requirements(self, requirements: Requirements | None) -> int | None:
        return None if requirements is None else self.requirements[requirements.digest]

    def id_of_environment(self, environment: SoftwareKey | None) -> int | None:
        return None if environment is None else self.environments[environment]


def _parts(
    connection: Connection,
    wanted: Sequence[tuple[Stack | None, StackOrigin]],
    requirements: Requirements | None = None,
    environment: SoftwareKey | None = None,
) -> _Parts:
    """Find or add what stacks consist of, and what is given besides, each kind in one go."""
    stacks = [stack for stack, _ in wanted if stack is not None]
    all_requirements = [requirements, *(stack.requirements for stack in stacks)]
    environments = [environment, *(stack.environment for stack in stacks)]
    return _Parts(
        _record_locks(connection, [stack.lock for stack in stacks if stack.lock is not None]),
        record_requirements(connection, [each for each in all_requirements if each is not None]),
        record_software(connection, [each for each in environments if each is not None]),
    )


def _record(
    connection: Connection, wanted: Sequence[tuple[Stack | None, StackOrigin]], parts: _Parts
) -> list[int | None]:
    keys = [
        None
        if stack is None
        else (
            parts.id_of_requirements(stack.requirements),
            None if stack.lock is None else parts.locks[stack.lock.digest],
            parts.id_of_environment(stack.environment),
            *origin,
        )
        for stack, origin in wanted
    ]
    distinct = list(dict.fromkeys(key for key in keys if key is not None))
    if not distinct:
        return [None] * len(keys)
    parameters = {
        "requirements": [key[0] for key in distinct],
        "locks": [key[1] for key in distinct],
        "environments": [key[2] for key in distinct],
        "types": [key[3] for key in distinct],
        "are_external": [key[4] for key in distinct],
    }
    found = connection.execute(_FIND_STACKS, parameters).fetchall()
    if len(found) < len(distinct):
        connection.execute(_ADD_STACKS, parameters)
        found = connection.execute(_FIND_STACKS, parameters).fetchall()
    ids = whole({distinct[number - 1]: row for number, row in found}, distinct)
    return [None if key is None else ids[key] for key in keys]


def stacks_of_run(connection: Connection, statement: str, run: int) -> set[int]:
    """Return the ids of the stacks that a statement finds for `%(run)s`."""
    return {row for (row,) in connection.execute(statement, {"run": run}) if row is not None}


def delete_unreferred(connection: Connection, stacks: Collection[int]) -> None:
    """Delete those of the stacks that nothing refers to any more.

    They are locked first: who finds one is waited for, and counts then as one that refers to it.
    """
    if stacks:
        former = {"stacks": list(stacks)}
        connection.execute(_LOCK_STACKS, former)
        connection.execute(_DELETE_UNREFERRED, former)


def locked_names(stacks: Iterable[Stack | None]) -> tuple[set[str], set[str]]:
    """Return the names of packages, and the URLs of indexes, that the locks of stacks have."""
    releases = [
        release
        for stack in stacks
        if stack is not None and stack.lock is not None
        for release in stack.lock.releases
    ]
    return {name for name, _, _ in releases}, {url for _, _, url in releases if url is not None}


def _record_locks(connection: Connection, locks: Sequence[Lock]) -> dict[bytes, int]:
    if not locks:
        return {}
    # Of equal locks, each may know other hashes of the releases.
    records = release_records(locks)
    wanted = {lock.digest: lock for lock in locks}
    releases = dict(
        zip(
            ((record.package, record.version, record.index_url) for record in records),
            record_releases(connection, records),
            strict=True,
        )
    )
    found: dict[bytes, int] = dict(
        connection.execute(_FIND_LOCKS, {"digests": list(wanted)}).fetchall()
    )
    missing = [digest for digest in wanted if digest not in found]
    if missing:
        added = connection.execute(_ADD_LOCKS, {"digests": missing}).fetchall()
        pairs = sorted(
            (row, releases[release]) for digest, row in added for release in wanted[digest].releases
        )
        columns = {"locks": [pair[0] for pair in pairs], "releases": [pair[1] for pair in pairs]}
        connection.execute(_ADD_LOCK_RELEASES, columns)
        found.update(connection.execute(_FIND_LOCKS, {"digests": missing}).fetchall())
    return whole(found, wanted)
