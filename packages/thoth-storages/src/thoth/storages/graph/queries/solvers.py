"""Questions on solver results."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class SolverQueries(QueryFamily):
    """Queries on solver results."""
