import io
import struct
import zipfile
from collections.abc import Callable

import pytest

from thoth.dependency_monkey.ecosystems.pypi.index.faults import ArchiveError
from thoth.dependency_monkey.ecosystems.pypi.index.wheels import WANTED, choose_metadata
from thoth.dependency_monkey.ecosystems.pypi.index.zip_archives import (
    ByteRange,
    Window,
    ZipLimits,
    read_member,
)

LIMITS = ZipLimits(directory_bytes=1_000_000, members=1_000, member_bytes=10_000)
METADATA = "six-1.0.dist-info/METADATA"


def archive(
    members: dict[str, bytes] | None = None,
    *,
    method: int = zipfile.ZIP_DEFLATED,
    comment: bytes = b"",
    before: Callable[[zipfile.ZipFile], None] = lambda _: None,
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        before(file)
        for name, data in (members or {METADATA: b"hello"}).items():
            file.writestr(name, data)
        file.comment = comment
    return buffer.getvalue()


def read(data: bytes, tail: int = 100, limits: ZipLimits = LIMITS) -> tuple[bytes, list[ByteRange]]:
    """Read METADATA from an archive of which a tail is known; return it and what was asked."""
    asked = []
    start = max(0, len(data) - tail)
    steps = read_member(
        Window(start, data[start:], len(data)),
        lambda names: choose_metadata(names, "six", "1.0"),
        WANTED,
        limits,
    )
    try:
        needed = next(steps)
        while True:
            asked.append(needed)
            assert needed.start >= 0
            assert needed.start + needed.length <= len(data)
            part = data[needed.start : needed.start + needed.length]
            needed = steps.send(Window(needed.start, part, len(data)))
    except StopIteration as stop:
        return stop.value, asked


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("tail", [22, 100, 10_000])
def test_a_member_is_found_whatever_part_of_the_archive_is_known(method: int, tail: int) -> None:
    data = archive({"six.py": b"x" * 5000, METADATA: b"hello" * 100}, method=method)
    content, asked = read(data, tail)
    assert content == b"hello" * 100
    assert len(asked) <= 2
    assert (not asked) == (tail == 10_000)


def test_a_comment_at_the_end_is_no_obstacle() -> None:
    assert read(archive(comment=b"PK\x05\x06" + b"x" * 50), 1000)[0] == b"hello"


@pytest.mark.slow
def test_a_zip64_archive_is_read() -> None:
    def many(file: zipfile.ZipFile) -> None:
        for number in range(70_000):
            file.writestr(f"{number}", b"")

    limits = ZipLimits(10_000_000, 100_000, 10_000)
    content, asked = read(archive(before=many, method=zipfile.ZIP_STORED), 50, limits)
    assert content == b"hello"
    assert asked[0].length == 56


def test_a_zip64_entry_is_read() -> None:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w") as file,
        file.open(METADATA, "w", force_zip64=True) as member,
    ):
        member.write(b"hello")
    assert read(buffer.getvalue())[0] == b"hello"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"six.py": b""}, "no METADATA"),
        ({"six-1.0.dist-info/WHEEL": b""}, "no METADATA"),
        ({"a/six-1.0.dist-info/METADATA": b""}, "no METADATA"),
        ({METADATA: b"", "six-2.0.dist-info/RECORD": b""}, "several .dist-info"),
        ({"seven-1.0.dist-info/METADATA": b""}, "another release"),
        ({"six-2.0.dist-info/METADATA": b""}, "another release"),
        ({"six.dist-info/METADATA": b""}, "another release"),
        ({METADATA: b"x" * 10_001}, "larger than the limit"),
    ],
)
def test_a_wheel_with_the_wrong_members_is_refused(members: dict[str, bytes], reason: str) -> None:
    with pytest.raises(ArchiveError, match=reason):
        read(archive(members))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_wheel_with_metadata_twice_is_refused() -> None:
    data = archive(before=lambda file: file.writestr(METADATA, b"other"))
    with pytest.raises(ArchiveError, match="twice"):
        read(data)


def test_the_directory_name_may_be_spelled_differently() -> None:
    members = {"SIX-1.0.0.dist-info/METADATA": b"hello"}
    assert read(archive(members))[0] == b"hello"


def test_limits_hold_for_directory_and_members() -> None:
    with pytest.raises(ArchiveError, match="directory is larger"):
        read(archive(), limits=ZipLimits(10, 1000, 10_000))
    with pytest.raises(ArchiveError, match="directory is larger"):
        read(archive(), limits=ZipLimits(1000, 0, 10_000))


def test_a_bomb_is_not_inflated_beyond_what_it_says() -> None:
    data = bytearray(archive({METADATA: b"\0" * 9_000_000}))
    entry = data.rfind(b"PK\x01\x02")
    struct.pack_into("<L", data, entry + 24, 100)
    with pytest.raises(ArchiveError, match="damaged"):
        read(bytes(data), limits=ZipLimits(1000, 10, 100_000))


def patched(position: str, offset: int, value: bytes) -> bytes:
    data = bytearray(archive({"six.py": b"x" * 500, METADATA: b"hello" * 100}))
    signature = {"end": b"PK\x05\x06", "entry": b"PK\x01\x02", "local": b"PK\x03\x04"}[position]
    start = data.rfind(signature) + offset
    data[start : start + len(value)] = value
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x05\x06",
        b"x" * 500,
        archive()[:-1],
        archive() + b"x",
        b"prefix" + archive(),
        patched("end", 4, b"\x01"),
        patched("end", 10, b"\x09"),
        patched("end", 12, b"\xff\xff\xff\x7f"),
        patched("end", 16, b"\xff\xff\xff\x7f"),
        patched("end", 16, b"\xff\xff\xff\xff"),
        patched("entry", 0, b"XX"),
        patched("entry", 8, b"\x01"),
        patched("entry", 10, b"\x0e"),
        patched("entry", 16, b"\x00\x00"),
        patched("entry", 20, b"\xff\xff\xff\xff"),
        patched("entry", 20, b"\xff\xff\x00\x00"),
        patched("entry", 24, b"\x00"),
        patched("entry", 28, b"\xff\xff"),
        patched("entry", 42, b"\xff\xff\xff\x7f"),
        patched("entry", 42, b"\x01"),
        patched("local", 0, b"XX"),
        patched("local", 26, b"\xff\xff"),
        patched("local", 30, b"S"),
    ],
)
@pytest.mark.parametrize("tail", [80, 100_000])
def test_a_malformed_archive_is_refused(data: bytes, tail: int) -> None:
    with pytest.raises(ArchiveError):
        read(data, tail)
