"""Questions that follow dependencies as far as they go."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class TransitiveQueries(QueryFamily):
    """Queries on dependencies of dependencies."""
