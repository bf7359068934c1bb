"""Requirements are understood as `packaging` understands them, by whichever way they are read."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from thoth.storages.graph.requirements import (
    evaluate_marker,
    marker_environment,
    parse_requirement,
)
from thoth.storages.graph.versions import parse_specifier

ENVIRONMENT = marker_environment("rhel", "8", "3.11")

spaces = st.sampled_from(["", "", " ", "  ", "\t"])
names = st.sampled_from(["a", "A.b", "zope.interface", "x-", "x_", "0", "-", "", "é"])
clauses = st.builds(
    "{}{}{}".format,
    st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "~=", "===", "=", ""]),
    spaces,
    st.sampled_from(
        ["1", "1.0", "01.2", "1.*", "1.0rc1", "1.0.post1", "1-1", "1+x", "1!2", "x", ""]
    ),
)
separators = st.sampled_from([",", ", ", " ,", ",,", " "])
strings = st.sampled_from(
    ['"3.9"', "'linux'", '"A_b"', "'a.B'", '""', '"it\'s"', "'extra == \"x\"'"]
)
variables = st.sampled_from(
    ["python_version", "os.name", "sys_platform", "extra", "platform_version", "extras", "nothing"]
)
comparisons = st.one_of(
    *(
        st.builds(
            "{} {} {}".format,
            operand,
            st.sampled_from(["==", "==", "!=", ">=", "in", "not in", "~="]),
            other,
        )
        for operand, other in ((variables, strings), (strings, variables), (strings, strings))
    )
)
markers = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds("({})".format, inner),
        st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or"]), inner),
    ),
    max_leaves=4,
)


@st.composite
def requirements(draw: st.DrawFn) -> str:
    specifier = draw(separators).join(draw(st.lists(clauses, max_size=3)))
    if draw(st.booleans()):
        specifier = f"({specifier})"
    extras = draw(st.sampled_from(["", "", "[]", "[ x ]", "[X_y,z.z]", "[x,]", "[x-]", "[x"]))
    marker = draw(st.one_of(st.just(""), st.just(";"), markers.map("; {}".format)))
    parts = (draw(names), extras, specifier, marker)
    return "".join(f"{draw(spaces)}{part}" for part in parts) + draw(spaces)


@given(requirements())
@example("a >=1.0 , <2 ; python_version < '3.9'")
@example("a(>=1)")
@example("a>=1,")
@example("a>=1,,<2")
@example("a===1,>=2")
@example("a>=1.*")
@example("a~=1")
@example("a @ https://host/a.whl ; extra == 'x'")
def test_a_requirement_says_what_it_says_to_packaging(text: str) -> None:
    parsed = parse_requirement(text)
    try:
        expected = Requirement(text)
        marker = None if expected.marker is None else str(expected.marker)
    except (InvalidRequirement, ValueError):
        assert parsed is None
        return
    assert parsed is not None
    specifier = parse_specifier(str(expected.specifier))
    assert specifier is not None
    assert (parsed.name, parsed.marker, parsed.url) == (
        canonicalize_name(expected.name),
        marker,
        expected.url,
    )
    assert parsed.extras == tuple(sorted({canonicalize_name(extra) for extra in expected.extras}))
    assert parsed.specifier == specifier.text
    assert parsed.bounds == (() if expected.url else specifier.bounds)


@given(st.text() | st.text(alphabet="ab1.,;[]()<>=!~@\"' \\extraos_name", max_size=80))
def test_no_text_raises(text: str) -> None:
    parse_requirement(text)
    parse_requirement(f"a; {text}")
    evaluate_marker(text, ENVIRONMENT)


@given(markers, st.frozensets(st.sampled_from(["a-b", "x"])))
def test_a_marker_holds_where_packaging_says_so(marker: str, extras: frozenset[str]) -> None:
    values: list[dict[str, str]] = [{**ENVIRONMENT, "extra": extra} for extra in ("", *extras)]
    try:
        expected = any(Marker(marker).evaluate(dict(each)) for each in values)
    except (ValueError, KeyError):
        assert evaluate_marker(marker, ENVIRONMENT, extras) is None
    else:
        assert evaluate_marker(marker, ENVIRONMENT, extras) == expected
