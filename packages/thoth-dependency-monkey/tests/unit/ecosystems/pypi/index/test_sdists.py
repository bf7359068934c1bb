import gzip
import io
import random
import tarfile
from collections.abc import Iterable
from dataclasses import replace

import pytest

from thoth.dependency_monkey.ecosystems.pypi.index.faults import ArchiveError
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.ecosystems.pypi.index.sdists import TarGzReader, choose_pkg_info

LIMITS = replace(IndexLimits(), metadata_bytes=10_000, archive_members=50)
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def sdist(
    members: Iterable[tuple[str, bytes] | tarfile.TarInfo], form: int = tarfile.PAX_FORMAT
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=form) as file:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                file.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                file.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def read(data: bytes, step: int = 100, limits: IndexLimits = LIMITS) -> tuple[bytes, int]:
    """Return the PKG-INFO and how many bytes were needed for it."""
    reader = TarGzReader(limits)
    for position in range(0, len(data), step):
        if reader.feed(data[position : position + step]):
            return reader.finish(), position + step
    return reader.finish(), len(data)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("step", [1, 100, 1_000_000])
def test_pkg_info_is_found_in_every_tar_format_and_piece_size(form: int, step: int) -> None:
    data = sdist([("six-1.0/a", b"x" * 700), ("six-1.0/PKG-INFO", b"hello")], form)
    assert read(data, step)[0] == b"hello"


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_understood(form: int) -> None:
    name = f"{'d' * 150}/PKG-INFO"
    long = f"six-1.0/{'e' * 300}"
    assert read(sdist([(long, b"no"), (name, b"hello")], form))[0] == b"hello"


def test_reading_stops_at_pkg_info() -> None:
    noise = random.Random(0).randbytes(100_000)
    data = sdist([("six-1.0/PKG-INFO", b"hello"), ("six-1.0/z", noise)])
    content, needed = read(data)
    assert content == b"hello"
    assert needed < len(data) / 10


@pytest.mark.parametrize("name", ["./six-1.0/PKG-INFO", "anything/PKG-INFO"])
def test_the_directory_may_have_any_plain_name(name: str) -> None:
    assert read(sdist([(name, b"hello")]))[0] == b"hello"


@pytest.mark.parametrize(
    "name",
    [
        "PKG-INFO",
        "/PKG-INFO",
        "../PKG-INFO",
        "six-1.0/six.egg-info/PKG-INFO",
        "six-1.0/../PKG-INFO",
        "six-1.0/pkg-info",
        "six-1.0/PKG-INFO/x",
    ],
)
def test_other_places_are_no_place_for_pkg_info(name: str) -> None:
    with pytest.raises(ArchiveError, match="no PKG-INFO"):
        read(sdist([(name, b"hello")]))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_pkg_info_that_is_no_regular_file_is_refused(kind: bytes) -> None:
    info = tarfile.TarInfo("six-1.0/PKG-INFO")
    info.type = kind
    info.linkname = "/etc/passwd"
    with pytest.raises(ArchiveError, match="no regular file"):
        read(sdist([info]))


def test_limits_hold_for_every_size_and_count() -> None:
    with pytest.raises(ArchiveError, match="larger than the limit"):
        read(sdist([("six-1.0/PKG-INFO", b"x" * 10_001)]))
    with pytest.raises(ArchiveError, match="too many members"):
        read(sdist((f"six-1.0/{number}", b"") for number in range(51)))
    bomb = sdist([("six-1.0/a", b"\0" * 30_000_000), ("six-1.0/PKG-INFO", b"hello")])
    with pytest.raises(ArchiveError, match="sdist_inflated_bytes"):
        read(bomb, limits=replace(LIMITS, sdist_inflated_bytes=1_000_000))
    with pytest.raises(ArchiveError, match="sdist_bytes"):
        read(bomb, limits=replace(LIMITS, sdist_bytes=1_000))


def raw(header: bytes) -> bytes:
    return gzip.compress(header)


def header(name: bytes, size: bytes = b"00000000005\0", kind: bytes = b"0") -> bytes:
    block = bytearray(512)
    block[0 : len(name)] = name
    block[124 : 124 + len(size)] = size
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not gzip",
        gzip.compress(b""),
        gzip.compress(b"not tar" * 100),
        gzip.compress(b"\0" * 2048),
        sdist([("six-1.0/PKG-INFO", b"hello")])[:40],
        raw(header(b"six-1.0/PKG-INFO")),
        raw(header(b"six-1.0/PKG-INFO", b"-0000000005\0") + b"hello"),
        raw(header(b"six-1.0/PKG-INFO", b"\xff" * 12) + b"hello"),
        raw(header(b"six-1.0/PKG-INFO", b"\x80" + b"\x7f" * 11) + b"hello"),
        raw(header(b"six-1.0/PKG-INFO", b"zzzzzzzzzzz\0") + b"hello"),
        raw(header(b"x", b"77777777777\0", b"x") + b"hello"),
        raw(header(b"x", b"00000000012\0", b"x") + b"99 path=x\n".ljust(512, b"\0")),
        raw(header(b"x", b"00000000012\0", b"x") + b"0 path=xx\n".ljust(512, b"\0")),
        raw(header(b"x", b"00000000012\0", b"x") + b"nonsense\n\n".ljust(512, b"\0")),
        raw(header(b"six-1.0/PKG-INFO").replace(b"0", b"1") + b"hello"),
    ],
    ids=range(16),
)
def test_a_malformed_archive_is_refused(data: bytes) -> None:
    with pytest.raises(ArchiveError):
        read(data)


def test_a_gzip_file_may_have_several_members() -> None:
    tar = gzip.decompress(sdist([("six-1.0/a", b"x" * 700), ("six-1.0/PKG-INFO", b"hello")]))
    data = gzip.compress(tar[:600]) + gzip.compress(tar[600:])
    assert read(data)[0] == b"hello"


def test_of_a_zip_the_only_pkg_info_at_depth_one_is_chosen() -> None:
    names = [b"six-1.0/six.egg-info/PKG-INFO", b"six-1.0/PKG-INFO"]
    assert choose_pkg_info(names) == 1
    with pytest.raises(ArchiveError, match="several"):
        choose_pkg_info([*names, b"other/PKG-INFO"])
    with pytest.raises(ArchiveError, match="no PKG-INFO"):
        choose_pkg_info(names[:1])
