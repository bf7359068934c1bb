"""The knowledge graph: its connection, tables, migrations and query families."""
