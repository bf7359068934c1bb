"""The public face: what can be imported, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import thoth.storages
from thoth.storages import exceptions
from thoth.storages.sync import handlers

HEAVY = ("sqlalchemy", "alembic", "psycopg", "msgspec", "asyncio", "obstore")


def imported_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert imported_by("import thoth.storages").isdisjoint(HEAVY)


def test_asking_and_recording_imports_neither_sqlalchemy_nor_alembic() -> None:
    modules = imported_by("from thoth.storages import GraphDatabase; GraphDatabase()")
    assert modules.isdisjoint(("sqlalchemy", "alembic"))


def test_documents_in_a_local_folder_do_without_the_library_for_servers() -> None:
    modules = imported_by("from thoth.storages import CephStore; CephStore('x')")
    assert modules.isdisjoint(("obstore", "psycopg", "sqlalchemy"))


@pytest.mark.parametrize("name", thoth.storages.__all__)
def test_every_exported_name_exists(name: str) -> None:
    exported = getattr(thoth.storages, name)
    if name == "HANDLERS_MAPPING":
        assert exported is handlers.HANDLERS_MAPPING
    else:
        assert exported.__name__ == name
    assert name in dir(thoth.storages)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        thoth.storages.no_such_name  # noqa: B018


def test_every_error_has_the_one_base_class() -> None:
    errors = [
        value
        for value in vars(exceptions).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert len(errors) > 10
    assert all(issubclass(error, exceptions.StoragesError) for error in errors)
