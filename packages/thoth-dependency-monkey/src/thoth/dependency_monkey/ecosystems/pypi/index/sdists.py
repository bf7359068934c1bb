"""The PKG-INFO of a source distribution, found while its bytes stream in (PEP 625, 643).

Nothing is ever written to disk, linked or run. Of the archive's members only their headers are
read, until the first regular file `<directory>/PKG-INFO`.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

from thoth.dependency_monkey.ecosystems.pypi.index.faults import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Generator

    from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits

WANTED = b"PKG-INFO"

_BLOCK = 512
_PIECE = 1024 * 1024
_MAX_EXTENSION = 1024 * 1024
_REGULAR = (b"0", b"\0", b"7")


def choose_pkg_info(names: list[bytes]) -> int:
    """Return the position of the only `<directory>/PKG-INFO` in a zip that contains it.

    Raises `ArchiveError` where there is none or more than one.
    """
    found = [position for position, name in enumerate(names) if _is_pkg_info(name)]
    if len(found) != 1:
        raise ArchiveError(
            "the archive has no PKG-INFO" if not found else "the archive has several PKG-INFO"
        )
    return found[0]


def _is_pkg_info(name: bytes) -> bool:
    directory, slash, rest = name.removeprefix(b"./").partition(b"/")
    return bool(slash) and rest == WANTED and directory not in (b"", b".", b"..")


class _Want(NamedTuple):
    """How many bytes the parser wants next, and whether it only wants them out of the way."""

    length: int
    skip: bool


class TarGzReader:
    """Finds PKG-INFO in a `.tar.gz` that is fed to it piece by piece.

    `content` is what was found, None before. Memory stays within the limit on metadata and a piece.
    """

    def __init__(self, limits: IndexLimits) -> None:
        self.content: bytes | None = None
        self._limits = limits
        self._compressed = 0
        self._inflated = 0
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._buffer = bytearray()
        self._parser = _find_pkg_info(limits)
        self._want = next(self._parser)
        self._ended = False

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; say whether no more are needed.

        Raises `ArchiveError` where the archive is malformed or breaks a limit.
        """
        self._compressed += len(data)
        if self._compressed > self._limits.sdist_bytes:
            raise ArchiveError(
                f"no PKG-INFO in the first {self._limits.sdist_bytes} bytes (sdist_bytes)"
            )
        piece = b""
        while (data or len(piece) == _PIECE) and not self._ended:
            try:
                piece = self._inflater.decompress(data, _PIECE)
            except zlib.error:
                raise ArchiveError("it is no gzip file, or damaged") from None
            data = self._inflater.unconsumed_tail
            if self._inflater.eof:
                data = self._inflater.unused_data.lstrip(b"\0")
                self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
            self._take(piece)
        return self._ended

    def finish(self) -> bytes:
        """Return PKG-INFO; call where the archive has ended.

        Raises `ArchiveError` where it has none.
        """
        if self.content is None:
            raise ArchiveError("the archive has no PKG-INFO, or is cut short")
        return self.content

    def _take(self, piece: bytes) -> None:
        self._inflated += len(piece)
        if self._inflated > self._limits.sdist_inflated_bytes:
            raise ArchiveError(
                f"no PKG-INFO in the first {self._limits.sdist_inflated_bytes} inflated bytes "
                "(sdist_inflated_bytes)"
            )
        self._buffer += piece
        try:
            while not self._ended and self._advance():
                pass
        except StopIteration as stop:
            self._ended = True
            self.content = stop.value

    def _advance(self) -> bool:
        """Give the parser what it wants; say whether there was enough for it."""
        want = self._want
        if want.skip:
            gone = min(want.length, len(self._buffer))
            del self._buffer[:gone]
            if gone < want.length:
                self._want = _Want(want.length - gone, skip=True)
                return False
            self._want = self._parser.send(b"")
            return True
        if len(self._buffer) < want.length:
            return False
        data = bytes(self._buffer[: want.length])
        del self._buffer[: want.length]
        self._want = self._parser.send(data)
        return True


def _find_pkg_info(limits: IndexLimits) -> Generator[_Want, bytes, bytes | None]:
    """Walk a tar archive's headers (POSIX.1-2001 ustar and pax, with GNU's long names)."""
    long_name: bytes | None = None
    for _ in range(limits.archive_members):
        header = yield _Want(_BLOCK, skip=False)
        if not header.strip(b"\0"):
            return None
        _check_sum(header)
        size = _number(header[124:136])
        padding = -size % _BLOCK
        kind = header[156:157]
        if kind in (b"L", b"x", b"g", b"K", b"X"):
            if size > _MAX_EXTENSION:
                raise ArchiveError("the archive has a huge extended header")
            extension = yield _Want(size, skip=False)
            yield _Want(padding, skip=True)
            if kind == b"L":
                long_name = extension.rstrip(b"\0")
            elif kind == b"x":
                long_name = _pax_path(extension) or long_name
            continue
        name = long_name or _ustar_name(header)
        long_name = None
        if _is_pkg_info(name):
            if kind not in _REGULAR:
                raise ArchiveError("the archive's PKG-INFO is no regular file")
            if size > limits.metadata_bytes:
                raise ArchiveError("the archive's PKG-INFO is larger than the limit")
            return (yield _Want(size, skip=False))
        # Links, directories and devices have no content, whatever size their header states.
        if kind not in (b"1", b"2", b"3", b"4", b"5", b"6"):
            yield _Want(size + padding, skip=True)
    raise ArchiveError("the archive has too many members")


def _check_sum(header: bytes) -> None:
    stated = _number(header[148:156])
    if stated != sum(header[:148]) + 8 * 0x20 + sum(header[156:]):
        raise ArchiveError("the archive is no tar file, or damaged")


def _number(field: bytes) -> int:
    if field[0] in (0x80, 0xFF):
        number = int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
    else:
        try:
            number = int(field.strip(b"\0 ") or b"0", 8)
        except ValueError:
            number = -1
    if number < 0:
        raise ArchiveError("the archive is no tar file, or damaged")
    return number


def _ustar_name(header: bytes) -> bytes:
    name = header[:100].partition(b"\0")[0]
    if header[257:263] == b"ustar\0":
        prefix = header[345:500].partition(b"\0")[0]
        if prefix:
            return prefix + b"/" + name
    return name


def _pax_path(records: bytes) -> bytes | None:
    """Return the `path` of a pax extended header: lines of "length key=value"."""
    path = None
    while records:
        length = records.partition(b" ")[0]
        if not length.isdigit() or not 0 < int(length[:9]) <= len(records):
            raise ArchiveError("the archive has a malformed extended header")
        record = records[len(length) + 1 : int(length[:9])]
        key, _, value = record.removesuffix(b"\n").partition(b"=")
        if key == b"path":
            path = value
        elif key == b"size":
            raise ArchiveError("the archive has members of more than 8 GiB")
        records = records[int(length[:9]) :]
    return path
