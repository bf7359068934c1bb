"""The `pypi` ecosystem: specifications, targets, index client, metadata, candidates, lock files."""
