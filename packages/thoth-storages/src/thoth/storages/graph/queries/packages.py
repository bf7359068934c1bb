"""Questions on packages and their releases: what is there."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class PackageQueries(QueryFamily):
    """Queries on packages and releases."""
