"""Normal forms, keys and bounds, by example."""

from __future__ import annotations

import subprocess
import sys

import pytest

from thoth.storages import InvalidRecordError
from thoth.storages.graph.versions import (
    MAX_SPECIFIER_CHARACTERS,
    MAX_VERSION_CHARACTERS,
    contains,
    normalize_index_url,
    normalize_os,
    normalize_package_name,
    normalize_version,
    parse_specifier,
    specifier_bounds,
    version_key,
)


def test_importing_the_module_and_asking_for_plain_versions_does_not_import_packaging() -> None:
    code = (
        "import sys; from thoth.storages.graph import versions as v;"
        "v.version_key('1.2.3'), v.specifier_bounds('>=1.0,!=1.5.*'), v.normalize_version('1.0');"
        "sys.exit('packaging' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("name", ["Typing.Extensions", "typing__extensions", "typing-_.extensions"])
def test_names_are_normalised_by_pep_503(name: str) -> None:
    assert normalize_package_name(name) == "typing-extensions"


@pytest.mark.parametrize(
    ("version", "normal"),
    [
        ("1.0", "1.0"),
        ("01.00", "1.0"),
        (" v1.0-ALPHA.1\n", "1.0a1"),
        ("1.0-1", "1.0.post1"),
        ("1+Ubuntu_1", "1+ubuntu.1"),
        ("2004d", "2004d"),
        (" not a version ", "not a version"),
        ("", ""),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_versions_are_normalised_by_pep_440_and_others_kept(version: str, normal: str) -> None:
    assert normalize_version(version) == normal


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        (None, None),
        ("https://pypi.org/simple", "https://pypi.org/simple/"),
        ("  HTTPS://PyPI.Org/Simple/ ", "https://pypi.org/Simple/"),
        ("https://host:443", "https://host/"),
        ("http://host:80/a/b", "http://host/a/b/"),
        ("http://host:8080/", "http://host:8080/"),
        ("https://[::1]:8443/x", "https://[::1]:8443/x/"),
        ("https://bücher.example/s", "https://xn--bcher-kva.example/s/"),
        ("https://user:password@host/simple", "https://host/simple/"),
        ("https://pypi.python.org/simple", "https://pypi.org/simple/"),
        ("http://PyPI.python.org/pypi/", "https://pypi.org/simple/"),
    ],
)
def test_index_urls_have_one_canonical_form(url: str | None, canonical: str | None) -> None:
    assert normalize_index_url(url) == canonical


@pytest.mark.parametrize(
    "url",
    [
        "",
        "simple",
        "ftp://host/simple",
        "https:///simple",
        "https://host:port/",
        "https://host:99999/",
        "https://[::1/",
        "https://host/simple?x=1",
        "https://host/simple#x",
        "https://host/a b",
        "https://host/\x00",
        "https://\udc80/",
        f"https://{'ü' * 100}/",
    ],
)
def test_what_is_no_index_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRecordError) as raised:
        normalize_index_url(url)
    assert raised.value.field == "index_url"


@pytest.mark.parametrize("url", ["ftp://me:secret@host/", "me:secret@host/simple"])
def test_a_refusal_shows_no_user_info(url: str) -> None:
    with pytest.raises(InvalidRecordError) as raised:
        normalize_index_url(url)
    assert "secret" not in f"{raised.value!r} {raised.value}"


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        (("rhel", "8.4"), ("rhel", "8")),
        (("ubi", "8"), ("rhel", "8")),
        (("ubi", None), ("rhel", None)),
        (("fedora", "34"), ("fedora", "34")),
        (("ubuntu", "20.04"), ("ubuntu", "20.04")),
        ((None, "8.4"), (None, "8.4")),
    ],
)
def test_ubi_is_rhel_and_its_versions_are_major(
    given: tuple[str | None, str | None], normal: tuple[str | None, str | None]
) -> None:
    assert normalize_os(*given) == normal


def test_keys_of_the_versions_that_pep_440_puts_in_order_ascend() -> None:
    ascending = [
        "0.dev0",
        "0",
        "0.1",
        "1.dev1",
        "1.0a1.dev1",
        "1.0a1",
        "1.0a1.post1.dev1",
        "1.0a1.post1",
        "1.0a2",
        "1.0b1",
        "1.0rc1",
        "1.0",
        "1.0+abc",
        "1.0+abc.5",
        "1.0+abc.7",
        "1.0+5",
        "1.0.post1.dev1",
        "1.0.post1",
        "1.0.1",
        "1.1",
        "1.10",
        "1.256",
        "2026.11",
        "1!0",
    ]
    keys = [version_key(version) or b"" for version in ascending]
    assert keys == sorted(set(keys))


@pytest.mark.parametrize("version", ["", "1..2", "foo", "1.0-", "2004d", "1 2", "١", "1\0"])
def test_what_is_no_version_has_no_key(version: str) -> None:
    assert version_key(version) is None


def test_a_version_has_a_limited_length() -> None:
    longest = f"1.{'0' * (MAX_VERSION_CHARACTERS - 2)}"
    assert version_key(longest) == version_key("1")
    assert version_key(f"{longest}0") is None
    assert specifier_bounds(f"=={longest}") == specifier_bounds("==1")
    assert specifier_bounds(f"=={longest}.*") == specifier_bounds("==1.0.*")
    for operator in ("==", "<", "==="):
        assert specifier_bounds(f"{operator}{longest}000") is None


def test_a_specifier_has_a_limited_length() -> None:
    longest = ">=1".ljust(MAX_SPECIFIER_CHARACTERS)
    assert specifier_bounds(longest) == specifier_bounds(">=1")
    assert specifier_bounds(f"{longest} ") is None


def test_no_specifier_admits_everything() -> None:
    assert specifier_bounds("") == [b""]
    assert contains([b""], version_key("0.dev0") or b"")


def test_a_specifier_that_cannot_be_met_admits_nothing() -> None:
    assert specifier_bounds(">=2,<1") == []
    assert not contains([], version_key("1") or b"")


def test_exclusions_that_touch_and_overlap_leave_no_empty_interval() -> None:
    bounds = specifier_bounds(">=1.1.dev0,!=1.1.*,!=1.2.*,!=1.2.5,<3.dev0,!=2.*")
    assert bounds == [version_key("1.3.dev0"), version_key("2.dev0")]


@pytest.mark.parametrize(
    "specifier", ["1.0", ">=", ">=1.*", "~=1", "=>1", ">=1.0+local", ">=1 <2", "foo", ">=1;"]
)
def test_what_is_no_specifier_has_no_bounds(specifier: str) -> None:
    assert specifier_bounds(specifier) is None


@pytest.mark.parametrize(
    ("specifier", "text"),
    [
        ("", ""),
        ("< 2, >=01.0", "<2,>=1.0"),
        (">=1,>=1,", ">=1"),
        ("==1.0-ALPHA1", "==1.0a1"),
        ("!=v1.*", "!=1.*"),
        ("===Foo", "===Foo"),
    ],
)
def test_a_specifier_has_a_canonical_text(specifier: str, text: str) -> None:
    parsed = parse_specifier(specifier)
    assert parsed is not None
    assert parsed.text == text


def test_identity_compares_with_the_normal_text() -> None:
    bounds = specifier_bounds("===1.0A1")
    assert bounds is not None
    assert contains(bounds, version_key("1.0a1") or b"")
    assert not contains(bounds, version_key("1.0a1+local") or b"")
    assert specifier_bounds("===1.0-alpha1") == []
    assert specifier_bounds("===foo") == []


def test_changing_an_answer_does_not_change_the_next() -> None:
    first = specifier_bounds(">=1")
    assert first is not None
    first.clear()
    assert specifier_bounds(">=1") == [version_key("1")]
