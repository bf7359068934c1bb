"""Questions on the database itself: sizes, counts, health."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import errors, sql

from thoth.storages.exceptions import InvalidArgumentError
from thoth.storages.graph.queries.family import QueryFamily

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thoth.storages.graph.models import Base, BaseExtension

READ_THROUGH_SECONDS = 600
"""How long reading one table in full may take when corruption is looked for."""

# What the server itself has noticed: blocks whose checksum was wrong (null where it keeps none),
# indexes that were never finished, constraints that were never checked.
_NOTICED = """
    SELECT coalesce((SELECT checksum_failures > 0 FROM pg_stat_database
                      WHERE datname = current_database()), false)
        OR EXISTS (SELECT FROM pg_index
                     JOIN pg_class ON pg_class.oid = pg_index.indrelid
                    WHERE pg_class.relnamespace = current_schema()::regnamespace
                      AND NOT (pg_index.indisvalid AND pg_index.indisready))
        OR EXISTS (SELECT FROM pg_constraint
                    WHERE connamespace = current_schema()::regnamespace AND NOT convalidated)
"""
# The hash of a row needs every value of it, those that are kept out of line included.
_READ_THROUGH = "SELECT count(hash_record({table})) FROM {table}"
_DAMAGED = (errors.InternalError, errors.UndefinedFile, errors.IoError)

# Tables of all schemas that are not PostgreSQL's own, so that the queue's are seen too.
_SIZES = """
    SELECT nspname::text, relname::text,
           pg_table_size(pg_class.oid), pg_indexes_size(pg_class.oid)
      FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE relkind = 'r' AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
     ORDER BY nspname <> 'public', nspname, relname
"""

# The size that a table's rows would have without gaps, from the planner's statistics: per row a
# header of 23 bytes with a bit for each column where one is null, and its columns at their average
# stored widths, rounded up to a multiple of 8, and a pointer of 4 bytes; of each block, 24 bytes
# are a header, and `fillfactor` says how much of the rest is used.
_TABLE_BLOAT = """
    WITH columns AS (
        SELECT pg_class.oid, pg_class.relname, pg_class.reltuples,
               current_setting('block_size')::int AS block,
               coalesce((SELECT option_value::int FROM pg_options_to_table(pg_class.reloptions)
                          WHERE option_name = 'fillfactor'), 100) AS fillfactor,
               count(*) AS number, count(pg_stats.attname) AS described,
               bool_or(coalesce(pg_stats.null_frac, 0) > 0) AS has_nulls,
               coalesce(sum((1 - pg_stats.null_frac) * pg_stats.avg_width), 0) AS width
          FROM pg_class
          JOIN pg_attribute ON pg_attribute.attrelid = pg_class.oid
                           AND pg_attribute.attnum > 0 AND NOT pg_attribute.attisdropped
          LEFT JOIN pg_stats ON pg_stats.schemaname = current_schema()
                            AND pg_stats.tablename = pg_class.relname
                            AND pg_stats.attname = pg_attribute.attname
                            AND NOT pg_stats.inherited
         WHERE pg_class.relkind = 'r' AND pg_class.relnamespace = current_schema()::regnamespace
         GROUP BY pg_class.oid),
    rows AS (
        SELECT *, 4 + 8 * ceil((23 + CASE WHEN has_nulls THEN ceil(number / 8.0) ELSE 0 END) / 8)
                    + 8 * ceil(width / 8) AS row_size
          FROM columns),
    sizes AS (
        SELECT *, pg_relation_size(oid) AS size,
               CASE WHEN reltuples < 0 OR described < number THEN NULL
                    ELSE block * ceil(reltuples * row_size / ((block - 24) * fillfactor / 100.0))
               END::bigint AS expected
          FROM rows)
    SELECT sizes.relname::text, size, expected,
           pg_stat_get_live_tuples(oid), pg_stat_get_dead_tuples(oid)
      FROM sizes ORDER BY sizes.relname
"""
# The size that a B-tree's entries would have without gaps: each has a header of 8 bytes, a bitmap
# of 8 where a key is null, its keys, rounded up, and a pointer of 4 bytes; of a block, 24 bytes are
# its header, 16 those of the tree, and `fillfactor` (90) says how much is used. One block is the
# tree's own. Equal entries are stored once (deduplication), so this is an upper bound.
_INDEX_BLOAT = """
    WITH columns AS (
        SELECT index.oid, index.relname, owner.relname AS table_name, index.reltuples,
               current_setting('block_size')::int AS block,
               coalesce((SELECT option_value::int FROM pg_options_to_table(index.reloptions)
                          WHERE option_name = 'fillfactor'), 90) AS fillfactor,
               count(*) AS number, count(pg_stats.attname) AS described,
               bool_or(coalesce(pg_stats.null_frac, 0) > 0) AS has_nulls,
               coalesce(sum((1 - pg_stats.null_frac) * pg_stats.avg_width), 0) AS width
          FROM pg_index
          JOIN pg_class AS index ON index.oid = pg_index.indexrelid
          JOIN pg_class AS owner ON owner.oid = pg_index.indrelid
          JOIN pg_am ON pg_am.oid = index.relam AND pg_am.amname = 'btree'
          JOIN pg_attribute ON pg_attribute.attrelid = index.oid AND pg_attribute.attnum > 0
          LEFT JOIN pg_attribute AS source
                 ON source.attrelid = owner.oid
                AND source.attnum = pg_index.indkey[pg_attribute.attnum - 1]
                AND source.attnum > 0
          LEFT JOIN pg_stats
                 ON pg_stats.schemaname = current_schema()
                AND (pg_stats.tablename, pg_stats.attname) =
                    CASE WHEN source.attname IS NULL THEN (index.relname, pg_attribute.attname)
                         ELSE (owner.relname, source.attname) END
                AND NOT pg_stats.inherited
         WHERE index.relnamespace = current_schema()::regnamespace
         GROUP BY index.oid, index.relname, owner.relname, index.reltuples, index.reloptions),
    sizes AS (
        SELECT *, pg_relation_size(oid) AS size,
               CASE WHEN reltuples < 0 OR described < number THEN NULL
                    ELSE block * (1 + ceil(
                        reltuples
                        * (12 + CASE WHEN has_nulls THEN 8 ELSE 0 END + 8 * ceil(width / 8))
                        / ((block - 40) * fillfactor / 100.0)))
               END::bigint AS expected
          FROM columns)
    SELECT sizes.relname::text, sizes.table_name::text, size, expected
      FROM sizes ORDER BY sizes.table_name, sizes.relname
"""


class AdministrationQueries(QueryFamily):
    """Queries on the database itself."""

    def get_alembic_version_count_all(self) -> int:
        """Count the marks of migrations: 1 once the schema is initialised."""
        return int(self._value("SELECT count(*) FROM alembic_version"))

    def get_database_size(self) -> int:
        """Return how much the database takes on disk, indexes and all, in bytes."""
        return int(self._value("SELECT pg_database_size(current_database())"))

    def get_database_name(self) -> str:
        """Return the name of the database on its server."""
        return str(self._value("SELECT current_database()"))

    def get_table_sizes(self) -> list[dict[str, Any]]:
        """List the tables of all schemas but PostgreSQL's own, `public` first, then by name.

        An entry has `schema`, `table`, `rows` (counted: about a second for ten million of them),
        `table_bytes` and `index_bytes`.
        """
        with self._connection() as connection:
            found = connection.execute(_SIZES).fetchall()
            counts = sql.SQL(", ").join(
                sql.SQL("(SELECT count(*) FROM {})").format(sql.Identifier(schema, table))
                for schema, table, _, _ in found
            )
            rows = connection.execute(sql.SQL("SELECT {}").format(counts)).fetchone() or ()
        names = ("schema", "table", "rows", "table_bytes", "index_bytes")
        return [
            dict(zip(names, (schema, table, count, *sizes), strict=True))
            for (schema, table, *sizes), count in zip(found, rows, strict=True)
        ]

    def is_database_corrupted(self) -> bool:
        """Say whether damage is found in the database.

        Looks at what the server has noticed (blocks with wrong checksums since its statistics were
        reset, indexes that are invalid, constraints that were not checked), then reads every value
        of every table of ours, which the server refuses where a block or a value is damaged. That
        takes its time on a large graph. Damage inside an index that leaves its blocks readable is
        not found: `pg_amcheck`, which is not on every server, looks for that.
        """
        if self._value(_NOTICED):
            return True
        tables = [sql.Identifier(model.__tablename__) for model in _models()]
        with self._connection() as connection:
            try:
                with connection.transaction():
                    connection.execute(f"SET LOCAL statement_timeout = '{READ_THROUGH_SECONDS}s'")
                    for table in tables:
                        connection.execute(sql.SQL(_READ_THROUGH).format(table=table))
            except _DAMAGED:
                return True
        return False

    def get_bloat_data(self) -> list[dict[str, Any]]:
        """List the tables with the space that their gaps take, by name; sizes in bytes.

        An entry has `table`, `size` (without indexes and without values that are kept out of line),
        `expected_size` (of the rows alone), `bloat_size`, `bloat_ratio` (0 to 1), `live_rows` and
        `dead_rows`. Estimated from the planner's statistics: what depends on them is None for a
        table that has none yet; ANALYZE makes them.
        """
        names = ("table", "size", "expected_size", "live_rows", "dead_rows")
        rows = self._rows(_TABLE_BLOAT)
        return [_with_bloat(dict(zip(names, row, strict=True))) for row in rows]

    def get_index_bloat_data(self) -> list[dict[str, Any]]:
        """List the B-tree indexes with the space that their gaps take, by table and name.

        An entry has `index`, `table`, `size`, `expected_size`, `bloat_size` (in bytes) and
        `bloat_ratio` (0 to 1), estimated as `get_bloat_data` does.
        """
        names = ("index", "table", "size", "expected_size")
        rows = self._rows(_INDEX_BLOAT)
        return [_with_bloat(dict(zip(names, row, strict=True))) for row in rows]

    def get_main_table_count(self) -> dict[str, int]:
        """Count the rows of each table of things, by table name."""
        related, indicators = _relation_models(), _performance_models()
        return self._counts(
            model for model in _models() if model not in related and model not in indicators
        )

    def get_relation_table_count(self) -> dict[str, int]:
        """Count the rows of each table that relates rows of others, by table name."""
        return self._counts(_relation_models())

    def get_performance_table_count(self) -> dict[str, int]:
        """Count the rows of each table of performance indicators, by table name."""
        return self._counts(_performance_models())

    def get_entity_count(self, entity: type[Base | BaseExtension]) -> int:
        """Count the rows of a model's table, such as `thoth.storages.graph.models.Release`.

        Raises `InvalidArgumentError` for anything but a model with a table.
        """
        from thoth.storages.graph.models import Base

        if not (isinstance(entity, type) and issubclass(entity, Base) and entity is not Base):
            raise InvalidArgumentError("entity", entity, "must be a model of the knowledge graph")
        return next(iter(self._counts([entity]).values()))

    def _counts(self, models: Iterable[type[Base]]) -> dict[str, int]:
        """Count the rows of tables as they were at one moment."""
        counts = (
            sql.SQL("SELECT {}, count(*) FROM {}").format(
                sql.Literal(model.__tablename__), sql.Identifier(model.__tablename__)
            )
            for model in models
        )
        statement = sql.SQL(" UNION ALL ").join(counts) + sql.SQL(" ORDER BY 1")
        with self._connection() as connection:
            return dict(connection.execute(statement).fetchall())


def _with_bloat(entry: dict[str, Any]) -> dict[str, Any]:
    size, expected = entry["size"], entry["expected_size"]
    bloat = None if expected is None else max(size - expected, 0)
    return {
        **entry,
        "bloat_size": bloat,
        "bloat_ratio": None if bloat is None else bloat / max(size, 1),
    }


def _models() -> list[type[Base]]:
    """Return all models in the order of their tables' names; importing them takes its time."""
    from thoth.storages.graph.models import Base

    models = [mapper.class_ for mapper in Base.registry.mappers]
    return sorted(models, key=lambda model: model.__tablename__)


def _relation_models() -> list[type[Base]]:
    from thoth.storages.graph.models import BaseExtension

    return [model for model in _models() if issubclass(model, BaseExtension)]


def _performance_models() -> list[type[Base]]:
    from thoth.storages.graph.models_performance import PerformanceIndicatorBase

    return [model for model in _models() if issubclass(model, PerformanceIndicatorBase)]
