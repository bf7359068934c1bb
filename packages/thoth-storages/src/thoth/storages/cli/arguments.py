"""Texts of the command line as arguments of queries, by the types that signatures declare.

Annotations are read as they are written, without importing what they name: most of them stand for
types that only a type checker imports.
"""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NONE = "none"
"""The word for None where a parameter that is no text may be None."""
MAX_INTEGER_DIGITS = 18
_OPTIONAL = frozenset({"Optional", "Union"})
_SETS = frozenset({"frozenset", "FrozenSet", "AbstractSet", "Set", "set"})
_MAPPINGS = frozenset({"Mapping"})
_LISTS = frozenset({"Iterable", "Sequence", "list", "List", "Collection"})
_TUPLES = frozenset({"tuple", "Tuple"})
_CLASSES = frozenset({"type", "Type"})
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


class UnknownTypeError(TypeError):
    """An annotation that no text of a command line can stand for. `annotation` shows it."""

    def __init__(self, annotation: str) -> None:
        super().__init__(annotation)
        self.annotation = annotation

    def __str__(self) -> str:
        """Show the annotation."""
        return f"no argument of a command line can be a {self.annotation}"


class ArgumentError(ValueError):
    """A text is no value of a parameter: `text`, and what is `expected` instead."""

    def __init__(self, text: str, expected: str) -> None:
        super().__init__(text, expected)
        self.text = text
        self.expected = expected

    def __str__(self) -> str:
        """Show the text, shortened, and what is expected."""
        return f"{self.text[:100]!a} is not {self.expected}"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a parameter takes: a name for people, and how a text becomes a value.

    `optional`: None is a value too. `flag`: an option without a text says true.
    """

    metavar: str
    parse: Callable[[str], object]
    optional: bool = False
    flag: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query. `default` is `Parameter.empty` where there is none."""

    empty: ClassVar = inspect.Parameter.empty
    name: str
    kind: Kind
    positional: bool
    variadic: bool
    default: object

    @property
    def option(self) -> str:
        """The option that gives the parameter."""
        return "--" + self.name.replace("_", "-")

    @property
    def required(self) -> bool:
        """Whether it must be given: what may be None and is left out is None."""
        return self.default is self.empty and not self.kind.optional and not self.variadic

    @property
    def usage(self) -> str:
        """The parameter as help shows it."""
        if self.variadic:
            return f"[{self.kind.metavar}]..."
        if self.positional:
            shown = self.name.upper()
        else:
            shown = self.option if self.kind.flag else f"{self.option} {self.kind.metavar}"
        return shown if self.required else f"[{shown}]"


def kind_of(annotation: object, namespace: Mapping[str, object]) -> Kind:
    """Return what an annotation admits. Raises `UnknownTypeError`.

    `namespace` is the module's that the annotation stands in: where its aliases are found.
    """
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise UnknownTypeError(text) from error
    return _kind(node, namespace)


def _kind(node: ast.expr, namespace: Mapping[str, object]) -> Kind:
    members = _members(node)
    own = [member for member in members if not _is_none(member)]
    if len(own) != 1:
        raise UnknownTypeError(ast.unparse(node))
    kind = _single(own[0], namespace)
    if len(own) == len(members) or kind.optional:
        return kind
    return Kind(kind.metavar, _or_none(kind), optional=True, flag=kind.flag)


def _members(node: ast.expr) -> list[ast.expr]:
    """Return the members of a union, the node itself where it is none."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_members(node.left), *_members(node.right)]
    if isinstance(node, ast.Subscript) and _name(node.value) in _OPTIONAL:
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        none = [ast.Constant(None)] if _name(node.value) == "Optional" else []
        return [member for part in inner for member in _members(part)] + list(none)
    return [node]


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _name(node: ast.expr) -> str:
    """Return the last part of a dotted name, nothing for what is no name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _single(node: ast.expr, namespace: Mapping[str, object]) -> Kind:
    if isinstance(node, ast.Subscript):
        return _compound(node, namespace)
    name = _name(node)
    if name in _SIMPLE:
        return _SIMPLE[name]
    alias = namespace.get(name)
    if isinstance(alias, str) or hasattr(alias, "__args__"):
        return kind_of(alias, namespace)
    raise UnknownTypeError(ast.unparse(node))


def _compound(node: ast.Subscript, namespace: Mapping[str, object]) -> Kind:
    name = _name(node.value)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "Literal":
        return _choice([part.value for part in parts if isinstance(part, ast.Constant)])
    if name in _CLASSES:
        return Kind("TABLE", _model)
    if name in _TUPLES:
        own = [part for part in parts if not _is_ellipsis(part)]
        kinds = [_kind(part, namespace) for part in own]
        return _many(kinds[0]) if len(own) < len(parts) else _tuple(kinds)
    if name in _MAPPINGS and [_name(part) for part in parts[:-1]] == ["str"]:
        return _mapping(parts[1], namespace)
    if name in _SETS and len(parts) == 1:
        return _set(parts[0], namespace)
    if name in _LISTS and len(parts) == 1:
        return _many(_kind(parts[0], namespace))
    raise UnknownTypeError(ast.unparse(node))


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _or_none(kind: Kind) -> Callable[[str], object]:
    """Read None too: by its word, except where that word could be meant as a text."""
    if kind is _SIMPLE["str"]:
        return kind.parse
    return lambda text: None if text.lower() == NONE else kind.parse(text)


def _text(text: str) -> str:
    if "\0" in text:
        raise ArgumentError(text, "a text without NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ArgumentError(text, "valid Unicode") from None
    return text


def _integer(text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MAX_INTEGER_DIGITS):
        raise ArgumentError(text, f"a whole number of at most {MAX_INTEGER_DIGITS} digits")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(text, "a number") from None


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ArgumentError(text, "true or false")


def moment(text: str) -> datetime:
    """Return a date or a moment of ISO 8601, in UTC where it says no zone.

    Raises `ArgumentError`.
    """
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        expected = "a date or a moment, such as 2026-01-31 or 2026-01-31T12:00:00Z"
        raise ArgumentError(text, expected) from None


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ArgumentError(text, "bytes in hexadecimal") from None


def _model(text: str) -> object:
    from thoth.storages.graph.models import Base

    for mapper in Base.registry.mappers:
        if text in (mapper.class_.__name__, mapper.class_.__tablename__):
            return mapper.class_
    raise ArgumentError(text, "a table of the schema; `thoth-storages stats` lists them")


def _choice(values: list[object]) -> Kind:
    known = {str(value): value for value in values}

    def parse(text: str) -> object:
        if text not in known:
            raise ArgumentError(text, "one of " + ", ".join(known))
        return known[text]

    return Kind("|".join(known), parse)


def _tuple(kinds: list[Kind]) -> Kind:
    """Read a tuple: its members, separated by commas; nothing at all stands for None."""
    metavar = ",".join(kind.metavar for kind in kinds)

    def parse(text: str) -> object:
        parts = text.split(",", len(kinds) - 1)
        if len(parts) != len(kinds):
            raise ArgumentError(text, f"{len(kinds)} values separated by commas")
        return tuple(
            None if kind.optional and not part else kind.parse(part)
            for kind, part in zip(kinds, parts, strict=True)
        )

    return Kind(metavar, parse)


def _many(kind: Kind) -> Kind:
    """Read a list: values separated by commas."""

    def parse(text: str) -> object:
        return [kind.parse(part) for part in text.split(",")] if text else []

    return Kind(f"{kind.metavar},...", parse)


def _mapping(member: ast.expr, namespace: Mapping[str, object]) -> Kind:
    """Read values by names: `NAME=VALUE,...`, or an object of JSON.

    Where any value is taken, one that is JSON is that, anything else is a text.
    """
    kind = _JSON if _name(member) == "Any" else _kind(member, namespace)

    def parse(text: str) -> object:
        if text.startswith("{"):
            return _object(text)
        found: dict[str, object] = {}
        for part in text.split(",") if text else []:
            name, equals, value = part.partition("=")
            if not equals:
                raise ArgumentError(part, f"NAME={kind.metavar}, or an object of JSON")
            found[_text(name)] = kind.parse(value)
        return found

    return Kind(f"NAME={kind.metavar},...", parse)


def _object(text: str) -> object:
    try:
        return _decoded(text)
    except ValueError:
        raise ArgumentError(text, "an object of JSON") from None


def _any(text: str) -> object:
    try:
        return _decoded(text)
    except ValueError:
        return _text(text)


def _decoded(text: str) -> object:
    """Return what JSON means. Raises ValueError."""
    # Here, since other commands do without.
    import msgspec

    try:
        return msgspec.json.decode(text)
    except RecursionError as error:
        raise ValueError(str(error)) from error


_JSON = Kind("VALUE", _any)


def _set(member: ast.expr, namespace: Mapping[str, object]) -> Kind:
    """Read a set: values separated by commas, nothing at all standing for None where it may."""
    kind = _kind(member, namespace)

    def parse(text: str) -> object:
        return frozenset(
            None if kind.optional and not part else kind.parse(part) for part in text.split(",")
        )

    return Kind(f"{kind.metavar},...", parse)


_SIMPLE = {
    "str": Kind("TEXT", _text),
    "int": Kind("NUMBER", _integer),
    "float": Kind("NUMBER", _number),
    "bool": Kind("BOOLEAN", _boolean, flag=True),
    "datetime": Kind("DATE", moment),
    "bytes": Kind("HEX", _bytes),
}
