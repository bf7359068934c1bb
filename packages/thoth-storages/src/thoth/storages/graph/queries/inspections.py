"""Inspections, the runs that asked for them, and hardware."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class InspectionQueries(QueryFamily):
    """Queries on inspections."""
