"""Which questions the shell may ask, and what their signatures say of their arguments.

Read from `GraphDatabase` itself, so that a question that it learns is one that the shell knows.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

from thoth.storages.cli.arguments import Parameter, UnknownTypeError, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

_READ = re.compile(r"(get|is|has|find|retrieve)_\w+|\w+_exists?")
_NOT_QUESTIONS = frozenset({"is_connected", "is_new"})


def is_query_name(name: str) -> bool:
    """Whether a public method of this name only reads: the one rule of what the shell offers.

    By the conventions for names of queries: `get_`, `is_`, `has_`, `find_` or `retrieve_`
    something, something `_exists` (or, as one published name has it, `_exist`). What tells of the
    connection and not of the graph is left out.
    """
    return _READ.fullmatch(name) is not None and name not in _NOT_QUESTIONS


class Query:
    """A question: its name, what it is for (the first line of its docstring), its parameters."""

    __slots__ = ("description", "name", "parameters", "summary")

    def __init__(self, name: str, function: Callable[..., object]) -> None:
        self.name = name
        self.description = inspect.getdoc(function) or ""
        self.summary = self.description.partition("\n")[0]
        module = inspect.getmodule(function)
        namespace = {} if module is None else vars(module)
        _, *parameters = inspect.signature(function).parameters.values()
        self.parameters = tuple(
            Parameter(
                name=parameter.name,
                kind=kind_of(parameter.annotation, namespace),
                positional=parameter.kind is not inspect.Parameter.KEYWORD_ONLY,
                variadic=parameter.kind is inspect.Parameter.VAR_POSITIONAL,
                default=parameter.default,
            )
            for parameter in parameters
        )

    @property
    def usage(self) -> str:
        """What the arguments look like, in the shell's words."""
        return " ".join(parameter.usage for parameter in self.parameters)


def queries(graph_class: type) -> dict[str, Query]:
    """Return the questions that a class answers, by name, in alphabetical order.

    A method whose arguments no text can express is left out.
    """
    found = {}
    for name, value in inspect.getmembers(graph_class, inspect.isfunction):
        if is_query_name(name):
            try:
                found[name] = Query(name, value)
            except UnknownTypeError:
                continue
    return found
