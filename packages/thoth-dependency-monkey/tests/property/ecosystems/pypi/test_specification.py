"""Laws of stack specifications: canonical text, agreement with `packaging`, and hostile text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import Requirement as PackagingRequirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from thoth.dependency_monkey.ecosystems.pypi.specification import (
    StackSpecification,
    parse_constraints,
    parse_specification,
)
from thoth.dependency_monkey.ecosystems.pypi.target import parse_target, running_target
from thoth.dependency_monkey.errors import RequestError

TARGETS = [
    running_target(),
    *map(
        parse_target,
        [
            "cp312-manylinux_2_28_x86_64",
            "cp38-win32",
            "cp315.0rc1-macosx_14_0_arm64",
            "pp311-musllinux_1_2_aarch64",
        ],
    ),
]

spaces = st.sampled_from(["", "", " ", "\t", "  "])
names = st.from_regex(r"[a-cX-Z019]([a-cX-Z019._-]{0,6}[a-cX-Z019])?", fullmatch=True)
numbers = st.integers(0, 10**20 - 1).map(str) | st.integers(0, 30).map(str) | st.just("007")
releases = st.lists(numbers, min_size=1, max_size=4).map(".".join)
plain = st.builds(
    lambda *parts: "".join(parts),
    st.sampled_from(["", "", "v", "V"]),
    st.sampled_from(["", "", "1!", "0!"]),
    releases,
    st.sampled_from(["", "", "a1", ".RC2", "-beta", "_pre_3", "c"]),
    st.sampled_from(["", "", ".post1", "-4", "rev", "-r5"]),
    st.sampled_from(["", "", ".dev0", "dev", "_DEV3"]),
)
wildcards = releases.map(lambda release: f"{release}.*")
locals_ = st.builds(
    lambda version, local: f"{version}+{local}", plain, st.sampled_from(["a", "1", "Ab-1_c.07"])
)
clauses = st.one_of(
    st.tuples(st.sampled_from(["<", "<=", ">", ">="]), plain),
    st.tuples(st.sampled_from(["==", "!="]), plain | wildcards | locals_),
    st.tuples(st.just("~="), releases.filter(lambda release: "." in release)),
    st.tuples(st.just("==="), plain | st.just("weird_1")),
)


@st.composite
def markers(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0 or draw(st.booleans()):
        variable = draw(
            st.sampled_from(
                ["os_name", "os.name", "sys_platform", "python_version", "python_full_version",
                 "platform_release", "implementation_version", "python_implementation",
                 "platform.machine", "platform_version"]
            )
        )  # fmt: skip
        literal = draw(
            st.sampled_from(["3.11", "3", "linux", "", "posix", "3.*", "a'b", '#1 "x"', "2.6 3.11"])
        )
        quote = '"' if "'" in literal else "'"
        operator = draw(
            st.sampled_from(["==", "!=", "<", "<=", ">", ">=", " in ", "\tnot  in ", "~=", "==="])
        )
        operands = [variable, f"{quote}{literal}{quote}"]
        if draw(st.booleans()):
            operands.reverse()
        return f"{operands[0]}{draw(spaces)}{operator}{draw(spaces)}{operands[1]}"
    parts = draw(st.lists(markers(depth=depth - 1), min_size=1, max_size=3))
    text = parts[0]
    for part in parts[1:]:
        text += f" {draw(st.sampled_from(['and', 'or']))} {part}"
    return f"({draw(spaces)}{text})" if draw(st.booleans()) else text


@st.composite
def lines(draw: st.DrawFn) -> str:
    text = draw(names)
    if extras := draw(st.lists(names, max_size=3)):
        text += f"{draw(spaces)}[{draw(spaces)}{f'{draw(spaces)},'.join(extras)}{draw(spaces)}]"
    if chosen := draw(st.lists(clauses, max_size=3)):
        specifier = f"{draw(spaces)},{draw(spaces)}".join(
            f"{operator}{draw(spaces)}{version}" for operator, version in chosen
        )
        text += f"{draw(spaces)}({specifier})" if draw(st.booleans()) else f" {specifier}"
    if draw(st.booleans()):
        text += f"{draw(spaces)};{draw(spaces)}{draw(markers())}"
    comment = draw(st.sampled_from(["", " # six", "\t#-r x"]))
    return f"{draw(spaces)}{text}{draw(spaces)}{comment}"


def without_places(stack: StackSpecification) -> list[object]:
    return [replace(each, line=0, text="", source=None) for each in stack.requirements]


def accepted(text: str) -> StackSpecification | None:
    try:
        return parse_specification(text)
    except RequestError:
        return None


@given(st.lists(lines(), min_size=1, max_size=4), st.sampled_from(["\n", "\r\n", r"\n"]))
def test_canonical_text_reads_back_as_the_same_stack(texts: list[str], separator: str) -> None:
    stack = accepted(separator.join(texts))
    if stack is not None:
        again = parse_specification(stack.canonical)
        assert without_places(again) == without_places(stack)
        assert again.canonical == stack.canonical


@given(lines(), st.lists(plain | locals_, max_size=5))
def test_a_requirement_means_what_packaging_reads(line: str, versions: list[str]) -> None:
    stack = accepted(line)
    if stack is None:
        return
    (ours,) = stack.requirements
    theirs = PackagingRequirement(ours.text)
    assert ours.name == canonicalize_name(theirs.name)
    assert set(ours.extras) == {canonicalize_name(extra) for extra in theirs.extras}
    assert (ours.marker is None) == (theirs.marker is None)
    named = [clause.version.removesuffix(".*") for clause in theirs.specifier]
    for version in [*versions, *named, "1.0", "7.3"]:
        assert SpecifierSet(ours.specifier).contains(
            version, prereleases=True
        ) == theirs.specifier.contains(version, prereleases=True)


@given(markers())
def test_an_accepted_marker_can_be_evaluated_on_every_target(text: str) -> None:
    stack = accepted(f"six; {text}")
    if stack is None:
        return
    (requirement,) = stack.requirements
    assert requirement.marker is not None
    for target in TARGETS:
        environment = dict(target.markers)
        ours = Marker(requirement.marker).evaluate(environment, context="requirement")
        assert ours == Marker(text).evaluate(environment, context="requirement")


def check_answer(text: str | bytes) -> None:
    """Whatever comes in, the answer is a stack that reads back, or problems fit to print."""
    try:
        canonical = parse_specification(text).canonical
    except RequestError as error:
        problems = error.problems
    else:
        assert canonical.isascii()
        assert parse_specification(canonical).canonical == canonical
        return
    assert 1 <= len(problems) <= 20
    for problem in problems:
        assert str(problem).isprintable()
        assert len(str(problem)) < 600
        assert problem.remedy
        assert problem.line is None or problem.line >= 1
        assert problem.column is None or problem.column >= 1


@given(st.text(alphabet=st.characters()) | st.text(alphabet=st.characters(categories=["Cs", "Cc"])))
def test_arbitrary_text_is_answered(text: str) -> None:
    check_answer(text)


@given(st.binary())
def test_arbitrary_bytes_are_answered(text: bytes) -> None:
    check_answer(text)


@given(st.text(alphabet="ab1[]()<>=!~;,'\" \t.#\\n@/-$%{}*+_:vor", max_size=40))
def test_text_of_the_grammars_own_characters_is_answered(text: str) -> None:
    check_answer(text)


@given(lines(), st.data())
def test_a_requirement_with_a_wound_is_answered(line: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, min(len(line), start + 3)))
    check_answer(line[:start] + data.draw(st.text(max_size=2)) + line[end:])


@given(lines())
def test_constraints_accept_exactly_the_requirements_without_extras(line: str) -> None:
    stack = accepted(line)
    if stack is None or stack.requirements[0].extras:
        with pytest.raises(RequestError):
            parse_constraints(line)
    else:
        assert parse_constraints(line) == stack.requirements


@pytest.mark.parametrize(
    "line",
    [
        "(" * 4000,
        "[" * 4000,
        "a[" * 2000,
        "a; " + "(" * 4000,
        "a; " + "(" * 2000 + "os_name=='a'" + ")" * 2000,
        "a; " + " and ".join(["os_name=='a'"] * 230),
        "a; " + "python_version in " * 220,
        "a; " + "not " * 1000,
        "a=" * 2000,
        "a" + "=" * 4000,
        "a" + "<1" * 2000,
        "a" + ">=1," * 1000,
        "a==" + "1.*" * 1300,
        "a==" + "a.*" * 1300,
        "a>=1" + ".1" * 2000,
        "a>=1" + "a1" * 2000,
        "a>=1" + "+a" * 2000,
        "a" + "~=1 " * 1000,
        "a==" + "1" * 4000,
        "a" + " " * 4000 + "b",
        "a" * 2000 + " " * 2000 + "b",
        "a" + "\t" * 4000 + "@",
        "a-" * 2000,
        "a/" * 2000,
        "a:" * 2000,
        "%a" * 2000,
        "'" * 4001,
        "\"'" * 2000,
        "-" * 4000,
        "a.tar" * 800,
        "a;" + "'" * 4001,
        "a; '" + "\\" * 4000,
        "a #" * 1300,
    ],
    ids=lambda line: f"{line[:8]!r}",
)
def test_hostile_lines_are_answered(line: str) -> None:
    text = "\n".join([line] * 15)
    check_answer(text)


@pytest.mark.parametrize(
    "text",
    ["(" * 100_000, "a; " + "(" * 100_000, "1" * 10_000_000, "a==" + "1" * 60_000, "\n" * 65_536,
     r"\n" * 65_537, "\\" * 65_536, "#" * 65_536, "\ud800" * 30_000],
    ids=lambda text: f"{text[:4]!r}x{len(text)}",
)  # fmt: skip
def test_hostile_texts_are_answered(text: str) -> None:
    check_answer(text)
