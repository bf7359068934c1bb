"""Keys order as versions do, and bounds admit what specifiers admit, by `packaging`'s word."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import psycopg
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from thoth.storages.graph.versions import (
    MAX_SPECIFIER_CHARACTERS,
    MAX_VERSION_CHARACTERS,
    contains,
    normalize_index_url,
    normalize_package_name,
    normalize_version,
    parse_specifier,
    specifier_bounds,
    version_key,
)

if TYPE_CHECKING:
    from thoth.storages.graph.connections import ConnectionParameters

# Few numbers, so that versions of one family meet; large ones, so that keys have long numbers.
numbers = st.sampled_from([0, 0, 1, 1, 2, 3, 10, 127, 255, 256, 65_535, 65_536, 20_261_122, 10**20])
few = st.sampled_from([0, 1, 2])
local_parts = st.one_of(
    numbers.map(str), st.sampled_from(["a", "ab", "b", "a1", "1a", "0", "cu12"])
)


def assembled(
    epoch: int, release: list[int], pre: str, post: int | None, dev: int | None, local: list[str]
) -> str:
    return "".join(
        (
            f"{epoch}!" if epoch else "",
            ".".join(map(str, release)),
            pre,
            "" if post is None else f".post{post}",
            "" if dev is None else f".dev{dev}",
            f"+{'.'.join(local)}" if local else "",
        )
    )


pres = st.one_of(
    st.just(""), st.builds(lambda letter, n: f"{letter}{n}", st.sampled_from(["a", "b", "rc"]), few)
)
releases = st.one_of(
    st.lists(few, min_size=1, max_size=3), st.lists(numbers, min_size=1, max_size=6)
)
optional = st.none() | few
publics = st.builds(assembled, few, releases, pres, optional, optional, st.just([]))
finals = st.builds(assembled, st.just(0), releases, st.just(""), st.none(), st.none(), st.just([]))
versions = st.one_of(
    finals,
    publics,
    st.builds(
        assembled, few, releases, pres, optional, optional, st.lists(local_parts, max_size=3)
    ),
)


@st.composite
def relatives(draw: st.DrawFn, version: str) -> str:
    """A version of the same family as another."""
    base = Version(version)
    return assembled(
        base.epoch,
        [*base.release, *draw(st.lists(few, max_size=2))],
        "" if base.pre is None else draw(st.sampled_from(["", f"{base.pre[0]}{base.pre[1]}"])),
        draw(st.sampled_from([base.post, None, 0, 1])),
        draw(st.sampled_from([base.dev, None, 0, 1])),
        draw(st.lists(local_parts, max_size=2)),
    )


pairs = versions.flatmap(lambda one: st.tuples(st.just(one), versions | relatives(one)))


@given(pairs)
@example(("1.0", "1"))
@example(("1+1", "1+a"))
@example(("1+a", "1+a.a"))
@example(("1.dev1", "1a1.dev1"))
def test_keys_compare_as_versions_do(pair: tuple[str, str]) -> None:
    one, other = map(Version, pair)
    one_key, other_key = map(version_key, pair)
    assert one_key is not None
    assert other_key is not None
    assert (one_key < other_key) == (one < other)
    assert (one_key == other_key) == (one == other)


@given(pairs)
def test_no_key_is_the_beginning_of_another(pair: tuple[str, str]) -> None:
    one_key, other_key = map(version_key, pair)
    assert one_key is not None
    assert other_key is not None
    assert one_key == other_key or not other_key.startswith(one_key)


@given(st.text(max_size=300) | st.from_regex(r"[0-9a-z.+!v_-]*", fullmatch=True))
@example("+".join(("0", ".".join("a" * 127))))
@example("9" * MAX_VERSION_CHARACTERS)
@example("9" * (MAX_VERSION_CHARACTERS + 1))
def test_a_key_is_short_and_none_for_what_is_no_version(text: str) -> None:
    key = version_key(text)
    try:
        is_version = len(text) <= MAX_VERSION_CHARACTERS and bool(Version(text))
    except ValueError:
        is_version = False
    assert (key is not None) == is_version
    assert key is None or len(key) <= 400


plain_clauses = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), publics),
    st.builds("{}{}".format, st.sampled_from(["==", "!="]), versions),
)


def is_compatible_with(version: str) -> bool:
    return len(Version(version).release) > 1


clauses = st.one_of(
    plain_clauses,
    st.builds(
        lambda operator, epoch, release: (
            f"{operator}{assembled(epoch, release, '', None, None, [])}.*"
        ),
        st.sampled_from(["==", "!="]),
        few,
        releases,
    ),
    st.builds("~={}".format, publics.filter(is_compatible_with)),
)
specifiers = st.lists(clauses, max_size=4).map(",".join)


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, str]:
    """A specifier, and a version that often is near to one that it names."""
    parts = draw(st.lists(clauses, max_size=4))
    near = [part.lstrip("<>=!~").removesuffix(".*") for part in parts]
    version = draw(versions)
    if near:
        version = draw(st.one_of(st.just(version), st.sampled_from(near).flatmap(relatives)))
    return ",".join(parts), version


@given(questions())
@example((">1.2a1", "1.2a1.post1"))
@example((">1.2", "1.2.post1"))
@example((">1.2", "1.2+local"))
@example((">1.2.post1", "1.2.post1+local"))
@example(("<1.2", "1.2rc1"))
@example(("<1.2.post1", "1.2.post1.dev0"))
@example(("<=1.2", "1.2+local"))
@example(("==1.2", "1.2.0+local"))
@example(("!=1.2+local", "1.2+local"))
@example(("==1.2.*", "1.2.dev0"))
@example(("==1!0.*", "0.1"))
@example(("~=2.2.post3", "2.9"))
@example(("<0.dev0", "0.dev0"))
@example((">2,<1", "1.5"))
def test_bounds_admit_what_the_specifier_admits(question: tuple[str, str]) -> None:
    specifier, version = question
    bounds, key = specifier_bounds(specifier), version_key(version)
    assert bounds is not None
    assert key is not None
    expected = SpecifierSet(specifier).contains(Version(version), prereleases=True)
    assert contains(bounds, key) == expected


@given(versions, versions)
def test_identity_admits_a_normal_version_and_what_has_its_key(one: str, other: str) -> None:
    bounds, key = specifier_bounds(f"==={one}"), version_key(other)
    assert bounds is not None
    assert key is not None
    assert contains(bounds, key) == (
        str(Version(one)) == one.lower() and Version(one) == Version(other)
    )


@given(specifiers)
def test_bounds_ascend(specifier: str) -> None:
    bounds = specifier_bounds(specifier)
    assert bounds is not None
    assert all(low < high for low, high in pairwise(bounds))


@given(specifiers)
def test_canonical_text_means_the_same_and_is_its_own_canonical_text(specifier: str) -> None:
    parsed = parse_specifier(specifier)
    assert parsed is not None
    assert parse_specifier(parsed.text) == parsed
    # `packaging` has clauses equal whose versions differ by zeros at the end.
    assert SpecifierSet(parsed.text) == SpecifierSet(specifier)


@given(st.text(max_size=40) | st.from_regex(r"[<>=!~]{1,3} ?[0-9a-z.*+!,<>=~ -]*", fullmatch=True))
def test_what_is_no_specifier_has_no_bounds(text: str) -> None:
    try:
        SpecifierSet(text)
    except ValueError:
        assert specifier_bounds(text) is None
    else:
        assert specifier_bounds(text) is not None


@given(st.lists(numbers, min_size=1000, max_size=1600))
@settings(max_examples=5)
def test_many_clauses_are_no_burden(excluded: list[int]) -> None:
    specifier = ",".join(f"!={number % 999}" for number in excluded)
    assume(len(specifier) <= MAX_SPECIFIER_CHARACTERS)
    bounds = specifier_bounds(specifier)
    assert bounds is not None
    assert len(bounds) <= 2 * len(excluded) + 1


@given(versions)
def test_normal_versions_are_those_of_packaging(version: str) -> None:
    assert normalize_version(f" v{version.upper()}\n") == str(Version(version))
    assert normalize_version(normalize_version(version)) == normalize_version(version)


@given(st.text(max_size=60))
def test_normal_forms_are_final(text: str) -> None:
    assert normalize_version(normalize_version(text)) == normalize_version(text)
    assert normalize_package_name(normalize_package_name(text)) == normalize_package_name(text)


@given(st.from_regex(r"https?://[a-z0-9.-]{1,9}(:[0-9]{1,4})?(/[a-z]{0,4}){0,2}", fullmatch=True))
def test_canonical_index_urls_are_final(url: str) -> None:
    canonical = normalize_index_url(url)
    assert canonical is not None
    assert normalize_index_url(canonical) == canonical


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(questions(), min_size=1, max_size=40))
def test_the_database_agrees(
    server_parameters: ConnectionParameters, asked: list[tuple[str, str]]
) -> None:
    rows = [(specifier_bounds(specifier), version_key(version)) for specifier, version in asked]
    with psycopg.connect(**server_parameters) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "SELECT width_bucket(%b::bytea, %b::bytea[]) %% 2 = 1",
            [(key, bounds) for bounds, key in rows],
            returning=True,
        )
        answers = []
        for result in cursor.results():
            answers += [answer for (answer,) in result]
    assert answers == [contains(bounds or [], key or b"") for bounds, key in rows]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(versions, max_size=60, unique_by=Version))
def test_the_database_sorts_as_versions_do(
    server_parameters: ConnectionParameters, texts: list[str]
) -> None:
    with psycopg.connect(**server_parameters) as connection:
        rows = connection.execute(
            "SELECT text FROM unnest(%s::text[], %s::bytea[]) AS v (text, key) ORDER BY key",
            (texts, [version_key(text) for text in texts]),
        ).fetchall()
    assert [text for (text,) in rows] == sorted(texts, key=Version)
