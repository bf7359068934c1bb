"""The `dependency-monkey` command."""
