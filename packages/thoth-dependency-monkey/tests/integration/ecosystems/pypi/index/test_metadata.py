import io
import tarfile
import zipfile
from dataclasses import replace

import pytest
from msgspec.structs import replace as changed

from thoth.dependency_monkey.ecosystems.pypi.facts import Metadata, MetadataFacts
from thoth.dependency_monkey.ecosystems.pypi.index.client import HttpIndex
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.errors import IndexUnreachableError
from thoth.dependency_monkey.testing import Fault, IndexServer, ReleaseSpec, build_wheel

from .asking import artifact_of, ask, metadata_of, page_of

WHEEL = "boto3-1.0-py3-none-any.whl"
SDIST = "boto3-1.0.tar.gz"
FACTS = MetadataFacts(("six>=1.10", "attrs; extra == 'x'"), ("x",), ">=3.8")


@pytest.fixture(autouse=True)
def _boto3(server: IndexServer) -> None:
    server.add(
        "boto3",
        "1.0",
        requires_dist=FACTS.requires_dist,
        extras=FACTS.provides_extra,
        requires_python=FACTS.requires_python,
        sdist=True,
    )


def big_wheel(size: int = 200_000, method: int = zipfile.ZIP_STORED) -> bytes:
    """A wheel whose directory and METADATA are far from its end."""
    buffer = io.BytesIO()
    spec = ReleaseSpec(requires_dist=("big",))
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.writestr("boto3/a", b"a" * size)
        file.writestr("boto3-1.0.dist-info/METADATA", spec.core_metadata("boto3", "1.0"))
        file.writestr("boto3/b", b"b" * size)
        for number in range(1000):
            file.writestr(f"boto3/{number:0>100}", b"")
    return buffer.getvalue()


def asked(server: IndexServer) -> list[tuple[str, str | None, int]]:
    return [
        (request.path.rpartition("/")[2], request.headers.get("range"), request.status)
        for request in server.requests
        if request.path.startswith("/files/")
    ]


def test_the_metadata_file_beside_an_artifact_comes_first(server: IndexServer) -> None:
    found = metadata_of(server.url, "boto3", "1.0")
    assert (found.facts, found.origin) == (FACTS, "core-metadata")
    assert b"Requires-Dist: six>=1.10" in found.content
    assert asked(server) == [(f"{WHEEL}.metadata", None, 200)]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=404),
        Fault(status=410),
        Fault(status=403),
        Fault(body=b"Metadata-Version: 2.1\nName: boto3\nVersion: 1.0\n\n"),
        Fault(body=b"\x00" * 100),
    ],
)
def test_a_metadata_file_that_is_missing_or_not_its_hash_is_passed_over_for_the_wheel(
    server: IndexServer, fault: Fault
) -> None:
    server.fault(f"/files/{WHEEL}.metadata", fault)
    found = metadata_of(server.url, "boto3", "1.0")
    assert (found.facts, found.origin) == (FACTS, "wheel")


def test_a_small_wheel_is_read_whole_and_checked_by_its_hash(server: IndexServer) -> None:
    server.metadata_files = False
    assert metadata_of(server.url, "boto3", "1.0").facts == FACTS
    assert asked(server) == [(WHEEL, None, 200)]
    server.fault(f"/files/{WHEEL}", Fault(body=build_wheel("boto3", "1.0", "py3-none-any")))
    found = metadata_of(server.url, "boto3", "1.0")
    assert found.facts is None
    assert found.opaque is not None
    assert "SHA-256" in found.opaque


def test_a_wheel_of_unknown_size_takes_one_range(server: IndexServer) -> None:
    server.metadata_files = server.sizes = False
    assert metadata_of(server.url, "boto3", "1.0").origin == "wheel"
    assert asked(server) == [(WHEEL, "bytes=-49152", 206)]


@pytest.mark.parametrize("tail", [22, 1000, 48 * 1024, 600_000])
def test_directory_and_metadata_are_fetched_by_further_ranges(
    server: IndexServer, tail: int
) -> None:
    server.metadata_files = False
    server.add_file("boto3", WHEEL, big_wheel())
    limits = IndexLimits(wheel_tail_bytes=tail)
    found = metadata_of(server.url, "boto3", "1.0", limits)
    assert found.facts == MetadataFacts(("big",))
    assert len(asked(server)) == (1 if tail == 600_000 else 3)


@pytest.mark.parametrize(
    "fault",
    [
        None,
        Fault(status=416, times=1),
        Fault(headers={"content-range": "bytes 0-1/2"}, times=1),
        Fault(headers={"content-range": "nonsense"}, times=1),
    ],
)
def test_a_server_without_good_ranges_is_asked_for_the_whole_wheel(
    server: IndexServer, fault: Fault | None
) -> None:
    server.metadata_files = False
    server.ranges = fault is not None
    server.fault(f"/files/{WHEEL}", fault)
    server.add_file("boto3", WHEEL, big_wheel())
    assert metadata_of(server.url, "boto3", "1.0").facts == MetadataFacts(("big",))
    assert asked(server)[-1] == (WHEEL, None, 200)


def test_a_server_without_ranges_is_asked_for_one_only_once(server: IndexServer) -> None:
    server.metadata_files = server.ranges = False
    server.add_file("boto3", WHEEL, big_wheel())

    async def question(index: HttpIndex) -> list[Metadata]:
        artifact = artifact_of(await index.page("boto3"), "1.0")
        return [await index.metadata("boto3", "1.0", artifact) for _ in range(2)]

    assert len(ask(server.url, question, IndexLimits())) == 2
    assert [byte_range for _, byte_range, _ in asked(server)] == ["bytes=-49152", None, None]


def test_a_wheel_beyond_the_limit_is_opaque_where_ranges_lack(server: IndexServer) -> None:
    server.metadata_files = server.ranges = False
    server.add_file("boto3", WHEEL, big_wheel())
    found = metadata_of(server.url, "boto3", "1.0", IndexLimits(wheel_bytes=100_000))
    assert found.facts is None
    assert found.opaque is not None
    assert "wheel_bytes" in found.opaque
    assert not found.needs_build


def test_a_range_longer_than_asked_for_is_not_taken(
    server: IndexServer, limits: IndexLimits
) -> None:
    server.metadata_files = server.sizes = False
    server.fault(f"/files/{WHEEL}", Fault(status=206, endless=True))
    patient = replace(limits, request_timeout=30.0, wheel_bytes=2_000_000)
    found = metadata_of(server.url, "boto3", "1.0", patient)
    assert found.facts is None


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_a_missing_file_is_opaque(server: IndexServer, status: int, kind: str) -> None:
    server.metadata_files = False
    server.fault(f"/files/{WHEEL if kind == 'wheel' else SDIST}", Fault(status=status))
    found = metadata_of(server.url, "boto3", "1.0", kind=kind)
    assert found.facts is None
    assert found.origin == "none"
    assert found.opaque is not None
    assert str(status) in found.opaque
    assert found.content == b""


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_a_server_that_fails_is_unreachable(
    server: IndexServer, limits: IndexLimits, status: int, kind: str
) -> None:
    server.metadata_files = False
    server.fault(f"/files/{WHEEL if kind == 'wheel' else SDIST}", Fault(status=status))
    with pytest.raises(IndexUnreachableError) as caught:
        metadata_of(server.url, "boto3", "1.0", limits, kind)
    assert caught.value.status == status
    assert caught.value.url.startswith(f"{server.root}/files/boto3-1.0")


@pytest.mark.parametrize("origin", ["core-metadata", "wheel"])
@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (b"Metadata-Version: 2.1\nName: botox\nVersion: 1.0\n\n", "'botox'"),
        (b"Metadata-Version: 2.1\nName: boto3\nVersion: 1.1\n\n", "'1.1'"),
        (b"Metadata-Version: 2.1\nName: boto3\nVersion: 1.0\nRequires-Dist: a b\n\n", "'a b'"),
        (b"", "nowhere"),
        (b"\x00\xff" * 50, "nowhere"),
    ],
)
def test_metadata_that_is_malformed_or_contradicts_the_file_name_is_opaque(
    server: IndexServer, origin: str, metadata: bytes, reason: str
) -> None:
    server.metadata_files = origin == "core-metadata"
    server.add("boto3", "1.0", metadata=metadata)
    found = metadata_of(server.url, "boto3", "1.0")
    assert found.facts is None
    assert found.opaque is not None
    assert found.opaque.startswith(WHEEL)
    assert reason in found.opaque


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + b"\0" * 18])
def test_a_wheel_that_is_no_wheel_is_opaque(server: IndexServer, content: bytes) -> None:
    server.metadata_files = False
    server.add_file("boto3", WHEEL, content)
    assert metadata_of(server.url, "boto3", "1.0").facts is None


@pytest.mark.parametrize("url", ["https://[::1", "ftp://host/x", "", "http://a b/"])
def test_an_artifact_whose_url_cannot_be_asked_is_opaque(server: IndexServer, url: str) -> None:
    artifact = artifact_of(page_of(server.url, "boto3"), "1.0")
    for kind, offered in (("wheel", ""), ("wheel", None), ("sdist", None)):
        odd = changed(artifact, url=url, kind=kind, filename=SDIST, metadata_sha256=offered)
        found = ask(
            server.url, lambda index, odd=odd: index.metadata("boto3", "1.0", odd), IndexLimits()
        )
        assert found.facts is None


def test_static_metadata_of_an_sdist_counts(server: IndexServer) -> None:
    found = metadata_of(server.url, "boto3", "1.0", kind="sdist")
    assert (found.facts, found.origin) == (FACTS, "sdist")
    assert b"Requires-Dist: six>=1.10" in found.content


def test_an_sdist_without_static_metadata_needs_a_build(server: IndexServer) -> None:
    server.add("boto3", "1.0", requires_dist=["six"], sdist=True, static=False)
    found = metadata_of(server.url, "boto3", "1.0", kind="sdist")
    assert found.facts is None
    assert found.needs_build
    assert found.opaque is not None
    assert "PEP 643" in found.opaque


def test_an_sdist_of_an_old_format_needs_a_build_and_is_not_fetched(server: IndexServer) -> None:
    server.add_file("boto3", "boto3-0.9.tar.bz2", b"x")
    found = metadata_of(server.url, "boto3", "0.9", kind="sdist")
    assert found.needs_build
    assert asked(server) == []


def test_a_zip_is_a_source_distribution_too(server: IndexServer) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("boto3-0.8/setup.py", b"x" * 100_000)
        file.writestr("boto3-0.8/boto3.egg-info/PKG-INFO", b"not this")
        file.writestr("boto3-0.8/PKG-INFO", ReleaseSpec().core_metadata("boto3", "0.8"))
    server.add_file("boto3", "boto3-0.8.zip", buffer.getvalue())
    assert metadata_of(server.url, "boto3", "0.8", kind="sdist").facts == MetadataFacts()
    assert asked(server) == [("boto3-0.8.zip", "bytes=-49152", 206)]


def test_a_large_sdist_is_not_read_to_its_end(server: IndexServer, limits: IndexLimits) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        content = ReleaseSpec().core_metadata("boto3", "0.7")
        info = tarfile.TarInfo("boto3-0.7/PKG-INFO")
        info.size = len(content)
        file.addfile(info, io.BytesIO(content))
    server.add_file("boto3", "boto3-0.7.tar.gz", buffer.getvalue())
    server.fault("/files/boto3-0.7.tar.gz", Fault(headers={"x-then": "noise"}, endless=True))
    # The endless body is no gzip file; the point is that it is not read for ever.
    assert metadata_of(server.url, "boto3", "0.7", limits, "sdist").facts is None
    server.fault("/files/boto3-0.7.tar.gz", Fault(headers={"content-encoding": "gzip"}))
    assert metadata_of(server.url, "boto3", "0.7", limits, "sdist").facts == MetadataFacts()
