"""Where the command finds its package indexes: flags, `THOTH_*`, uv's settings, pip's, PyPI."""

from thoth.dependency_monkey.cli.configuration.discovery import (
    ConfiguredIndex,
    IndexConfiguration,
    discover_indexes,
)
from thoth.dependency_monkey.cli.configuration.sources import Places

__all__ = ["ConfiguredIndex", "IndexConfiguration", "Places", "discover_indexes"]
