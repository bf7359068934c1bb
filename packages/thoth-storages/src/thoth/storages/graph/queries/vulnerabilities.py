"""Vulnerabilities of releases."""

from __future__ import annotations

from thoth.storages.graph.queries.family import QueryFamily


class VulnerabilityQueries(QueryFamily):
    """Queries on vulnerabilities."""
