import json
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest

from thoth.dependency_monkey.ecosystems.pypi.facts import Artifact, decode_artifacts
from thoth.dependency_monkey.ecosystems.pypi.index.faults import (
    BrokenAnswerError,
    WrongAnswerError,
)
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.ecosystems.pypi.index.pages import ParsedPage, absent_page, parse_page
from thoth.dependency_monkey.errors import LimitExceededError

JSON = "application/vnd.pypi.simple.v1+json"
URL = "https://index.example/simple/six/"
HASH = "ab" * 32


def from_json(*files: dict[str, Any], **changes: Any) -> ParsedPage:
    page = {"meta": {"api-version": "1.1"}, "name": "six", "files": list(files), **changes}
    return parse_page(json.dumps(page).encode(), JSON, URL, "six", IndexLimits())


def from_html(text: str, content_type: str = "text/html; charset=utf-8") -> ParsedPage:
    return parse_page(text.encode(), content_type, URL, "six", IndexLimits())


def file(filename: str = "six-1.0-py3-none-any.whl", **fields: Any) -> dict[str, Any]:
    return {
        "filename": filename,
        "url": f"https://files.example/{filename}",
        "hashes": {},
        **fields,
    }


def artifacts(page: ParsedPage) -> list[list[Artifact]]:
    assert page.facts is not None
    assert page.artifacts is not None
    ends = page.facts.offsets
    return [decode_artifacts(page.artifacts[start:end]) for start, end in pairwise(ends)]


def only(page: ParsedPage) -> Artifact:
    ((artifact,),) = artifacts(page)
    return artifact


def test_a_file_of_a_json_page_becomes_an_artifact() -> None:
    page = from_json(
        {
            "filename": "six-1.0-py3-none-any.whl",
            "url": "../../files/six-1.0-py3-none-any.whl#egg=six",
            "hashes": {"md5": "x", "sha256": HASH.upper()},
            "requires-python": " >=3.8 ",
            "size": 123,
            "upload-time": "2020-01-02T03:04:05.678Z",
            "yanked": "broken",
            "core-metadata": {"sha256": HASH},
        }
    )
    assert only(page) == Artifact(
        filename="six-1.0-py3-none-any.whl",
        url="https://index.example/files/six-1.0-py3-none-any.whl",
        kind="wheel",
        sha256=HASH,
        size=123,
        uploaded=1577934245,
        requires_python=">=3.8",
        yanked="broken",
        metadata_sha256=HASH,
    )
    assert page.facts is not None
    assert page.facts.versions == ["1.0"]
    assert page.facts.tag_sets == ["py3-none-any"]
    assert page.facts.specifiers == [">=3.8"]
    assert page.facts.uploaded == [1577934245]
    assert page.facts.yanked == [True]


def test_the_same_page_in_html_gives_the_same_artifact() -> None:
    page = from_html(
        '<!DOCTYPE html><base href="https://files.example/a/"><!-- <a href="six-9.tar.gz"> -->'
        "<script>if (1 < 2) \"<a href='six-8.tar.gz'>\"</script>"
        f"<A\n HREF = 'six-1.0-py3-none-any.whl?x=1&amp;y=2#sha256={HASH}'"
        ' data-requires-python="&gt;=3.8" data-yanked data-core-metadata=true>six</A>'
    )
    assert only(page) == Artifact(
        filename="six-1.0-py3-none-any.whl",
        url="https://files.example/a/six-1.0-py3-none-any.whl?x=1&y=2",
        kind="wheel",
        sha256=HASH,
        requires_python=">=3.8",
        yanked="",
        metadata_sha256="",
    )


def test_releases_are_in_pep_440_order_and_spellings_of_a_version_are_one_release() -> None:
    page = from_json(
        file("six-1.10.tar.gz"),
        file("six-1.9.0.tar.gz"),
        file("six-1.9-py3-none-any.whl"),
        file("six-2.0-rc.1.tar.gz"),
        file("six-2.0RC1-py3-none-any.whl"),
        file("six-2.0rc01-py2-none-any.whl"),
    )
    assert page.facts is not None
    assert page.facts.versions == ["1.9", "1.10", "2.0rc1"]
    assert page.facts.starts == [0, 2, 3, 6]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"core-metadata": True}, ""),
        ({"core-metadata": {"sha256": HASH}}, HASH),
        ({"core-metadata": {"md5": "x"}}, ""),
        ({"core-metadata": {}}, ""),
        ({"core-metadata": False, "dist-info-metadata": True}, None),
        ({"dist-info-metadata": {"sha256": HASH}}, HASH),
        ({"core-metadata": {"sha256": "nonsense"}}, ""),
        ({}, None),
    ],
)
def test_metadata_files_are_offered_under_their_new_or_their_old_name(
    fields: dict[str, Any], expected: str | None
) -> None:
    assert only(from_json(file(**fields))).metadata_sha256 == expected


@pytest.mark.parametrize(
    ("yanked", "expected"), [(True, ""), ("why", "why"), (False, None), ("", None), (None, None)]
)
def test_yanked_is_a_reason_or_none(yanked: object, expected: str | None) -> None:
    assert only(from_json(file(yanked=yanked))).yanked == expected


@pytest.mark.parametrize("value", ["nonsense", "ab" * 31, " " * 64, "ab" * 31 + " a"])
def test_what_is_no_sha256_is_no_hash(value: str) -> None:
    assert only(from_json(file(hashes={"sha256": value}))).sha256 is None


@pytest.mark.parametrize(
    "url",
    [
        "ftp://files.example/six-1.0-py3-none-any.whl",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://[::1/six-1.0-py3-none-any.whl",
        "https://host:99999/six-1.0-py3-none-any.whl",
        "https://files.example/a b.whl",
        "https://files.example/\u0007",
        "https://files.example/\nHost: x",
        "https://f\u0130les.example/six-1.0-py3-none-any.whl",
    ],
)
def test_a_url_that_cannot_be_asked_safely_is_skipped(url: str) -> None:
    page = from_json(file(url=url), file("six-2.0.tar.gz"))
    assert page.facts is not None
    assert page.facts.versions == ["2.0"]
    assert page.facts.skipped == ["six-1.0-py3-none-any.whl"]


def test_user_info_in_a_file_url_is_dropped() -> None:
    page = from_json(file(url="https://user:secret@files.example/x"))
    assert only(page).url == "https://files.example/x"


def test_the_digest_is_about_content_alone() -> None:
    one, two = file("six-1.0.tar.gz"), file("six-1.0-py3-none-any.whl")
    page = from_json(one, two)
    assert from_json(two, one, meta={"api-version": "1.3", "_last-serial": 7}).digest == page.digest
    assert from_json(one).digest != page.digest
    assert from_json(one, {**two, "yanked": True}).digest != page.digest
    assert len({page.digest, absent_page().digest, from_json().digest}) == 3


def test_malformed_files_are_skipped_and_the_others_kept() -> None:
    page = from_json(
        file(),
        file("six-2.0.tar.gz", size="large"),
        file("six-3.0.tar.gz", size=-1),
        file("six-4.0.tar.gz", **{"upload-time": "yesterday"}),
        file("six-5.0.tar.gz", hashes=None),
        {"filename": 6},
    )
    assert page.facts is not None
    assert page.facts.versions == ["1.0"]
    assert len(page.facts.skipped) == 5


def test_at_most_a_hundred_names_are_reported_as_skipped_and_eggs_never() -> None:
    page = from_json(
        *(file(f"nonsense-{number}.txt") for number in range(200)), file("six-1.0-py2.7.egg")
    )
    assert page.facts is not None
    assert len(page.facts.skipped) == 100
    assert "six-1.0-py2.7.egg" not in page.facts.skipped


def test_a_file_that_is_listed_twice_counts_once() -> None:
    page = from_json(file(size=1), file(size=2))
    assert only(page).size == 1


@pytest.mark.parametrize("version", ["2.0", "0.9", "x", ""])
def test_another_major_api_version_is_refused_by_its_name(version: str) -> None:
    with pytest.raises(WrongAnswerError, match="API version"):
        from_json(meta={"api-version": version})
    with pytest.raises(WrongAnswerError, match="API version"):
        from_html(f'<meta name="pypi:repository-version" content="{version}">')


def test_a_media_type_of_another_major_version_is_refused() -> None:
    with pytest.raises(WrongAnswerError, match="API version '2'"):
        from_html("<html>", "application/vnd.pypi.simple.v2+html")


@pytest.mark.parametrize(
    "content_type", ["application/vnd.pypi.simple.v1+html", "text/html", "TEXT/HTML;charset=x"]
)
def test_html_comes_under_several_types(content_type: str) -> None:
    assert only(from_html('<a href="six-1.0.tar.gz">', content_type)).kind == "sdist"


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/pdf", "x" * 1000])
def test_other_types_are_no_pages(content_type: str) -> None:
    with pytest.raises(WrongAnswerError, match="content type"):
        from_html("<html>", content_type)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"meta": {"api-version": "1.0"}, "files": [', BrokenAnswerError),
        ("", BrokenAnswerError),
        ("\x00", BrokenAnswerError),
        ("[" * 100_000, WrongAnswerError),
        ('{"x": ' + "[" * 100_000, BrokenAnswerError),
        ("[]", WrongAnswerError),
        ("{}", WrongAnswerError),
        ('{"meta": {}, "files": []}', WrongAnswerError),
        ('{"meta": {"api-version": "1.0"}, "files": 1}', WrongAnswerError),
        ('{"meta": {"api-version": "1.0"}, "name": "other", "files": []}', WrongAnswerError),
    ],
)
def test_json_that_is_no_page_is_an_error(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_page(text.encode(), JSON, URL, "six", IndexLimits())


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", WrongAnswerError),
        ("<html><body>Please log in <a href='/login'>here</a></body></html>", WrongAnswerError),
        ('<a href="six-1.0.tar.gz">x</a><a href="six-2.', BrokenAnswerError),
        ('<a href="six-1.0.tar.gz">x</a><a', BrokenAnswerError),
        ('<a href="six-1.0.tar.gz">x</a><!-- ', BrokenAnswerError),
        ("<script>", BrokenAnswerError),
    ],
)
def test_html_that_is_no_page_or_is_cut_short_is_an_error(
    text: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        from_html(text)


def test_a_package_without_releases_is_a_page_where_the_html_says_what_it_is() -> None:
    page = from_html('<meta name="pypi:repository-version" content="1.0"><body></body>')
    assert page.facts is not None
    assert page.facts.versions == []


@pytest.mark.parametrize("build", [from_json, None])
def test_a_page_may_not_list_more_files_than_the_limit(
    build: Callable[..., ParsedPage] | None,
) -> None:
    names = [f"six-{number}.tar.gz" for number in range(11)]
    limits = IndexLimits(page_files=10)
    if build is None:
        body = "".join(f'<a href="{name}">' for name in names).encode()
        content_type = "text/html"
    else:
        page = {"meta": {"api-version": "1.0"}, "files": [file(name) for name in names]}
        body, content_type = json.dumps(page).encode(), JSON
    with pytest.raises(LimitExceededError) as caught:
        parse_page(body, content_type, URL, "six", limits)
    assert (caught.value.limit, caught.value.allowed) == ("page_files", 10)


@pytest.mark.parametrize(
    "piece", ["<a ", "<a x='", '<a x="', "<!--", "<a href=", "<<", "< ", "<a/", "<script>", "&amp;"]
)
def test_hostile_html_is_read_in_linear_time(piece: str) -> None:
    with suppress(BrokenAnswerError, WrongAnswerError):
        from_html(piece * 100_000)
