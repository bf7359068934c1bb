"""Pages: JSON and HTML say the same, order does not matter, no input makes parsing fail oddly."""

import html
import itertools
import json
from contextlib import suppress
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from thoth.dependency_monkey.ecosystems.pypi.facts import decode_artifacts
from thoth.dependency_monkey.ecosystems.pypi.index.faults import (
    BrokenAnswerError,
    WrongAnswerError,
)
from thoth.dependency_monkey.ecosystems.pypi.index.html_pages import read_html
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.ecosystems.pypi.index.pages import ParsedPage, parse_page

URL = "https://index.example/simple/six/"

versions = st.builds(
    "{}{}{}".format,
    st.sampled_from(["0", "1", "1.0", "1.0.0", "2.1", "10", "1!1"]),
    st.sampled_from(["", "a1", "RC2", ".post1", "_post2", ".dev3"]),
    st.sampled_from(["", "+local.1", "+local_1"]),
)
filenames = st.one_of(
    st.builds("six-{}-{}.whl".format, versions, st.sampled_from(["py3-none-any", "cp311-abi3-x"])),
    st.builds("Six-{}.tar.gz".format, versions),
    st.sampled_from(["six-1.0.egg", "six.zip", "nonsense"]),
)
reasons = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=5)
files = st.builds(
    dict,
    filename=filenames,
    sha256=st.one_of(st.none(), st.just("0f" * 32)),
    python=st.one_of(st.none(), st.sampled_from([">=3.8", "<4,>3", '>3 & "x"'])),
    yanked=st.one_of(st.none(), reasons),
    metadata=st.sampled_from([None, True, "ab" * 32]),
)
pages = st.lists(files, max_size=12)


def as_json(page: list[dict[str, Any]]) -> ParsedPage:
    listed = [
        {
            "filename": file["filename"],
            "url": f"files/{file['filename']}",
            "hashes": {"sha256": file["sha256"]} if file["sha256"] else {},
            "requires-python": file["python"],
            "yanked": False if file["yanked"] is None else file["yanked"] or True,
            "core-metadata": {"sha256": file["metadata"]}
            if isinstance(file["metadata"], str)
            else file["metadata"],
        }
        for file in page
    ]
    body = json.dumps({"meta": {"api-version": "1.0"}, "files": listed}).encode()
    return parse_page(body, "application/vnd.pypi.simple.v1+json", URL, "six", IndexLimits())


def as_html(page: list[dict[str, Any]]) -> ParsedPage:
    lines = ["<meta name=pypi:repository-version content=1.0>"]
    for file in page:
        href = f"files/{file['filename']}" + (f"#sha256={file['sha256']}" if file["sha256"] else "")
        line = f'<a href="{html.escape(href)}"'
        if file["python"]:
            line += f' data-requires-python="{html.escape(file["python"])}"'
        if file["yanked"] is not None:
            line += f' data-yanked="{html.escape(file["yanked"])}"'
        if file["metadata"]:
            offered = "true" if file["metadata"] is True else f"sha256={file['metadata']}"
            line += f" data-core-metadata={offered}"
        lines.append(line + ">x</a>")
    body = "\n".join(lines).encode()
    return parse_page(body, "text/html", URL, "six", IndexLimits())


def named_once(page: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({file["filename"]: file for file in page}.values())


@given(pages)
def test_json_and_html_of_a_page_give_equal_facts_and_digests(page: list[dict[str, Any]]) -> None:
    one, two = as_json(page), as_html(page)
    assert one.facts == two.facts
    assert one.digest == two.digest


@given(pages.map(named_once), st.randoms())
def test_the_order_of_files_does_not_matter(page: list[dict[str, Any]], random: Any) -> None:
    shuffled = random.sample(page, len(page))
    one, two = as_json(page), as_json(shuffled)
    assert one.artifacts == two.artifacts
    assert one.facts is not None
    assert two.facts is not None
    one.facts.skipped.sort()
    two.facts.skipped.sort()
    assert one.facts == two.facts


@given(pages)
def test_columns_agree_with_the_artifacts(page: list[dict[str, Any]]) -> None:
    parsed = as_json(page)
    facts = parsed.facts
    assert facts is not None
    assert parsed.artifacts is not None
    found = [Version(version) for version in facts.versions]
    assert found == sorted(set(found))
    assert facts.offsets[-1] == len(parsed.artifacts)
    assert facts.starts[-1] == len(facts.tags) == len(facts.yanked)
    for (start, end), (first, last) in zip(
        itertools.pairwise(facts.starts), itertools.pairwise(facts.offsets), strict=True
    ):
        artifacts = decode_artifacts(parsed.artifacts[first:last])
        assert len(artifacts) == end - start > 0
        for position, artifact in enumerate(artifacts, start):
            tag = facts.tags[position]
            assert artifact.kind == ("sdist" if tag < 0 else "wheel")
            assert tag < 0 or artifact.filename.endswith(f"{facts.tag_sets[tag]}.whl")
            python = facts.requires_python[position]
            assert artifact.requires_python == (None if python < 0 else facts.specifiers[python])
            assert facts.yanked[position] == (artifact.yanked is not None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["meta", "files", "api-version", "filename", "url", "hashes", "size"]),
            children,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(
    json_values
    | st.fixed_dictionaries({"meta": st.just({"api-version": "1.0"}), "files": json_values})
)
def test_any_json_is_a_page_or_a_proper_error(value: Any) -> None:
    body = json.dumps(value).encode()
    with suppress(BrokenAnswerError, WrongAnswerError):
        parse_page(body, "application/json", URL, "six", IndexLimits())


@given(st.binary(max_size=200), st.sampled_from(["application/json", "text/html"]))
def test_any_bytes_are_a_page_or_a_proper_error(body: bytes, content_type: str) -> None:
    with suppress(BrokenAnswerError, WrongAnswerError):
        parse_page(body, content_type, URL, "six", IndexLimits())


class Oracle(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given_first = dict(reversed(attrs))
        if tag == "a" and given_first.get("href"):
            self.found.append((given_first["href"] or "", given_first.get("data-yanked")))


attribute_values = st.text("ab=/ '&;<", max_size=6)
attributes = st.tuples(
    st.sampled_from(["href", "HREF", "data-yanked", "title"]), attribute_values
).map(lambda pair: f'{pair[0]}="{html.escape(pair[1])}"')
elements = st.builds(
    "<{} {}>{}".format,
    st.sampled_from(["a", "A", "p", "br"]),
    st.lists(attributes, max_size=3).map(" ".join),
    st.sampled_from(["", "text", "</a>", "<!-- <a href=x> -->", "&lt;", "a > b"]),
)


@given(st.lists(elements, max_size=6).map("".join))
def test_links_are_found_as_the_standard_librarys_parser_finds_them(text: str) -> None:
    oracle = Oracle()
    oracle.feed(text)
    oracle.close()
    base = "https://index.example/"
    expected = [
        yanked
        for href, yanked in oracle.found
        if read_html(f'<a href="{html.escape(href)}">', base).links
    ]
    found = [link.attributes.get("data-yanked") for link in read_html(text, base).links]
    assert found == expected
