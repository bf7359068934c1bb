"""The client of PyPI-like package indexes: pages, metadata, retries, limits."""
