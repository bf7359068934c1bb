"""PostgreSQL from a wheel: a server that nobody installs and that ends with its last user.

Here live the programs (`binaries`), what a data directory holds (`layout`), the client's side
(`lifecycle`), and the supervisor process (`supervisor`, `postmaster`, `processes`). What is asked
of the server, tables and queries, lives elsewhere. The room needs the standard library only.
"""

from __future__ import annotations

from .lifecycle import EmbeddedServer, ServerLease, is_initialised

__all__ = ["EmbeddedServer", "ServerLease", "is_initialised"]
