"""What all query families share: how they ask, and how they list in parts.

A family is a class of public queries on one subject; `GraphDatabase` is composed of all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from thoth.storages.exceptions import InvalidArgumentError
from thoth.storages.graph.queries import arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from contextlib import AbstractContextManager

    from thoth.storages.graph.cache import AnswerCache
    from thoth.storages.graph.connections import Connection

ECOSYSTEM = "pypi"
"""The ecosystem of the queries that have `python` in their names."""

Row: TypeAlias = tuple[Any, ...]
_T = TypeVar("_T")


class QueryFamily(ABC):
    """Asks through the connections and the cache of the adapter that it is part of."""

    _cache: AnswerCache

    @abstractmethod
    def _connection(self) -> AbstractContextManager[Connection]:
        """Lend a connection in autocommit mode; errors of psycopg leave as ours."""

    def _rows(self, statement: str, parameters: Mapping[str, object] | None = None) -> list[Row]:
        """Return all rows of a statement of ours, in one round trip."""
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            return cursor.execute(statement, parameters).fetchall()

    def _row(self, statement: str, parameters: Mapping[str, object] | None = None) -> Row | None:
        """Return the first row of a statement of ours, or None."""
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            return cursor.execute(statement, parameters).fetchone()

    def _value(self, statement: str, parameters: Mapping[str, object] | None = None) -> Any:
        """Return the one value that a statement of ours always gives."""
        row = self._row(statement, parameters)
        assert row is not None  # noqa: S101 - such statements give a row whatever is stored
        return row[0]

    def _cached(self, name: str, question: Hashable, answer: Callable[[], _T]) -> _T:
        """Return an answer, from the adapter's cache where it is known."""
        try:
            return self._cache.get((name, question), answer)
        except TypeError as error:
            raise InvalidArgumentError(name, question, "has arguments of wrong types") from error


class Conditions:
    """The conditions of a statement, joined by AND; only constants of ours become its text."""

    def __init__(self, **parameters: object) -> None:
        self.parameters: dict[str, object] = parameters
        self._conditions: list[str] = []

    def add(self, condition: str, **parameters: object) -> None:
        """Add a condition with the parameters that it names."""
        self._conditions.append(condition)
        self.parameters.update(parameters)

    def add_all(self, others: Conditions) -> None:
        """Add the conditions of another one, with their parameters."""
        self._conditions += others._conditions
        self.parameters.update(others.parameters)

    def __bool__(self) -> bool:
        """Tell whether there are conditions."""
        return bool(self._conditions)

    def where(self) -> str:
        """Return the WHERE clause, empty where there are no conditions."""
        return f" WHERE {' AND '.join(self._conditions)} " if self._conditions else " "

    def part(self, start_offset: int, count: int | None) -> str:
        """Return the clause that chooses a part of an ordered listing."""
        offset, limit = arguments.page(start_offset, count)
        # Numbers in the text: how much is wanted decides how PostgreSQL looks for it.
        return f" LIMIT {'ALL' if limit is None else int(limit)} OFFSET {int(offset)} "
