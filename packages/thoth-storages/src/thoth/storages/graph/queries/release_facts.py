"""Questions on single releases: hashes, metadata, import names, flags."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class ReleaseFactQueries(QueryFamily):
    """Queries on what is known of a release."""
