"""Names to import, as installed files tell them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from thoth.storages.sync.core_metadata import import_packages


@given(st.lists(st.text(max_size=20)))
def test_names_to_import_are_dotted_identifiers(paths: list[str]) -> None:
    for name in import_packages(f"{path}.py" for path in paths):
        assert all(part.isidentifier() for part in name.split("."))
