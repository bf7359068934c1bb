"""Questions on who requires a package, and what goes with what."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class DependentQueries(QueryFamily):
    """Queries on dependents and compatibility."""
