"""Whatever a page says, clients read the same from ours, in either form."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from thoth.dependency_monkey.ecosystems.pypi.facts import Page
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.ecosystems.pypi.index.pages import parse_page
from thoth.dependency_monkey.validation.simple_page import (
    HTML_TYPE,
    JSON_TYPE,
    files_of,
    html_page,
    json_page,
)

NOW = datetime(2026, 1, 31, tzinfo=UTC)
PAGE_URL = "https://index.test/index/default/simple/demo/"

texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\"'<>&;#\t "), max_size=40
)
versions = st.sampled_from(["1.0", "1.0.post1", "2!1.0", "1.0a1", "1.0+local.1", "3"])
hashes = st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex)
moments = st.integers(300_000_000, 7_000_000_000).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
files = st.fixed_dictionaries(
    {
        "filename": st.builds(
            lambda version, end: f"demo-{version}{end}",
            versions,
            st.sampled_from(["-py3-none-any.whl", "-1-cp312-cp312-win_amd64.whl", ".tar.gz"]),
        ),
        "url": st.sampled_from(["demo.whl", "https://files.test/a/%2B/x?y=1", "../x"]),
        "hashes": hashes.map(lambda value: {} if value is None else {"sha256": value}),
        "requires-python": st.none() | texts,
        "size": st.none() | st.integers(0, 2**40),
        "upload-time": st.none() | moments.map(lambda moment: f"{moment:%FT%TZ}"),
        "yanked": st.booleans() | texts,
        "core-metadata": st.booleans() | hashes.filter(bool).map(lambda value: {"sha256": value}),
    }
)


def parsed(body: bytes, media_type: str, url: str = PAGE_URL) -> Page:
    facts, artifacts, digest = parse_page(body, media_type, url, "demo", IndexLimits())
    return Page("https://index.test/simple/", "demo", facts, artifacts, digest, NOW)


def original(listed: list[dict[str, object]]) -> Page:
    body = msgspec.json.encode({"meta": {"api-version": "1.1"}, "name": "demo", "files": listed})
    return parsed(body, JSON_TYPE)


@given(st.lists(files, max_size=8))
def test_json_is_read_back_as_it_was(listed: list[dict[str, object]]) -> None:
    page = original(listed)
    again = parsed(json_page(page), JSON_TYPE)
    expected = [(version, artifact) for version, artifact in files_of(page)]
    found = [(version, artifact) for version, artifact in files_of(again)]
    assert [version for version, _ in found] == [version for version, _ in expected]
    for (_, ours), (_, theirs) in zip(found, expected, strict=True):
        wanted = theirs.metadata_sha256
        if theirs.kind == "wheel" and wanted is None:
            wanted = ""
        assert ours == msgspec.structs.replace(theirs, url=ours.url, metadata_sha256=wanted)
        assert ours.url.startswith("https://index.test/index/default/files/demo/demo-")


@given(st.lists(files, max_size=8))
def test_html_says_what_it_can(listed: list[dict[str, object]]) -> None:
    page = original(listed)
    again = parsed(html_page(page), HTML_TYPE)
    expected = [artifact for _, artifact in files_of(page)]
    found = [artifact for _, artifact in files_of(again)]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.filename == theirs.filename
        assert ours.sha256 == theirs.sha256
        assert (ours.yanked is None) == (theirs.yanked is None)
        assert ours.requires_python == theirs.requires_python


@given(st.lists(files, max_size=8), moments)
def test_a_date_leaves_out_what_is_newer_and_nothing_else(
    listed: list[dict[str, object]], moment: datetime
) -> None:
    page = original(listed)
    kept = {artifact.filename for _, artifact in files_of(page, moment)}
    assert kept == {
        artifact.filename
        for _, artifact in files_of(page)
        if artifact.uploaded is not None and artifact.uploaded < moment.timestamp()
    }
    shown = parsed(json_page(page, moment), JSON_TYPE)
    assert {artifact.filename for _, artifact in files_of(shown)} == kept
