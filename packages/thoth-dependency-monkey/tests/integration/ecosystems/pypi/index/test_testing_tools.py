"""The indexes that `thoth.dependency_monkey.testing` ships keep to the contract of real ones."""

import asyncio
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from thoth.dependency_monkey.ecosystems.pypi.facts import MetadataFacts
from thoth.dependency_monkey.ecosystems.pypi.index.client import HttpIndex
from thoth.dependency_monkey.ecosystems.pypi.ports import PackageIndex
from thoth.dependency_monkey.errors import IndexUnreachableError
from thoth.dependency_monkey.testing import Fault, IndexServer, InMemoryIndex, ReleaseSpec

from .asking import artifact_of, page_of

RELEASES = {
    "boto3": {
        "1.0": ReleaseSpec(requires_dist=["six>=1.10"], requires_python=">=3.8", extras=["x"]),
        "2.0rc1": ReleaseSpec(sdist=True, wheel_tags=(), static=False),
        "1.1": ReleaseSpec(sdist=True, wheel_tags=(), yanked="bad"),
        "0.9": ReleaseSpec(metadata=b"nonsense"),
    }
}

Opened = Callable[[], AbstractAsyncContextManager[PackageIndex]]


@asynccontextmanager
async def in_memory() -> AsyncIterator[PackageIndex]:
    index = InMemoryIndex(RELEASES)
    index.unreachable.add("broken")
    yield index


@asynccontextmanager
async def over_http() -> AsyncIterator[PackageIndex]:
    with IndexServer() as server:
        for version, spec in RELEASES["boto3"].items():
            server.add_release("boto3", version, spec)
        server.fault("/simple/broken/", Fault(status=403))
        async with HttpIndex(server.url) as index:
            yield index


@pytest.fixture(params=[in_memory, over_http])
def opened(request: pytest.FixtureRequest) -> Opened:
    opened: Opened = request.param
    return opened


def test_pages_and_metadata_are_the_same_in_memory_and_over_http(opened: Opened) -> None:
    async def questions() -> None:
        async with opened() as index:
            page = await index.page("boto3")
            assert page.facts is not None
            assert page.facts.versions == ["0.9", "1.0", "1.1", "2.0rc1"]
            assert page.facts.yanked == [False, False, True, False]
            assert page.facts.specifiers == [">=3.8"]
            wheel = artifact_of(page, "1.0")
            found = await index.metadata("boto3", "1.0", wheel)
            assert found.facts == MetadataFacts(("six>=1.10",), ("x",), ">=3.8")
            static = await index.metadata("boto3", "1.1", artifact_of(page, "1.1", "sdist"))
            assert (static.origin, static.facts) == ("sdist", MetadataFacts())
            dynamic = await index.metadata("boto3", "2.0rc1", artifact_of(page, "2.0rc1", "sdist"))
            assert (dynamic.facts, dynamic.needs_build) == (None, True)
            nonsense = await index.metadata("boto3", "0.9", artifact_of(page, "0.9"))
            assert (nonsense.facts, nonsense.needs_build) == (None, False)
            gone = replace(
                wheel, filename="gone-1.0-py3-none-any.whl", url=f"{wheel.url}.gone", size=None
            )
            missing = await index.metadata("boto3", "1.0", gone)
            assert missing.facts is None

    asyncio.run(questions())


def test_absent_and_unreachable_differ(opened: Opened) -> None:
    async def questions() -> None:
        async with opened() as index:
            assert (await index.page("no-such-package")).facts is None
            with pytest.raises(IndexUnreachableError):
                await index.page("broken")

    asyncio.run(questions())


def test_an_unchanged_page_comes_back_with_a_new_time(opened: Opened) -> None:
    async def questions() -> None:
        async with opened() as index:
            page = await index.page("boto3")
            again = await index.page("boto3", page)
            assert again == replace(page, checked_at=again.checked_at)
            assert again.checked_at > page.checked_at

    asyncio.run(questions())


def test_the_index_in_memory_records_what_it_was_asked() -> None:
    async def questions() -> InMemoryIndex:
        index = InMemoryIndex({"Six": {"1.0": []}})
        page = await index.page("six")
        await index.metadata("six", "1.0", artifact_of(page, "1.0"))
        return index

    assert asyncio.run(questions()).asked == [
        ("page", "six"),
        ("metadata", "six-1.0-py3-none-any.whl"),
    ]


def test_installers_accept_what_the_server_serves(tmp_path: Path) -> None:
    with IndexServer() as server:
        server.add("outer-package", "1.0", requires_dist=["inner[x]>=1"], requires_python=">=3.8")
        server.add("inner", "1.5", requires_dist=["leaf; extra == 'x'"], extras=["x"])
        server.add("leaf", "0.1", wheel_tags=("py2.py3-none-any",), sdist=True)
        command = ["uv", "pip", "install", "--no-cache", "--index-url", server.url]
        target = ["--python", sys.executable, "--target", str(tmp_path), "outer-package"]
        done = subprocess.run([*command, *target], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    program = "import outer_package, inner, leaf; print(inner.__version__)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout == "1.5\n", done.stderr


def test_hundreds_of_packages_are_quickly_served() -> None:
    begin = time.monotonic()
    with IndexServer() as server:
        for number in range(300):
            server.add(f"package-{number}", "1.0")

        async def questions() -> int:
            async with HttpIndex(server.url) as index:
                pages = await asyncio.gather(
                    *(index.page(f"package-{number}") for number in range(300))
                )
            return len(pages)

        assert asyncio.run(questions()) == 300
        assert time.monotonic() - begin < 10


def test_a_package_can_be_removed_and_its_address_lacks_nothing(server: IndexServer) -> None:
    assert page_of(server.url, "six").facts is not None
    server.remove("six")
    assert page_of(server.url, "six").facts is None


def test_head_and_the_missing_slash_are_answered(server: IndexServer) -> None:
    with urllib.request.urlopen(f"{server.root}/simple/six") as response:
        assert response.url.endswith("/simple/six/")
    request = urllib.request.Request(f"{server.url}six/", method="HEAD")
    with urllib.request.urlopen(request) as response:
        assert response.read() == b""
        assert int(response.headers["content-length"]) > 0
