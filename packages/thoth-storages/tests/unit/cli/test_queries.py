"""Which questions the shell offers: those that read, each with the arguments of its signature."""

from __future__ import annotations

import inspect

import click
import pytest

from thoth.storages import GraphDatabase
from thoth.storages.cli.queries import Query, is_query_name, queries
from thoth.storages.cli.query import bound

WRITES = (
    "connect",
    "disconnect",
    "initialize_schema",
    "initilize_schema",
    "drop_all",
    "cache_clear",
    "stats",
    "construct_connection_string",
    "migration_connection",
    "sync_solver_result",
    "create_python_rule",
    "delete_python_rule",
    "set_cve_timestamp",
    "register_python_package_index",
    "update_missing_flag_package_version",
    "is_connected",
    "is_new",
    "_get_secret",
    "getaway",
)
READS = (
    "get_depends_on",
    "is_database_corrupted",
    "has_python_solver_error",
    "python_package_exists",
    "inspection_document_id_exist",
    "retrieve_transitive_dependencies_python",
    "find_releases",
)


class Example:
    """Queries of every form."""

    def get_things_all(
        self,
        name: str,
        version: str | None = None,
        *,
        extras: frozenset[str | None] | None = None,
        count: int | None = 100,
        distinct: bool = False,
    ) -> list[str]:
        """List things."""
        raise NotImplementedError

    def get_many(self, *things: tuple[str, str], os_name: str | None) -> None:
        """Get many things."""
        raise NotImplementedError

    def get_odd(self, odd: object) -> None:
        """Take what no text can express."""
        raise NotImplementedError

    def set_thing(self, name: str) -> None:
        """Write."""
        raise NotImplementedError


THINGS = Query("get_things_all", Example.get_things_all)
MANY = Query("get_many", Example.get_many)


@pytest.mark.parametrize("name", READS)
def test_what_reads_is_a_query(name: str) -> None:
    assert is_query_name(name)


@pytest.mark.parametrize("name", WRITES)
def test_what_writes_or_tells_of_the_connection_is_none(name: str) -> None:
    assert not is_query_name(name)


def test_every_query_of_the_graph_is_offered_and_nothing_that_writes() -> None:
    offered = queries(GraphDatabase)
    public = {
        name for name, _ in inspect.getmembers(GraphDatabase, inspect.isfunction) if name[0] != "_"
    }
    assert offered.keys() == {name for name in public if is_query_name(name)}
    assert len(offered) > 25
    verbs = ("create", "delete", "drop", "register", "set", "sync", "update", "initialize")
    assert not [name for name in offered if name.startswith(verbs)]
    assert all(query.summary for query in offered.values())


def test_only_methods_whose_arguments_a_text_can_express_are_offered() -> None:
    assert queries(Example).keys() == {"get_things_all", "get_many"}


def test_usage_shows_places_names_and_what_may_be_left_out() -> None:
    assert THINGS.usage == "NAME [VERSION] [--extras TEXT,...] [--count NUMBER] [--distinct]"
    assert MANY.usage == "[TEXT,TEXT]... [--os-name TEXT]"


def test_arguments_go_by_their_place_or_by_their_name() -> None:
    by_name = {"version": "1.0", "count": "none", "distinct": True, "extras": ",x"}
    expected = {
        "name": "six",
        "version": "1.0",
        "count": None,
        "distinct": True,
        "extras": frozenset({None, "x"}),
    }
    assert bound(THINGS, ["six"], by_name) == ([], expected)
    assert bound(THINGS, ["six", "1.0"], {}) == ([], {"name": "six", "version": "1.0"})


def test_what_may_be_none_and_has_no_default_is_none_where_it_is_left_out() -> None:
    assert bound(MANY, ["a,1", "b,2"], {}) == ([("a", "1"), ("b", "2")], {"os_name": None})


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([], {}, "name is missing. Give it as --name TEXT"),
        (["six", "1", "x"], {}, "x is one argument too many. Usage: .*get_things_all NAME"),
        (["six"], {"name": "six"}, "name is given twice"),
        (["six"], {"count": "many"}, "count: 'many' is not a whole number"),
        (["six", "\x1b[2J", "\x1b[2J"], {}, r"\\x1b\[2J is one argument too many"),
    ],
)
def test_a_wrong_argument_is_named_with_its_remedy(
    values: list[str], options: dict[str, str], message: str
) -> None:
    with pytest.raises(click.UsageError, match=message):
        bound(THINGS, values, options)
