"""Questions on what changed, and on releases by licence or by their files."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class HistoryQueries(QueryFamily):
    """Queries on changes, licences, files."""
