import asyncio
from datetime import UTC, datetime

import pytest

from thoth.dependency_monkey.ecosystems.pypi.index.client import HttpIndex
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.errors import IndexUnreachableError
from thoth.dependency_monkey.testing import Fault, IndexServer

from .asking import artifact_of, ask, page_of


def test_a_page_lists_releases_with_what_the_index_says(server: IndexServer) -> None:
    server.add("six", "2.0", yanked="bad", uploaded=datetime(2026, 1, 2, tzinfo=UTC))
    page = page_of(server.url, "six")
    assert page.index_url == server.url
    assert page.facts is not None
    assert page.facts.versions == ["1.16.0", "1.17.0", "2.0"]
    artifact = artifact_of(page, "2.0")
    content = server.content(artifact.filename)
    assert artifact.url == f"{server.root}/files/{artifact.filename}"
    assert artifact.size == len(content)
    assert artifact.yanked == "bad"
    assert artifact.uploaded == 1767312000


def test_json_and_html_pages_of_a_server_agree(server: IndexServer) -> None:
    server.sizes = False
    one = page_of(server.url, "six")
    server.json = False
    two = page_of(server.url, "six")
    assert one.digest == two.digest
    assert [request.status for request in server.requests] == [200, 200]
    assert "application/vnd.pypi.simple.v1+json" in server.requests[0].headers["accept"]
    assert "text/html;q=" in server.requests[0].headers["accept"]


@pytest.mark.parametrize("status", [404, 410])
def test_a_package_that_the_index_does_not_have_is_an_absent_page(
    server: IndexServer, status: int
) -> None:
    server.fault("/simple/seven/", Fault(status=status))
    page = page_of(server.url, "seven")
    assert page.facts is None
    assert page.artifacts is None
    assert len(server.requests) == 1


def test_an_unchanged_page_is_known_by_its_validator(server: IndexServer) -> None:
    server.etags = True
    times = iter([datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)])

    async def question() -> None:
        async with HttpIndex(server.url, clock=lambda: next(times)) as index:
            first = await index.page("six")
            second = await index.page("six", first)
            assert second.digest == first.digest
            assert second.facts is first.facts
            assert (first.checked_at.day, second.checked_at.day) == (1, 2)
            server.add("six", "3.0")
            third = await index.page("six", second)
            assert third.digest != first.digest
            assert third.etag != first.etag

    asyncio.run(question())
    assert [request.status for request in server.requests] == [200, 304, 200]


def test_last_modified_is_a_validator_too(server: IndexServer) -> None:
    stamp = "Sat, 21 Nov 2026 22:00:00 GMT"
    server.fault("/simple/six/", Fault(headers={"last-modified": stamp}))
    page = page_of(server.url, "six")
    page_of(server.url, "six", known=page)
    assert server.requests[1].headers["if-modified-since"] == stamp


def test_without_validators_an_unchanged_page_has_the_same_digest(server: IndexServer) -> None:
    page = page_of(server.url, "six")
    again = page_of(server.url, "six", known=page)
    assert (again.digest, again.facts) == (page.digest, page.facts)
    assert again.checked_at > page.checked_at


def test_connections_are_kept_and_their_number_is_bounded(server: IndexServer) -> None:
    for number in range(60):
        server.add(f"package-{number}", "1.0")
    limits = IndexLimits(connections=4)

    async def question(index: HttpIndex) -> int:
        pages = await asyncio.gather(*(index.page(f"package-{number}") for number in range(60)))
        return sum(page.facts is not None for page in pages)

    assert ask(server.url, question, limits) == 60
    assert server.most_connections <= 4


def test_pages_come_compressed_where_the_server_can(server: IndexServer) -> None:
    page_of(server.url, "six")
    assert server.requests[0].headers["accept-encoding"] == "gzip"


def test_credentials_of_the_url_are_sent_to_the_index() -> None:
    with IndexServer(username="user", password="pass:word") as server:
        server.add("six", "1.0")
        with pytest.raises(IndexUnreachableError) as caught:
            page_of(server.url, "six")
        assert caught.value.status == 401
        url = server.url.replace("http://", "http://user:pass%3Aword@")
        page = page_of(url, "six")
    assert page.facts is not None
    assert page.index_url == server.url
    assert len(server.requests) == 2


def test_credentials_are_sent_to_no_other_origin() -> None:
    with (
        IndexServer(username="user", password="secret") as server,
        IndexServer() as other,
    ):
        other.add("six", "1.0")
        server.fault("/simple/six/", Fault(redirect=f"{other.url}six/"))
        page = page_of(server.url.replace("http://", "http://user:secret@"), "six")
        assert page.facts is not None
        assert artifact_of(page, "1.0").url.startswith(other.root)
        assert "authorization" in server.requests[0].headers
        assert "authorization" not in other.requests[0].headers


def test_neither_errors_nor_their_urls_hold_credentials() -> None:
    with IndexServer() as server:
        server.fault("/simple/six/", Fault(status=403))
        with pytest.raises(IndexUnreachableError) as caught:
            page_of(server.url.replace("http://", "http://user:secret@"), "six")
    assert caught.value.url == f"{server.url}six/"
    assert "secret" not in f"{caught.value!r} {caught.value} {caught.value.detail}"
    assert "user" not in caught.value.detail
