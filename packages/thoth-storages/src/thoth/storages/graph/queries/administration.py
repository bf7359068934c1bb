"""Questions on the database itself: sizes, counts, health."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class AdministrationQueries(QueryFamily):
    """Queries on the database itself."""
