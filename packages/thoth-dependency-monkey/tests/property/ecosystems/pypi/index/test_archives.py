"""Archives that the standard library writes are read back; nothing that is not one gets through."""

import io
import tarfile
import zipfile
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from thoth.dependency_monkey.ecosystems.pypi.index.faults import ArchiveError
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.ecosystems.pypi.index.sdists import TarGzReader
from thoth.dependency_monkey.ecosystems.pypi.index.wheels import WANTED, choose_metadata
from thoth.dependency_monkey.ecosystems.pypi.index.zip_archives import (
    Window,
    ZipLimits,
    read_member,
)
from thoth.dependency_monkey.testing import ReleaseSpec, build_sdist, build_wheel

LIMITS = ZipLimits(directory_bytes=1_000_000, members=1_000, member_bytes=100_000)

names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
contents = st.binary(max_size=300)
trees = st.dictionaries(names, contents, max_size=6)


def from_wheel(data: bytes, tail: int) -> bytes:
    start = max(0, len(data) - tail)
    steps = read_member(
        Window(start, data[start:], len(data)),
        lambda found: choose_metadata(found, "six", "1.0"),
        WANTED,
        LIMITS,
    )
    try:
        needed = next(steps)
        while True:
            part = data[needed.start : needed.start + needed.length]
            needed = steps.send(Window(needed.start, part, len(data)))
    except StopIteration as stop:
        return bytes(stop.value)


def from_sdist(data: bytes, step: int) -> bytes:
    reader = TarGzReader(IndexLimits(metadata_bytes=100_000))
    for position in range(0, len(data), step):
        if reader.feed(data[position : position + step]):
            break
    return reader.finish()


@given(
    tree=trees,
    metadata=contents,
    last=trees,
    tail=st.integers(22, 3000),
    method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
)
def test_metadata_is_found_wherever_a_zip_holds_it(
    tree: dict[str, bytes], metadata: bytes, last: dict[str, bytes], tail: int, method: int
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in tree.items():
            file.writestr(f"before/{name}", data)
        file.writestr("six-1.0.dist-info/METADATA", metadata)
        for name, data in last.items():
            file.writestr(f"after/{name}", data)
    assert from_wheel(buffer.getvalue(), tail) == metadata


@given(
    tree=trees,
    metadata=contents,
    form=st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    step=st.integers(1, 2000),
)
def test_metadata_is_found_wherever_a_tar_holds_it(
    tree: dict[str, bytes], metadata: bytes, form: int, step: int
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=form, compresslevel=1) as file:
        for name, data in {**tree, "PKG-INFO": metadata}.items():
            info = tarfile.TarInfo(f"six-1.0/{name}")
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    assert from_sdist(buffer.getvalue(), step) == metadata


WHEEL = build_wheel("six", "1.0", "py3-none-any", ReleaseSpec(requires_dist=["a>1"]))
SDIST = build_sdist("six", "1.0", ReleaseSpec(requires_dist=["a>1"]))
CONTENT = ReleaseSpec(requires_dist=["a>1"]).core_metadata("six", "1.0")


@given(st.data())
def test_a_damaged_wheel_is_refused_or_gives_its_very_metadata(data: st.DataObject) -> None:
    damaged = bytearray(WHEEL)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    for candidate in (bytes(damaged), WHEEL[:cut], WHEEL[cut:]):
        with suppress(ArchiveError):
            assert from_wheel(candidate, data.draw(st.integers(22, 3000))) == CONTENT


@given(st.binary(max_size=2000))
def test_noise_is_no_archive(noise: bytes) -> None:
    for read in (from_wheel, from_sdist):
        try:
            read(noise, 100)
        except ArchiveError:
            continue
        raise AssertionError("noise was read as an archive")


@given(st.integers(0, len(SDIST)), st.integers(1, 200))
def test_an_sdist_that_is_cut_short_is_refused_or_gives_its_very_metadata(
    cut: int, step: int
) -> None:
    with suppress(ArchiveError):
        assert b"Requires-Dist: a>1" in from_sdist(SDIST[:cut], step)
