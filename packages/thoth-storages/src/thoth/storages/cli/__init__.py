"""The command `thoth-storages`: the knowledge graph from the shell. Nothing imports this room."""
