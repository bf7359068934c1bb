"""Ecosystems: what is particular to one world of packages. No database and no HTTP server here."""
