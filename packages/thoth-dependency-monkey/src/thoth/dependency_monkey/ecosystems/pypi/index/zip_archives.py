"""One member of a zip archive, read from as few byte ranges as will do. Pure: the caller fetches.

The directory is walked by hand: building an object per member, as the standard library does, costs
more for a wheel of ten thousand members than its whole download of three ranges.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from thoth.dependency_monkey.ecosystems.pypi.index.faults import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_MARK_16 = 0xFFFF
_MARK_32 = 0xFFFFFFFF
_MAX_COMMENT = 0xFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1 | 0x40 | 0x2000
# Local headers repeat the name, but may have longer extra fields than the directory says.
_LOCAL_SLACK = 1024


class Window(NamedTuple):
    """Consecutive bytes of an archive of `total` bytes, from position `start`."""

    start: int
    data: bytes
    total: int

    def part(self, start: int, length: int) -> bytes | None:
        """Return the bytes of a range, or None where they are not all inside."""
        begin = start - self.start
        if begin < 0 or begin + length > len(self.data):
            return None
        return self.data[begin : begin + length]


class ByteRange(NamedTuple):
    """Bytes that are needed: `length` of them from position `start`."""

    start: int
    length: int


class Member(NamedTuple):
    """An entry of the central directory."""

    name: bytes
    flags: int
    method: int
    crc: int
    compressed: int
    size: int
    offset: int


class ZipLimits(NamedTuple):
    """The largest directory in bytes, the most members, and the largest member in bytes."""

    directory_bytes: int
    members: int
    member_bytes: int


def read_member(
    tail: Window, choose: Callable[[list[bytes]], int], wanted: bytes, limits: ZipLimits
) -> Generator[ByteRange, Window, bytes]:
    """Read the member that `choose` picks out of the names that contain `wanted`.

    `tail` reaches to the archive's end. Yields ranges, is sent windows that hold them, returns the
    member's inflated bytes. `choose` gets the names in the directory's order and returns the
    position of one. Raises `ArchiveError` where the archive is malformed or breaks a limit, and
    what `choose` raises.
    """
    window = tail
    directory_start, directory_length, count, window = yield from _directory(window)
    if directory_length > limits.directory_bytes or count > limits.members:
        raise ArchiveError("the archive's directory is larger than the limit")
    directory = window.part(directory_start, directory_length)
    if directory is None:
        window = yield ByteRange(directory_start, directory_length)
        directory = _inside(window, directory_start, directory_length)
    members = _members(directory, count, wanted)
    member = members[choose([member.name for member in members])]
    if max(member.size, member.compressed) > limits.member_bytes:
        raise ArchiveError(f"{_shown(member.name)} is larger than the limit")
    return (yield from _content(window, member))


def _directory(window: Window) -> Generator[ByteRange, Window, tuple[int, int, int, Window]]:
    position = _end_position(window)
    fields = _END.unpack_from(window.data, position)
    disk, directory_disk, here, count, length, start = fields[1:7]
    end = window.start + position
    if _MARK_16 in (here, count) or _MARK_32 in (length, start):
        locator = window.part(end - _END64_LOCATOR.size, _END64_LOCATOR.size)
        if locator is not None and locator.startswith(b"PK\x06\x07"):
            _, _, end, _ = _END64_LOCATOR.unpack(locator)
            if end + _END64.size > window.total:
                raise ArchiveError("the archive's zip64 directory lies outside of it")
            record = window.part(end, _END64.size)
            if record is None:
                window = yield ByteRange(end, _END64.size)
                record = _inside(window, end, _END64.size)
            fields = _END64.unpack(record)
            if fields[0] != b"PK\x06\x06":
                raise ArchiveError("the archive's zip64 directory is malformed")
            disk, directory_disk, here, count, length, start = fields[4:10]
    if disk or directory_disk or here != count:
        raise ArchiveError("the archive has several parts")
    if start + length != end:
        raise ArchiveError("the archive's directory is not where it should be")
    return start, length, count, window


def _end_position(window: Window) -> int:
    data = window.data
    position = len(data)
    lowest = max(0, len(data) - _END.size - _MAX_COMMENT)
    while True:
        position = data.rfind(b"PK\x05\x06", lowest, position + 3)
        if position < 0:
            raise ArchiveError("it is no zip archive: the end of its directory is missing")
        if position + _END.size <= len(data):
            comment = _END.unpack_from(data, position)[7]
            if position + _END.size + comment == len(data):
                return position


def _members(directory: bytes, count: int, wanted: bytes) -> list[Member]:
    """Return the members whose name contains `wanted`; the others are only counted."""
    found = []
    position = 0
    header = _ENTRY.size
    unpack = _ENTRY.unpack_from
    for _ in range(count):
        if position + header > len(directory):
            raise ArchiveError("the archive's directory is cut short")
        fields = unpack(directory, position)
        name_end = position + header + fields[10]
        extra_end = name_end + fields[11]
        if fields[0] != b"PK\x01\x02" or extra_end + fields[12] > len(directory):
            raise ArchiveError("the archive's directory is malformed")
        name = directory[position + header : name_end]
        if wanted in name:
            found.append(_member(name, fields, directory[name_end:extra_end]))
        position = extra_end + fields[12]
    return found


def _member(name: bytes, fields: tuple[int, ...], extra: bytes) -> Member:
    flags, method, crc, compressed, size, offset = (fields[index] for index in (3, 4, 7, 8, 9, 16))
    if _MARK_32 in (compressed, size, offset):
        large = _zip64_extra(extra)
        try:
            if size == _MARK_32:
                size = large.pop(0)
            if compressed == _MARK_32:
                compressed = large.pop(0)
            if offset == _MARK_32:
                offset = large.pop(0)
        except IndexError:
            raise ArchiveError("the archive has a malformed zip64 entry") from None
    return Member(name, flags, method, crc, compressed, size, offset)


def _zip64_extra(extra: bytes) -> list[int]:
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        position += 4
        if kind == 1:
            numbers = extra[position : position + length]
            return list(struct.unpack(f"<{len(numbers) // 8}Q", numbers[: len(numbers) // 8 * 8]))
        position += length
    return []


def _content(window: Window, member: Member) -> Generator[ByteRange, Window, bytes]:
    if member.flags & _ENCRYPTED or member.method not in (_STORED, _DEFLATED):
        raise ArchiveError(f"{_shown(member.name)} is encrypted or compressed in an unknown way")
    least = _LOCAL.size + len(member.name) + member.compressed
    if member.offset + least > window.total:
        raise ArchiveError(f"{_shown(member.name)} lies outside of the archive")
    header = window.part(member.offset, _LOCAL.size)
    if header is None:
        length = min(least + _LOCAL_SLACK, window.total - member.offset)
        window = yield ByteRange(member.offset, length)
        header = _inside(window, member.offset, _LOCAL.size)
    fields = _LOCAL.unpack(header)
    start = member.offset + _LOCAL.size + fields[9] + fields[10]
    name = window.part(member.offset + _LOCAL.size, fields[9])
    if fields[0] != b"PK\x03\x04" or (name is not None and name != member.name):
        raise ArchiveError(f"the header of {_shown(member.name)} contradicts the directory")
    if start + member.compressed > window.total:
        raise ArchiveError(f"{_shown(member.name)} lies outside of the archive")
    data = window.part(start, member.compressed)
    if data is None:
        window = yield ByteRange(start, member.compressed)
        data = _inside(window, start, member.compressed)
    return _inflated(member, data)


def _inflated(member: Member, data: bytes) -> bytes:
    if member.method == _DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = inflater.decompress(data, member.size + 1)
        except zlib.error:
            raise ArchiveError(f"{_shown(member.name)} is damaged") from None
    if len(data) != member.size or zlib.crc32(data) != member.crc:
        raise ArchiveError(f"{_shown(member.name)} is damaged: its size or checksum is wrong")
    return data


def _inside(window: Window, start: int, length: int) -> bytes:
    data = window.part(start, length)
    if data is None:
        raise ArchiveError("the server's ranges contradict the archive")
    return data


def _shown(name: bytes) -> str:
    return repr(name[:120].decode("utf-8", "replace"))
