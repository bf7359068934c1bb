"""Rules that keep solvers from releases."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class RuleQueries(QueryFamily):
    """Queries on rules."""
