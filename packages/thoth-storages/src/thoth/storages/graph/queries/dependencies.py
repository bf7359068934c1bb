"""Questions on what releases require."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class DependencyQueries(QueryFamily):
    """Queries on declared dependencies."""
