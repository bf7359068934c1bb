"""The package indexes that are known, and what tasks may do with them."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class PackageIndexQueries(QueryFamily):
    """Queries on package indexes."""
