"""The public index keeps to what the client expects of it."""

import asyncio

import pytest

from thoth.dependency_monkey.ecosystems.pypi.index.client import HttpIndex
from thoth.dependency_monkey.errors import IndexUnreachableError

from .asking import artifact_of

pytestmark = pytest.mark.live

URL = "https://pypi.org/simple/"


def test_a_page_and_metadata_of_the_public_index_are_understood() -> None:
    async def question() -> None:
        async with HttpIndex(URL) as index:
            try:
                page = await index.page("six")
            except IndexUnreachableError as error:
                pytest.skip(f"the public index is not reachable: {error}")
            assert page.facts is not None
            assert {"1.9.0", "1.17.0"} <= set(page.facts.versions)
            found = await index.metadata("six", "1.17.0", artifact_of(page, "1.17.0"))
            assert found.facts is not None
            assert found.facts.requires_python == ">=2.7, !=3.0.*, !=3.1.*, !=3.2.*"
            sdist = await index.metadata("six", "1.17.0", artifact_of(page, "1.17.0", "sdist"))
            assert sdist.needs_build
            assert (await index.page("no-such-package-of-thoth-tests")).facts is None

    asyncio.run(question())
