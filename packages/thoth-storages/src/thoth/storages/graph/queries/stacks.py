"""Questions on software stacks."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class StackQueries(QueryFamily):
    """Queries on software stacks."""
