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

NULL = b"\xff\xff\xff\xff"
"""A null in a row or an array."""
_SHORT = struct.Struct(">h").pack
_LENGTH = struct.Struct(">i").pack
_TIME = struct.Struct(">iq").pack
_BYTEA, _INT4, _TEXT, _TIMESTAMPTZ = 17, 23, 25, 1184
_EPOCH, _MICROSECOND = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_TRUTHS = {None: NULL, False: b"\0\0\0\1\0", True: b"\0\0\0\1\1"}
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
    return PackedTexts(_array(_TEXT, text_elements(values)))


def blobs(values: Sequence[bytes | None]) -> PackedBytes:
    """Pack bytes."""
    return PackedBytes(_array(_BYTEA, blob_elements(values)))


def times(values: Sequence[datetime | None]) -> PackedTimes:
    """Pack times with time zones."""
    return PackedTimes(_array(_TIMESTAMPTZ, time_elements(values)))


def integer_elements(values: Sequence[int | None]) -> list[bytes]:
    """Return numbers of 32 bits as fields of a row or elements of an array; so the next three."""
    elements = {
        value: NULL if value is None else _INT4_FOLLOWS + _LENGTH(value) for value in set(values)
    }
    return [elements[value] for value in values]


def text_elements(values: Sequence[str | None]) -> list[bytes]:
    """Return texts, many of which may be the same."""
    elements = _TextElements()
    return [elements[value] for value in values]


def blob_elements(values: Sequence[bytes | None]) -> list[bytes]:
    """Return bytes."""
    return [NULL if value is None else _LENGTH(len(value)) + value for value in values]


def time_elements(values: Sequence[datetime | None]) -> list[bytes]:
    """Return times with time zones."""
    return [
        NULL if value is None else _TIME(8, (value - _EPOCH) // _MICROSECOND) for value in values
    ]


def truth_element(value: bool | None) -> bytes:
    """Return a truth value as a field of a row."""
    return _TRUTHS[value]


def rows(columns: Sequence[Sequence[bytes]]) -> bytes:
    """Return rows for COPY, given the fields of each column."""
    start = _SHORT(len(columns))
    return b"".join([start + b"".join(fields) for fields in zip(*columns, strict=True)])


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
            element = NULL
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
