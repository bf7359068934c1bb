"""Long columns of values in PostgreSQL's binary form, made without a step of Python a value.

psycopg adapts each element of a list by itself, which takes longer than PostgreSQL does with it.
"""

from __future__ import annotations

import struct
from array import array
from typing import TYPE_CHECKING, ClassVar

from psycopg.adapt import Dumper
from psycopg.pq import Format

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""How binary data of COPY begin."""
COPY_TRAILER = b"\xff\xff"
"""How binary data of COPY end."""

_NULL = b"\xff\xff\xff\xff"
_LENGTH = struct.Struct(">i").pack
_LENGTHS = [_LENGTH(length) for length in range(256)]
_BYTEA, _INT4, _TEXT = 17, 23, 25
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


class PackedBytes(Packed):
    """A column of bytea, null where it is None."""

    __slots__ = ()


def integers(values: Sequence[int]) -> PackedIntegers:
    """Pack numbers of 32 bits."""
    words = array("i", [4]) * (2 * len(values))
    words[1::2] = array("i", values)
    words.byteswap()
    return PackedIntegers(_header(len(values), _INT4, nulls=False) + words.tobytes())


def texts(values: Sequence[str | None]) -> PackedTexts:
    """Pack texts."""
    encoded = [None if value is None else value.encode() for value in values]
    return PackedTexts(_header(len(encoded), _TEXT, nulls=True) + _elements(encoded))


def blobs(values: Sequence[bytes | None]) -> PackedBytes:
    """Pack bytes."""
    return PackedBytes(_header(len(values), _BYTEA, nulls=True) + _elements(values))


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
    for dumper in (_IntegersDumper, _TextsDumper, _BytesDumper):
        connection.adapters.register_dumper(dumper.packed, dumper)


def _header(count: int, element: int, *, nulls: bool) -> bytes:
    if count == 0:
        return struct.pack(">iii", 0, 0, element)
    return struct.pack(">iiiii", 1, nulls, element, count, 1)


def _elements(values: Iterable[bytes | None]) -> bytes:
    return b"".join(
        [
            _NULL
            if value is None
            else (_LENGTHS[len(value)] if len(value) < len(_LENGTHS) else _LENGTH(len(value)))
            + value
            for value in values
        ]
    )


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
