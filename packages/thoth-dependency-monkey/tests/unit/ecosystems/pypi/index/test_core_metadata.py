import pytest

from thoth.dependency_monkey.ecosystems.pypi.facts import MetadataFacts
from thoth.dependency_monkey.ecosystems.pypi.index.core_metadata import (
    parse_core_metadata,
)
from thoth.dependency_monkey.ecosystems.pypi.index.faults import MetadataError

HEAD = "Metadata-Version: 2.1\nName: six\nVersion: 1.0\n"


def facts(text: str) -> MetadataFacts:
    return parse_core_metadata(text.encode(), "six", "1.0").facts


def test_dependencies_extras_and_python_are_read_in_order() -> None:
    text = HEAD + (
        "Requires-Python: >=3.8\nProvides-Extra: b\nProvides-Extra: a\n"
        "Requires-Dist: zlib (>=1)\nRequires-Dist: attrs; extra == 'a'\n\nRequires-Dist: body\n"
    )
    assert facts(text) == MetadataFacts(("zlib (>=1)", "attrs; extra == 'a'"), ("b", "a"), ">=3.8")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_every_usual_way(end: str) -> None:
    text = (HEAD + "Requires-Dist: a\n\nRequires-Dist: body\n").replace("\n", end)
    assert facts(text).requires_dist == ("a",)


def test_a_folded_requirement_is_one_line() -> None:
    assert facts(HEAD + "Requires-Dist: a\n  >=1;\n\tpython_version > '3'\n").requires_dist == (
        "a >=1; python_version > '3'",
    )


def test_the_name_and_version_may_be_spelled_differently() -> None:
    text = "Metadata-Version: 2.1\nName: Zope.Interface\nVersion: 1.0.0\n"
    assert parse_core_metadata(text.encode(), "zope-interface", "1.0").facts == MetadataFacts()


@pytest.mark.parametrize(
    "text",
    [
        "Summary: a\n b\nRequires-Dist: x\n",
        "Author: J\u00fcrgen\nRequires-Dist: x\n",
        "Keywords: a\nKeywords: b\nRequires-Dist: x\n",
        "Project-URL: nonsense\nRequires-Dist: x\n",
        "Classifier: nonsense\nLicense-File: ../../x\nRequires-Dist: x\n",
        "Description: a\n        Requires-Dist: not this\n        \n        b\nRequires-Dist: x\n",
        "Requires-Dist: x\nDescription: first\nsecond line that is not folded\n",
    ],
)
def test_trouble_in_unrelated_fields_is_no_trouble(text: str) -> None:
    assert facts(HEAD + text).requires_dist == ("x",)


def test_latin_1_in_an_unrelated_field_is_no_trouble() -> None:
    content = HEAD.encode() + b"Author: J\xfcrgen\nRequires-Dist: x\n"
    assert parse_core_metadata(content, "six", "1.0").facts.requires_dist == ("x",)


@pytest.mark.parametrize(
    ("given", "mended"),
    [
        ("a>=2.7.*", "a>=2.7"),
        ("a (>=2.7.*,<4.0.*)", "a (>=2.7,<4.0)"),
        ("a>=1,", "a>=1,"),
        ("a (>=1.*); extra == 'x'", "a (>=1); extra == 'x'"),
        ("a[x,]", None),
        ("a!=3.0.*,>=2", "a!=3.0.*,>=2"),
        ("a==1.*", "a==1.*"),
    ],
)
def test_an_old_spelling_with_one_reading_is_mended(given: str, mended: str | None) -> None:
    if mended is None:
        with pytest.raises(MetadataError):
            facts(f"{HEAD}Requires-Dist: {given}\n")
    else:
        assert facts(f"{HEAD}Requires-Dist: {given}\n").requires_dist == (mended,)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "names the package nowhere"),
        (b"\x00\x01\x02", "names the package"),
        (b"<html>not found</html>", "names the package"),
        (HEAD.replace("six", "seven").encode(), "names the package 'seven', not 'six'"),
        (HEAD.replace("1.0", "1.1").encode(), "names the version '1.1', not '1.0'"),
        (HEAD.replace("1.0", "one").encode(), "names the version 'one'"),
        (HEAD.replace("2.1", "3.0").encode(), "Metadata-Version '3.0' is not known"),
        (HEAD.replace("2.1", "x").encode(), "Metadata-Version 'x' is not known"),
        (HEAD.encode() + b"Requires-Dist: a b c\n", "invalid Requires-Dist 'a b c'"),
        (HEAD.encode() + b"Requires-Dist: -r x.txt\n", "invalid Requires-Dist"),
        (HEAD.encode() + b"Requires-Dist: a>=x.y\n", "invalid Requires-Dist"),
        (HEAD.encode() + b"Requires-Dist: \xff\n", "unreadable or repeated Requires-Dist"),
        (HEAD.encode() + b"Requires-Dist: a\x00b\n", "invalid Requires-Dist"),
        (HEAD.encode() + b"Version: 2.0\n", "unreadable or repeated Version"),
        (HEAD.encode() + b"Requires-Python: 3\nRequires-Python: 4\n", "repeated Requires-Python"),
        (HEAD.encode() + b"nonsense\nRequires-Dist: a\n", "malformed line"),
        (
            HEAD.encode() + b"Requires-Dist: a; " + b"(" * 5000 + b"\n",
            "invalid Requires-Dist",
        ),
        (HEAD.encode() + b"Requires-Dist: " + b"a" * 9000 + b"\n", "invalid Requires-Dist"),
        (HEAD.encode() + b"Requires-Dist: a\n" * 10_001, "more than 10000"),
        (HEAD.encode() + b"Provides-Extra: a\n" * 10_001, "more than 10000"),
    ],
)
def test_what_cannot_be_relied_on_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    with pytest.raises(MetadataError, match=reason) as caught:
        parse_core_metadata(content, "six", "1.0")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("version", "dynamic", "expected"),
    [
        ("2.2", [], True),
        ("2.4", ["Classifier", "version"], True),
        ("2.1", [], False),
        ("1.0", [], False),
        ("2.2", ["Requires-Dist"], False),
        ("2.2", ["requires-python"], False),
        ("2.2", ["Provides-Extra"], False),
        ("2.3", ["Author", "REQUIRES-DIST"], False),
    ],
)
def test_metadata_is_static_as_pep_643_says(
    version: str, dynamic: list[str], expected: bool
) -> None:
    text = f"Metadata-Version: {version}\nName: six\nVersion: 1.0\n"
    text += "".join(f"Dynamic: {field}\n" for field in dynamic)
    assert parse_core_metadata(text.encode(), "six", "1.0").is_static is expected
