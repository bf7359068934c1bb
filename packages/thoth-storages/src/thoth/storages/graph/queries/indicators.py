"""Questions on performance indicators."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class IndicatorQueries(QueryFamily):
    """Queries on performance indicators."""
