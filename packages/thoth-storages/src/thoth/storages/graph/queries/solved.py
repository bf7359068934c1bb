"""Questions on which releases solvers could install, and which not."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class SolvedQueries(QueryFamily):
    """Queries on solved and unsolved releases."""
