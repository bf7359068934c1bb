"""How the tests of this folder ask an index."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from thoth.dependency_monkey.ecosystems.pypi.facts import Artifact, Metadata, Page, decode_artifacts
from thoth.dependency_monkey.ecosystems.pypi.index.client import HttpIndex
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits

T = TypeVar("T")


def ask(url: str, question: Callable[[HttpIndex], Awaitable[T]], limits: IndexLimits) -> T:
    async def answer() -> T:
        async with HttpIndex(url, limits=limits) as index:
            return await question(index)

    return asyncio.run(answer())


def page_of(
    url: str, package: str, limits: IndexLimits | None = None, known: Page | None = None
) -> Page:
    return ask(url, lambda index: index.page(package, known), limits or IndexLimits())


def artifact_of(page: Page, version: str, kind: str = "wheel") -> Artifact:
    assert page.facts is not None
    assert page.artifacts is not None
    position = page.facts.versions.index(version)
    start, end = page.facts.offsets[position : position + 2]
    return next(
        artifact
        for artifact in decode_artifacts(page.artifacts[start:end])
        if artifact.kind == kind
    )


def metadata_of(
    url: str,
    package: str,
    version: str,
    limits: IndexLimits | None = None,
    kind: str = "wheel",
) -> Metadata:
    async def question(index: HttpIndex) -> Metadata:
        artifact = artifact_of(await index.page(package), version, kind)
        return await index.metadata(package, version, artifact)

    return ask(url, question, limits or IndexLimits())
