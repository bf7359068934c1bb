"""Documents and how their facts become rows of the knowledge graph.

`documents` reads the envelope that all kinds share. A kind has a module that reads its result, such
as `solver_documents`, and one that writes its rows, such as `solver`.
"""
