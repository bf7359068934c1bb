"""Specifiers as masks, against `packaging` asked version by version."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from thoth.dependency_monkey.ecosystems.pypi.versions import (
    VersionLine,
    accepts_python,
    is_exact,
    is_prerelease,
    lenient_specifier,
    names_prerelease,
)

SMALL = st.integers(0, 3)


@st.composite
def versions(draw: st.DrawFn, *, local: bool = True) -> str:
    epoch = draw(st.sampled_from(["", "", "", "1!"]))
    release = ".".join(str(part) for part in draw(st.lists(SMALL, min_size=1, max_size=3)))
    pre = draw(st.sampled_from(["", "", "", "a0", "a1", "b1", "rc1", "rc2"]))
    post = draw(st.sampled_from(["", "", "", ".post0", ".post1"]))
    dev = draw(st.sampled_from(["", "", "", ".dev0", ".dev1"]))
    own = draw(st.sampled_from(["", "", "+abc", "+1", "+rc.dev"])) if local else ""
    return str(Version(f"{epoch}{release}{pre}{post}{dev}{own}"))


@st.composite
def clauses(draw: st.DrawFn) -> str:
    operator = draw(st.sampled_from(["==", "!=", "<", ">", "<=", ">=", "~=", "==*", "!=*", "==="]))
    if operator in ("==*", "!=*"):
        release = ".".join(str(part) for part in draw(st.lists(SMALL, min_size=1, max_size=3)))
        return f"{operator[:2]}{draw(st.sampled_from(['', '1!']))}{release}.*"
    if operator == "~=":
        release = ".".join(str(part) for part in draw(st.lists(SMALL, min_size=2, max_size=3)))
        return f"~={release}{draw(st.sampled_from(['', 'a1', '.post1', '.dev1']))}"
    return operator + draw(versions(local=operator in ("==", "!=", "===")))


@given(st.lists(versions(), min_size=1, max_size=12), st.lists(clauses(), max_size=2))
def test_a_mask_holds_just_the_versions_that_packaging_accepts(texts, parts) -> None:
    ordered = sorted(set(texts), key=Version)
    distinct = [v for i, v in enumerate(ordered) if not i or Version(v) != Version(ordered[i - 1])]
    specifier = ",".join(parts)
    mask = VersionLine(distinct).mask(specifier)
    accepted = [v for i, v in enumerate(distinct) if mask >> (i + 1) & 1]
    expected = SpecifierSet(specifier)
    assert accepted == [v for v in distinct if expected.contains(v, prereleases=True)]
    assert not mask & 1


@given(versions())
def test_prereleases_are_told_from_the_text_as_packaging_tells_them(version: str) -> None:
    assert is_prerelease(version) == Version(version).is_prerelease


@pytest.mark.parametrize(
    ("specifier", "names", "exact"),
    [
        ("", False, False),
        (">=1.0rc1", True, False),
        ("!=1.0rc1", False, False),
        ("==1.0.*", False, False),
        ("==1.0", False, True),
        ("===1.0", False, True),
        ("==1.0a1", True, True),
        (">=1,==2", False, True),
    ],
)
def test_what_a_specifier_says_of_prereleases_and_pins(specifier, names, exact) -> None:
    assert names_prerelease(specifier) is names
    assert is_exact(specifier) is exact


def test_an_old_spelling_with_one_reading_is_mended() -> None:
    assert lenient_specifier(">=3.6.*, !=3.7.*, <4.*") == ">=3.6, !=3.7.*, <4"


@pytest.mark.parametrize(
    ("requires_python", "accepted"),
    [(">=3.8", True), (">=3.12", False), (">=3.6.*", True), ("<3.*", False), ("nonsense", True)],
)
def test_requires_python_rules_out_only_what_it_clearly_rules_out(
    requires_python: str, accepted: bool
) -> None:
    assert accepts_python(requires_python, Version("3.11.7")) is accepted
