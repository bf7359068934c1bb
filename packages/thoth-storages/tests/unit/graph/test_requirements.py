"""What is made of the requirements and markers of strangers, by example."""

from __future__ import annotations

import msgspec
import pytest

from thoth.storages.graph.requirements import (
    MAX_PARENTHESES,
    MAX_REQUIREMENT_CHARACTERS,
    ParsedRequirement,
    evaluate_marker,
    marker_environment,
    parse_requirement,
)
from thoth.storages.graph.versions import specifier_bounds

ENVIRONMENT = marker_environment("rhel", "8", "3.11")


def bounds(specifier: str) -> tuple[bytes, ...]:
    found = specifier_bounds(specifier)
    assert found is not None
    return tuple(found)


def parsed(text: str) -> ParsedRequirement:
    requirement = parse_requirement(text)
    assert requirement is not None
    return requirement


def test_a_requirement_is_taken_apart_and_each_part_made_canonical() -> None:
    assert parsed(
        "Zope.Interface [Test_ing, docs] (>=01.0, <2, <2) ; python_version<'3.9' and extra=='A_b'"
    ) == ParsedRequirement(
        name="zope-interface",
        extras=("docs", "test-ing"),
        specifier="<2,>=1.0",
        bounds=bounds(">=1,<2"),
        marker='python_version < "3.9" and extra == "a-b"',
        marker_extras=("a-b",),
        url=None,
    )


def test_a_name_alone_admits_every_version() -> None:
    assert parsed("six") == ParsedRequirement("six", (), "", (b"",), None, (), None)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("a @ https://host/a.whl", "https://host/a.whl"),
        ("a @ https://me:secret@host/a@1.whl#x", "https://host/a@1.whl#x"),
        ("a @ git+ssh://git@host/a.git@main", "git+ssh://host/a.git@main"),
        ("a @ ../a@1/b", "../a@1/b"),
    ],
)
def test_a_requirement_by_url_keeps_it_without_user_info_and_no_release_meets_it(
    text: str, url: str
) -> None:
    requirement = parsed(f"{text} ; extra == 'x'")
    assert (requirement.url, requirement.specifier, requirement.bounds) == (url, "", ())
    assert requirement.marker_extras == ("x",)


@pytest.mark.parametrize(
    ("marker", "extras"),
    [
        ("extra == 'B.c' or 'a' == extra and os_name == 'nt'", ("a", "b-c")),
        ("extra == 'a' or extra == 'A'", ("a",)),
        ("extra != 'a'", ()),
        ("extra == ''", ()),
        ("os_name == 'extra == \"x\"'", ()),
        ("\"'a' == extra\" == os_name", ()),
        ("os_name == 'x' or 'y' == extra", ("y",)),
    ],
)
def test_the_extras_are_those_that_the_marker_compares_extra_with(
    marker: str, extras: tuple[str, ...]
) -> None:
    assert parsed(f"a; {marker}").marker_extras == extras


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-a",
        "a b",
        "a>=",
        "a>=1.*",
        "a[x",
        "a;",
        "a; nothing == 'x'",
        "a; os_name == 'x' and",
        "a @ ",
        "a; os_name == 'x\\n'",
        "a; os_name == 'x\0'",
        "a @ https://host/\0",
        "a @ https://host/\udc80",
        f"a=={'9' * 5000}",
        f"a; python_version == '''{'x' * 9}'''",
    ],
)
def test_what_is_no_requirement_is_none(text: str) -> None:
    assert parse_requirement(text) is None


def test_a_requirement_has_a_limited_length() -> None:
    longest = "a>=1".ljust(MAX_REQUIREMENT_CHARACTERS)
    assert parsed(longest) == parsed("a>=1")
    assert parse_requirement(f"{longest} ") is None


def test_a_requirement_has_a_limited_number_of_parentheses() -> None:
    deepest = f"{'(' * MAX_PARENTHESES}os_name == 'posix'{')' * MAX_PARENTHESES}"
    assert parsed(f"a; {deepest}").marker == 'os_name == "posix"'
    assert evaluate_marker(deepest, ENVIRONMENT) is True
    assert parse_requirement(f"a; ({deepest})") is None
    assert evaluate_marker(f"({deepest})", ENVIRONMENT) is None


def test_a_requirement_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        parsed("a").name = "b"  # type: ignore[misc]
    assert msgspec.structs.asdict(parsed("a"))["name"] == "a"


@pytest.mark.parametrize(
    ("marker", "extras", "holds"),
    [
        ("python_version >= '3.9'", (), True),
        ("python_version < '3.9'", (), False),
        ("python_full_version == '3.11.0'", (), True),
        ("python_version in '3.10, 3.11'", (), True),
        ("sys_platform == 'linux' and os_name == 'posix'", (), True),
        ("platform_python_implementation == 'CPython'", (), True),
        ("platform_system == 'Windows' or platform_machine == 'x86_64'", (), True),
        ("platform_release >= '5'", (), False),
        ("extra == 'x'", (), False),
        ("extra == 'X_y'", ("x-y",), True),
        ("extra == 'x'", ("y", "x"), True),
        ("extra != 'x'", ("x",), True),
        ("os_name == 'nt' and extra == 'x'", ("x",), False),
    ],
)
def test_a_marker_holds_or_not_in_an_environment(
    marker: str, extras: tuple[str, ...], holds: bool
) -> None:
    assert evaluate_marker(marker, ENVIRONMENT, frozenset(extras)) is holds


@pytest.mark.parametrize(
    "marker",
    [
        "",
        "python_version",
        "nothing == 'x'",
        "os_name ~= 'x'",
        "'x' == 'y'",
        "'x' in extras",
        f"python_version == '{'9' * 5000}'",
        " " * (MAX_REQUIREMENT_CHARACTERS + 1),
        "os_name == '\\x41'",
    ],
)
def test_a_marker_that_cannot_be_evaluated_is_none(marker: str) -> None:
    assert evaluate_marker(marker, ENVIRONMENT) is None


@pytest.mark.parametrize("marker", ["os_name == 'posix'", "'os_name' == 'posix'"])
def test_the_interpreter_that_runs_this_lends_no_values(marker: str) -> None:
    assert evaluate_marker(marker, {}) is None


def test_an_environment_gives_every_marker_variable_a_value() -> None:
    assert marker_environment("rhel", "8", "3.11") == {
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_version": "3.11",
        "python_full_version": "3.11.0",
        "implementation_name": "cpython",
        "implementation_version": "3.11.0",
    }
    assert marker_environment("windows", "11", "3.11")["os_name"] == "nt"
    assert marker_environment("macos", "14", "3.11")["sys_platform"] == "darwin"
