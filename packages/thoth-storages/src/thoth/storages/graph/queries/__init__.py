"""The query families of the knowledge graph, a module each; `GraphDatabase` is composed of them."""
