"""Thoth Storages: the knowledge graph and the documents of Thoth."""
