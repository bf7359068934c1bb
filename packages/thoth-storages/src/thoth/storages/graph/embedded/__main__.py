"""Entry of the supervisor process: `python -I -S <this directory> <data directory>`.

The order (see `supervisor.Order`) is read from standard input, one report is written to standard
output. The process detaches first. It then imports this room by its real names but without the
packages above it, whose imports (SQLAlchemy and others) would cost more than starting PostgreSQL.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType


def _import_without_parents() -> None:
    """Make `thoth.storages.graph.embedded` importable without running any `__init__`."""
    directory = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    name = "thoth.storages.graph.embedded"
    while name:
        package = ModuleType(name)
        package.__path__ = [directory]
        sys.modules[name] = package
        name = name.rpartition(".")[0]
        directory = os.path.dirname(directory)  # noqa: PTH120


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    _import_without_parents()
    from thoth.storages.graph.embedded.supervisor import main

    main()
