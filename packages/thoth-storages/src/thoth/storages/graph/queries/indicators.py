"""Questions on performance indicators."""

from __future__ import annotations

from psycopg import sql

from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.family import QueryFamily

# The tables of indicators, those that a user added included: they have a component, and belong to a
# repetition of an inspection. Asked of the database, so that no model needs to be imported.
_TABLES = """
    SELECT pg_class.relname::text
      FROM pg_constraint
      JOIN pg_class ON pg_class.oid = pg_constraint.conrelid
      JOIN pg_attribute ON pg_attribute.attrelid = pg_class.oid
                       AND pg_attribute.attname = 'component' AND NOT pg_attribute.attisdropped
     WHERE pg_constraint.contype = 'f'
       AND pg_constraint.confrelid = 'inspection_result'::regclass
     ORDER BY 1
"""
_COUNT = sql.SQL("SELECT {name}, count(*) FROM {table} WHERE component = %(component)s")
# Skips from one component to the next along the index on them.
_COMPONENTS = sql.SQL(
    "(WITH RECURSIVE next_component AS ("
    "   (SELECT own.component AS value FROM {table} AS own ORDER BY 1 LIMIT 1)"
    "   UNION ALL"
    "   SELECT (SELECT own.component FROM {table} AS own"
    "            WHERE own.component > next_component.value ORDER BY 1 LIMIT 1)"
    "     FROM next_component WHERE next_component.value IS NOT NULL)"
    " SELECT value FROM next_component WHERE value <> '')"
)


class IndicatorQueries(QueryFamily):
    """Queries on performance indicators."""

    def get_pi_count(self, component: str) -> dict[str, int]:
        """Count the performance indicators of a component, such as `tensorflow`, by table name.

        `performance_indicator` holds those without a table of their own. A table without any is 0.
        Raises `InvalidArgumentError`.
        """
        parameters = {"component": arguments.required("component", component)}
        counts = [
            _COUNT.format(name=sql.Literal(name), table=sql.Identifier(name))
            for name in self._indicator_tables()
        ]
        with self._connection() as connection:
            return dict(connection.execute(sql.SQL(" UNION ALL ").join(counts), parameters))

    def get_pi_component_all(self) -> list[str]:
        """List the components that performance indicators were measured of, sorted."""
        parts = [
            _COMPONENTS.format(table=sql.Identifier(name)) for name in self._indicator_tables()
        ]
        statement = sql.SQL(" UNION ").join(parts) + sql.SQL(" ORDER BY 1")
        with self._connection() as connection:
            return [name for (name,) in connection.execute(statement)]

    def _indicator_tables(self) -> list[str]:
        return [name for (name,) in self._rows(_TABLES)]
