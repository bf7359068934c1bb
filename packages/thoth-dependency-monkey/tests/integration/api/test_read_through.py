"""The read-through index over real HTTP, before a real index, asked by real clients."""

from __future__ import annotations

import hashlib
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import httpx2
import msgspec
import pytest

from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.testing import Fault, IndexServer
from thoth.dependency_monkey.validation.exchange import (
    MEDIA_TYPE,
    IndexList,
    MetadataFact,
    NoFact,
    PageFact,
    decode_fact,
)
from thoth.dependency_monkey.validation.store import MemoryFactStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
UV = f"{JSON}, {HTML};q=0.2, text/html;q=0.01"


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        server.add(
            "six",
            "1.16.0",
            requires_python=">=2.7, !=3.0.*",
            uploaded=datetime(2021, 5, 5, 12, tzinfo=UTC),
        )
        server.add(
            "six",
            "1.17.0",
            sdist=True,
            yanked="<broken>",
            uploaded=datetime(2024, 12, 4, tzinfo=UTC),
        )
        server.add("boto3", "1.0", requires_dist=["six>=1.10"])
        yield server


@pytest.fixture
def site(read_through: Callable[..., Any], index: IndexServer) -> Any:
    return read_through(main=index.url)


def get(url: str, accept: str | None = JSON, **options: Any) -> httpx2.Response:
    headers = {**options.pop("headers", {})}
    if accept is not None:
        headers["accept"] = accept
    given = {"timeout": 60.0, **options}
    with httpx2.Client(trust_env=False, verify=False, **given) as client:
        return client.get(url, headers=headers)


def fact(url: str, **headers: str) -> Any:
    answer = get(url, MEDIA_TYPE, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == MEDIA_TYPE
    return decode_fact(answer.content)


class TestPages:
    def test_json_says_what_the_index_says(self, site: Any, index: IndexServer) -> None:
        answer = get(f"{site.url}six/")
        assert answer.headers["content-type"] == JSON
        page = answer.json()
        assert page["meta"] == {"api-version": "1.1"}
        assert page["name"] == "six"
        assert page["versions"] == ["1.16.0", "1.17.0"]
        files = {file["filename"]: file for file in page["files"]}
        wheel = files["six-1.16.0-py3-none-any.whl"]
        content = index.content("six-1.16.0-py3-none-any.whl")
        assert wheel["hashes"] == {"sha256": hashlib.sha256(content).hexdigest()}
        assert wheel["size"] == len(content)
        assert wheel["requires-python"] == ">=2.7, !=3.0.*"
        assert wheel["upload-time"] == "2021-05-05T12:00:00Z"
        assert wheel["yanked"] is False
        assert files["six-1.17.0-py3-none-any.whl"]["yanked"] == "<broken>"
        assert "core-metadata" not in files["six-1.17.0.tar.gz"]

    def test_html_says_the_same(self, site: Any) -> None:
        answer = get(f"{site.url}six/", HTML)
        assert answer.headers["content-type"] == f"{HTML}; charset=utf-8"
        text = answer.text
        assert text.count("<a ") == 3
        assert 'data-requires-python="&gt;=2.7, !=3.0.*"' in text
        assert 'data-yanked="&lt;broken&gt;"' in text
        assert text.count("data-core-metadata=") == 2
        assert text.count("#sha256=") == 3

    @pytest.mark.parametrize(
        ("accept", "expected"),
        [
            (UV, JSON),
            (None, "text/html; charset=utf-8"),
            ("*/*", "text/html; charset=utf-8"),
            ("text/html", "text/html; charset=utf-8"),
            ("application/vnd.pypi.simple.latest+json", JSON),
            (f"{JSON};q=0.1, {HTML}", f"{HTML}; charset=utf-8"),
        ],
    )
    def test_the_client_chooses_by_accept(
        self, site: Any, accept: str | None, expected: str
    ) -> None:
        answer = get(f"{site.url}six/", accept)
        assert answer.headers["content-type"] == expected
        assert answer.headers["vary"] == "accept"

    def test_types_that_no_page_has_are_406(self, site: Any) -> None:
        assert get(f"{site.url}six/", "image/png").status_code == 406

    def test_an_absent_package_is_404(self, site: Any) -> None:
        answer = get(f"{site.url}nothing/")
        assert answer.status_code == 404
        assert "nothing" in answer.json()["detail"]

    @pytest.mark.parametrize("path", ["Six/", "s.i_x/", "six", "Six"])
    def test_there_is_one_address_a_page(self, site: Any, path: str) -> None:
        answer = get(f"{site.url}{path}")
        assert answer.status_code == 301
        name = "s-i-x" if "." in path else "six"
        assert urljoin(f"{site.url}{path}", answer.headers["location"]) == f"{site.url}{name}/"

    @pytest.mark.parametrize(
        "path",
        ["-six/", "si%20x/", "si%00x/", "%2e%2e/", "a" * 300 + "/", "si\u00e9/", ""],
    )
    def test_what_is_no_name_is_404(self, site: Any, index: IndexServer, path: str) -> None:
        assert get(f"{site.url}{path}").status_code == 404
        assert index.requests == []

    def test_a_page_without_sizes_does_not_claim_to_have_them(
        self, read_through: Callable[..., Any]
    ) -> None:
        with IndexServer(json=False) as server:
            server.add("six", "1.17.0")
            page = get(f"{read_through(main=server.url).url}six/").json()
        assert page["meta"] == {"api-version": "1.0"}
        assert "versions" not in page
        assert "size" not in page["files"][0]

    def test_an_unchanged_page_is_304(self, site: Any) -> None:
        first = get(f"{site.url}six/")
        second = get(f"{site.url}six/", headers={"if-none-match": first.headers["etag"]})
        assert (second.status_code, second.content) == (304, b"")
        other = get(f"{site.url}six/", HTML, headers={"if-none-match": first.headers["etag"]})
        assert other.status_code == 200

    def test_an_unknown_index_is_404_and_says_which_there_are(self, site: Any) -> None:
        answer = get(f"{site.url_of('other')}six/")
        assert answer.status_code == 404
        assert "default, main" in answer.json()["errors"][0]["remedy"]

    def test_all_packages_are_not_listed(self, site: Any) -> None:
        assert get(site.url).status_code == 404


class TestFiles:
    def test_a_file_is_where_it_really_is(self, site: Any, index: IndexServer) -> None:
        page = get(f"{site.url}six/").json()
        for file in page["files"]:
            url = urljoin(f"{site.url}six/", file["url"])
            assert url.startswith(site.root)
            answer = get(url)
            assert answer.status_code == 302
            assert answer.headers["location"] == index.root + index.file_path(file["filename"])
            assert get(url, follow_redirects=True).content == index.content(file["filename"])

    @pytest.mark.parametrize("offered", [True, False], ids=["offered", "lacking"])
    def test_core_metadata_is_beside_every_wheel(
        self, site: Any, index: IndexServer, offered: bool
    ) -> None:
        index.metadata_files = offered
        file = get(f"{site.url}boto3/").json()["files"][0]
        assert isinstance(file["core-metadata"], dict) == offered
        answer = get(urljoin(f"{site.url}boto3/", f"{file['url']}.metadata"))
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.status_code == 200
        assert "Requires-Dist: six>=1.10" in answer.text
        if offered:
            assert hashlib.sha256(answer.content).hexdigest() == file["core-metadata"]["sha256"]

    def test_a_url_is_sent_as_ascii_and_otherwise_as_it_is(
        self, site: Any, index: IndexServer
    ) -> None:
        urls = ["https://f.test/a%2Bb/x.whl?a=b&c=(d)", "https://f.test/caf\u00e9/\u2603.whl"]
        names = [f"odd-{n}.0-py3-none-any.whl" for n in range(2)]
        listed = [
            {"filename": name, "url": url, "hashes": {}}
            for name, url in zip(names, urls, strict=True)
        ]
        page = {"meta": {"api-version": "1.0"}, "name": "odd", "files": listed}
        index.add("odd", "1.0")
        index.fault("/simple/odd/", Fault(body=json.dumps(page).encode(), content_type=JSON))
        found = [
            get(f"{site.root}/index/main/files/odd/{name}").headers["location"] for name in names
        ]
        assert found == [urls[0], "https://f.test/caf%C3%A9/%E2%98%83.whl"]

    def test_metadata_that_is_known_is_not_fetched_again(
        self, site: Any, index: IndexServer
    ) -> None:
        url = f"{site.root}/index/default/files/boto3/boto3-1.0-py3-none-any.whl.metadata"
        first, second = get(url), get(url)
        assert first.content == second.content
        assert index.asked("/files/boto3-1.0-py3-none-any.whl.metadata") == 1

    @pytest.mark.parametrize(
        "filename",
        ["six-9.9.9-py3-none-any.whl", "boto3-1.0-py3-none-any.whl", "x", "six-1.17.0.zip", "%00"],
    )
    def test_what_no_page_lists_is_404(self, site: Any, filename: str) -> None:
        for suffix in ("", ".metadata"):
            url = f"{site.root}/index/default/files/six/{filename}{suffix}"
            assert get(url).status_code == 404

    def test_a_file_that_hides_its_metadata_is_404(self, site: Any, index: IndexServer) -> None:
        index.add("old", "1.0", wheel_tags=(), sdist=True, static=False)
        url = f"{site.root}/index/default/files/old/old-1.0.tar.gz.metadata"
        answer = get(url)
        assert answer.status_code == 404
        assert "PEP 643" in answer.json()["detail"]


class TestFreshness:
    def test_what_is_fresh_is_not_asked_for_again(self, site: Any, index: IndexServer) -> None:
        for _ in range(3):
            get(f"{site.url}six/")
            get(f"{site.url}nothing/")
        assert index.asked("/simple/six/") == 1
        assert index.asked("/simple/nothing/") == 1

    def test_it_tells_clients_how_long_it_will_be(self, site: Any) -> None:
        assert re.fullmatch("max-age=(600|599)", get(f"{site.url}six/").headers["cache-control"])

    def test_a_new_release_is_seen_in_time(
        self, read_through: Callable[..., Any], index: IndexServer
    ) -> None:
        site = read_through(main=index.url, max_age=0.0)
        get(f"{site.url}six/")
        index.add("six", "2.0")
        assert "2.0" in get(f"{site.url}six/").json()["versions"]

    def test_clients_that_ask_at_once_share_one_question(
        self, site: Any, index: IndexServer
    ) -> None:
        index.fault("/simple/six/", Fault(delay=0.3))
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: get(f"{site.url}six/"), range(8)))
        assert {answer.status_code for answer in answers} == {200}
        assert index.asked("/simple/six/") == 1

    def test_facts_are_recorded(self, read_through: Callable[..., Any], index: IndexServer) -> None:
        store = MemoryFactStore()
        site = read_through(main=index.url, store=store)
        get(f"{site.url}boto3/")
        get(f"{site.root}/index/default/files/boto3/boto3-1.0-py3-none-any.whl.metadata")
        until = time.monotonic() + 5
        while not store.pages(index.url, ["boto3"]) and time.monotonic() < until:
            time.sleep(0.01)
        asked = len(index.requests)
        again = read_through(main=index.url, store=store)
        assert get(f"{again.url}boto3/").status_code == 200
        url = f"{again.root}/index/default/files/boto3/boto3-1.0-py3-none-any.whl.metadata"
        assert "Requires-Dist" in get(url).text
        assert len(index.requests) == asked


class TestFailures:
    @pytest.mark.parametrize(
        "fault",
        [
            Fault(status=500),
            Fault(status=401),
            Fault(status=403),
            Fault(close=True),
            Fault(truncate=20),
            Fault(body=b"<html>log in", content_type="text/html"),
            Fault(body=b"[" * 100_000, content_type=JSON),
        ],
        ids=["500", "401", "403", "closed", "cut", "log-in", "brackets"],
    )
    def test_an_index_that_fails_is_502_and_never_404(
        self, site: Any, index: IndexServer, fault: Fault
    ) -> None:
        index.fault("/simple/six/", fault)
        answer = get(f"{site.url}six/")
        assert answer.status_code == 502
        assert answer.headers["content-type"] == "application/problem+json"
        assert index.url in answer.json()["detail"]

    def test_an_index_that_is_silent_is_502(
        self, read_through: Callable[..., Any], index: IndexServer
    ) -> None:
        index.fault("/simple/six/", Fault(delay=10.0))
        limits = IndexLimits(read_timeout=0.5, retries=1, backoff=0.01)
        assert get(f"{read_through(main=index.url, limits=limits).url}six/").status_code == 502

    def test_a_failure_is_not_remembered(self, site: Any, index: IndexServer) -> None:
        index.fault("/simple/six/", Fault(status=500))
        assert get(f"{site.url}six/").status_code == 502
        index.fault("/simple/six/", None)
        assert get(f"{site.url}six/").status_code == 200

    def test_metadata_that_cannot_be_fetched_is_502(self, site: Any, index: IndexServer) -> None:
        for suffix in ("", ".metadata"):
            index.fault(f"/files/boto3-1.0-py3-none-any.whl{suffix}", Fault(status=503))
        url = f"{site.root}/index/default/files/boto3/boto3-1.0-py3-none-any.whl.metadata"
        assert get(url).status_code == 502

    def test_a_store_that_is_gone_is_503(
        self, read_through: Callable[..., Any], index: IndexServer
    ) -> None:
        from thoth.storages.exceptions import StoragesError

        class Gone(MemoryFactStore):
            def pages(self, *_: Any) -> Any:
                raise StoragesError("password=secret")

        answer = get(f"{read_through(main=index.url, store=Gone()).url}six/")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "secret" not in answer.text


class TestPriority:
    @pytest.fixture
    def extra(self) -> Iterator[IndexServer]:
        with IndexServer() as server:
            server.add("six", "9.0")
            yield server

    def test_the_first_index_that_has_a_package_is_used(
        self, read_through: Callable[..., Any], index: IndexServer, extra: IndexServer
    ) -> None:
        site = read_through(extra=extra.url, main=index.url)
        assert get(f"{site.url}six/").json()["versions"] == ["9.0"]
        assert get(f"{site.url}boto3/").json()["versions"] == ["1.0"]
        assert get(f"{site.url_of('main')}six/").json()["versions"] == ["1.16.0", "1.17.0"]
        assert get(f"{site.url_of('extra')}boto3/").status_code == 404

    def test_one_that_fails_is_not_skipped(
        self, read_through: Callable[..., Any], index: IndexServer, extra: IndexServer
    ) -> None:
        extra.fault("/simple/boto3/", Fault(status=401))
        site = read_through(extra=extra.url, main=index.url)
        assert get(f"{site.url}boto3/").status_code == 502


class TestAsOfADate:
    @pytest.mark.parametrize(
        ("moment", "versions"),
        [
            ("2021-05-04", []),
            ("2021-05-05", ["1.16.0"]),
            ("2021-05-05T12:00:00Z", []),
            ("2021-05-05T12:00:01Z", ["1.16.0"]),
            ("2024-12-04", ["1.16.0", "1.17.0"]),
        ],
    )
    def test_what_was_uploaded_later_is_left_out(
        self, site: Any, moment: str, versions: list[str]
    ) -> None:
        answer = get(f"{site.url_of(f'default@{moment}')}six/")
        assert answer.json()["versions"] == versions
        links = re.findall("<a ", get(f"{site.url_of(f'main@{moment}')}six/", HTML).text)
        assert len(links) == {0: 0, 1: 1, 2: 3}[len(versions)]

    def test_what_has_no_upload_time_is_left_out(self, site: Any) -> None:
        assert get(f"{site.url_of('default@2026-01-31')}boto3/").json()["files"] == []

    def test_its_links_lead_somewhere(self, site: Any) -> None:
        page = f"{site.url_of('default@2022-01-31')}six/"
        url = urljoin(page, get(page).json()["files"][0]["url"])
        assert get(url).status_code == 302
        assert get(f"{url}.metadata").status_code == 200

    @pytest.mark.parametrize(
        "moment", ["", "yesterday", "2026-13-01", "9999-12-31", "2026-01-31@x"]
    )
    def test_what_is_no_date_is_404(self, site: Any, moment: str) -> None:
        assert get(f"{site.url_of(f'default@{moment}')}six/").status_code == 404


class TestFacts:
    """What validators get."""

    def test_the_indexes_by_priority(
        self, read_through: Callable[..., Any], index: IndexServer
    ) -> None:
        site = read_through(extra="http://127.0.0.1:9/simple/", main=index.url)
        expected = (("extra", "http://127.0.0.1:9/simple/"), ("main", index.url))
        assert fact(site.url) == IndexList(expected)
        assert fact(site.url_of("main")) == IndexList(expected[1:])

    def test_a_page_names_the_real_index_and_the_real_files(
        self, site: Any, index: IndexServer
    ) -> None:
        told = fact(f"{site.url}six/")
        assert isinstance(told, PageFact)
        assert told.page.index_url == index.url
        assert told.page.facts is not None
        assert told.page.facts.versions == ["1.16.0", "1.17.0"]
        assert index.root.encode() in (told.page.artifacts or b"")

    def test_an_absent_package_is_a_fact(self, site: Any) -> None:
        told = fact(f"{site.url}nothing/")
        assert isinstance(told, PageFact)
        assert told.page.facts is None

    def test_why_something_could_not_be_told_is_told(self, site: Any, index: IndexServer) -> None:
        index.fault("/simple/six/", Fault(status=500))
        told = fact(f"{site.url}six/")
        assert isinstance(told, NoFact)
        assert told.reason == "index_unreachable"
        assert "HTTP status 500" in told.detail

    def test_why_there_is_no_metadata_is_told(self, site: Any, index: IndexServer) -> None:
        index.add("old", "1.0", wheel_tags=(), sdist=True, static=False)
        told = fact(f"{site.root}/index/default/files/old/old-1.0.tar.gz.metadata")
        assert isinstance(told, MetadataFact)
        assert told.metadata.needs_build
        assert told.metadata.content == b""

    def test_how_old_a_page_may_be_is_theirs_to_say(self, site: Any, index: IndexServer) -> None:
        url = f"{site.url}six/"
        fact(url)
        fact(url, **{"cache-control": "max-age=600"})
        assert index.asked("/simple/six/") == 1
        fact(url, **{"cache-control": "max-age=0"})
        assert index.asked("/simple/six/") == 2

    def test_facts_are_a_format_of_their_own(self) -> None:
        with pytest.raises(msgspec.DecodeError):
            decode_fact(json.dumps({"type": "page"}).encode())
