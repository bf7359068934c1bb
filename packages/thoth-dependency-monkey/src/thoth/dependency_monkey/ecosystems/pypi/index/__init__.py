"""The client of PyPI-like package indexes: pages, metadata, retries, limits.

Nothing is exported here on purpose: `client` and `transport` load the HTTP library, which a run
that asks no index must not pay for. Import from the modules: `client.HttpIndex`,
`limits.IndexLimits`, `credentials.canonical_index_url`.
"""
