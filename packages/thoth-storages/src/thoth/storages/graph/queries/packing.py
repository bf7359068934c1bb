"""Long columns of values in PostgreSQL's binary form, made without a step of Python a value.

psycopg adapts each element of a list by itself, which takes longer than PostgreSQL does with it.
"""

from __future__ import annotations

import struct
from array import array
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from psycopg.adapt import Dumper
from psycopg.pq import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""How binary data of COPY begin."""
COPY_TRAILER = b"\xff\xff"
"""How binary data of COPY end."""

_NULL = b"\xff\xff\xff\xff"
_LENGTH = struct.Struct(">i").pack
_TIME = struct.Struct(">iq").pack
_BYTEA, _INT4, _TEXT, _TIMESTAMPTZ = 17, 23, 25, 1184
_EPOCH, _MICROSECOND = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_ROW_OF_TWO, _INT4_FOLLOWS = b"\0\2\0\0\0\4", b"\0\0\0\4"


class Packed(bytes):
    """An array in binary form; its subclasses say of what."""

    __slots__ = ()


class PackedIntegers(Packed):
    """A column of int4, none of them null."""

    __slots__ = ()


class PackedTexts(Packed):
    """A column of text, null where it is None."""

    __slots__ = ()


class PackedTimes(Packed):
    """A column of timestamptz, null where it is None."""

    __slots__ = ()


class PackedBytes(Packed):
    """A column of bytea, null where it is None."""

    __slots__ = ()


def integers(values: Sequence[int]) -> PackedIntegers:
    """Pack numbers of 32 bits."""
    words = array("i", [4]) * (2 * len(values))
    words[1::2] = array("i", values)
    words.byteswap()
    return PackedIntegers(_header(len(values), _INT4) + words.tobytes())


def texts(values: Sequence[str | None]) -> PackedTexts:
    """Pack texts, many of which may be the same."""
    elements = _TextElements()
    return PackedTexts(_array(_TEXT, [elements[value] for value in values]))


def blobs(values: Sequence[bytes | None]) -> PackedBytes:
    """Pack bytes."""
    return PackedBytes(
        _array(
            _BYTEA,
            [_NULL if value is None else _LENGTH(len(value)) + value for value in values],
        )
    )


def times(values: Sequence[datetime | None]) -> PackedTimes:
    """Pack times with time zones."""
    return PackedTimes(
        _array(
            _TIMESTAMPTZ,
            [
                _NULL if value is None else _TIME(8, (value - _EPOCH) // _MICROSECOND)
                for value in values
            ],
        )
    )


def unpack_integers(sent: bytes) -> array[int]:
    """Return the numbers of an int4[] without nulls, as `array_send` gives it."""
    words = array("i", sent)
    words.byteswap()
    return words[6::2]


def pair_rows(first: int, seconds: Sequence[bytes]) -> bytes:
    """Return rows of two int4 for COPY, of one number with each of others that are packed."""
    start = _ROW_OF_TWO + _LENGTH(first) + _INT4_FOLLOWS
    return start + start.join(seconds) if seconds else b""


def pack_integer(value: int) -> bytes:
    """Return a number as four bytes."""
    return _LENGTH(value)


def register(connection: Connection[tuple[object, ...]]) -> None:
    """Let a connection take packed arrays as parameters."""
    for dumper in (_IntegersDumper, _TextsDumper, _BytesDumper, _TimesDumper):
        connection.adapters.register_dumper(dumper.packed, dumper)


class _TextElements(dict[str | None, bytes]):
    """The elements of an array of texts, each distinct one made once."""

    def __missing__(self, value: str | None) -> bytes:
        if value is None:
            element = _NULL
        else:
            encoded = value.encode()
            element = _LENGTH(len(encoded)) + encoded
        self[value] = element
        return element


def _array(element: int, elements: Sequence[bytes]) -> bytes:
    return b"".join((_header(len(elements), element), *elements))


def _header(count: int, element: int) -> bytes:
    """Return the dimensions, whether there may be nulls, the type, the length, the first index."""
    if count == 0:
        return struct.pack(">iii", 0, 0, element)
    return struct.pack(">iiiii", 1, 1, element, count, 1)


class _PackedDumper(Dumper):
    format = Format.BINARY
    packed: ClassVar[type[Packed]] = Packed

    def dump(self, obj: Packed) -> Packed:
        return obj


class _IntegersDumper(_PackedDumper):
    oid = 1007
    packed = PackedIntegers


class _TextsDumper(_PackedDumper):
    oid = 1009
    packed = PackedTexts


class _BytesDumper(_PackedDumper):
    oid = 1001
    packed = PackedBytes


class _TimesDumper(_PackedDumper):
    oid = 1185
    packed = PackedTimes
