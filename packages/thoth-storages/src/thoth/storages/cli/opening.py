"""Opening a graph that is only read: nothing is made where nothing is known yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thoth.storages.exceptions import SchemaMismatchError

if TYPE_CHECKING:
    from thoth.storages.graph.database import GraphDatabase


def existing_graph() -> GraphDatabase:
    """Return the graph that the variables name, not connected yet.

    Raises `SchemaMismatchError` where it is an embedded one that does not exist yet.
    """
    from thoth.storages.graph.database import GraphDatabase

    graph = GraphDatabase()
    if graph.is_new:
        place = f"the embedded server in {graph.settings.data_dir / 'postgresql'}"
        raise SchemaMismatchError(place, None, graph.get_script_alembic_version_head())
    return graph
