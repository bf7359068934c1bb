"""Laws of targets: ids, tags as `packaging` orders them, and hostile text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging import tags as packaging_tags

from thoth.dependency_monkey.ecosystems.pypi.target import Target, parse_target, target_for
from thoth.dependency_monkey.errors import RequestError

machines = st.sampled_from(["x86_64", "aarch64", "i686", "ppc64le", "s390x", "riscv64"])
platforms = st.one_of(
    st.builds("manylinux_2_{}_{}".format, st.integers(17, 40), machines),
    st.builds("manylinux_2_{}_x86_64".format, st.integers(5, 40)),
    st.builds("musllinux_1_{}_{}".format, st.integers(0, 3), machines),
    st.builds("macosx_{}_0_{}".format, st.integers(11, 26), st.sampled_from(["arm64", "x86_64"])),
    st.builds("macosx_10_{}_x86_64".format, st.integers(9, 16)),
    st.sampled_from(["win_amd64", "win32", "win_arm64", "linux_x86_64"]),
)
interpreters = st.one_of(
    st.builds("cp3{}".format, st.integers(8, 15)),
    st.builds("cp3{}t".format, st.integers(13, 15)),
    st.builds("pp3{}".format, st.integers(8, 12)),
)
patches = st.just("") | st.integers(0, 30).map(".{}".format)
ids = st.builds("{}{}-{}".format, interpreters, patches, platforms)


@given(ids)
def test_an_id_reads_back_as_itself(text: str) -> None:
    target = parse_target(text)
    assert target.id == text
    assert parse_target(target.id) == target
    assert str(target.python) == target.markers["python_full_version"]
    assert target.markers["python_full_version"].startswith(target.markers["python_version"])
    assert len(target.markers) == 11


def expected_order(target: Target) -> list[str]:
    """The tags of a CPython target as `packaging` makes them from the platform's own list."""
    minor = int(target.markers["python_version"].partition(".")[2])
    interpreter, _, platform = target.id.partition("-")
    abi = interpreter.partition(".")[0]
    names = [platform]
    if platform.startswith("macosx"):
        major, feature, machine = platform.removeprefix("macosx_").split("_", 2)
        names = list(packaging_tags.mac_platforms((int(major), int(feature)), machine))
    tags = [
        *packaging_tags.cpython_tags((3, minor), [abi], names),
        *packaging_tags.compatible_tags((3, minor), f"cp3{minor}", names),
    ]
    return list(dict.fromkeys(map(str, tags)))


@given(ids.filter(lambda text: text.startswith("cp") and "linux" not in text))
@settings(max_examples=50)
def test_tags_are_ordered_as_packaging_orders_them(text: str) -> None:
    target = parse_target(text)
    ranks = [target.tag_priority(tag) for tag in expected_order(target)]
    assert ranks[0] == 0
    assert None not in ranks
    assert ranks == sorted(ranks, key=lambda rank: -1 if rank is None else rank)
    assert len(set(ranks)) == len(ranks)


parts = st.lists(
    st.sampled_from(
        ["cp312", "cp311", "cp39", "py3", "py2", "pp311", "abi3", "none", "cp312t", "any",
         "win_amd64", "manylinux2014_x86_64", "manylinux_2_17_x86_64", "linux_x86_64", "x", ""]
    ),
    min_size=1,
    max_size=4,
).map(".".join)  # fmt: skip


@given(ids, parts, parts, parts)
def test_a_tag_set_is_as_good_as_its_best_tag(
    text: str, interpreter: str, abi: str, platform: str
) -> None:
    target = parse_target(text)
    single = [
        target.tag_priority(f"{one}-{two}-{three}")
        for one in interpreter.split(".")
        for two in abi.split(".")
        for three in platform.split(".")
    ]
    best = min((rank for rank in single if rank is not None), default=None)
    assert target.tag_priority(f"{interpreter}-{abi}-{platform}") == best


@given(ids, st.text())
def test_arbitrary_tag_sets_are_answered(text: str, tag: str) -> None:
    rank = parse_target(text).tag_priority(tag)
    assert rank is None or rank >= 0


def check_refusal(error: RequestError) -> None:
    (problem,) = error.problems
    assert str(problem).isprintable()
    assert len(str(problem)) < 500
    assert problem.remedy


@given(st.text() | st.text(alphabet="cpt0123.-_manyliuxwd64", max_size=30))
def test_arbitrary_text_is_a_target_or_a_clear_refusal(text: str) -> None:
    try:
        target = parse_target(text)
    except RequestError as error:
        check_refusal(error)
    else:
        assert parse_target(target.id) == target


@given(st.none() | st.text(), st.none() | st.text(), st.none() | st.text())
def test_arbitrary_parts_are_a_target_or_a_clear_refusal(
    python: str | None, platform: str | None, implementation: str | None
) -> None:
    try:
        target_for(python, platform, implementation)
    except RequestError as error:
        check_refusal(error)


def test_questions_are_answered_alike_however_often_they_are_asked() -> None:
    target = parse_target("cp312-manylinux_2_28_x86_64")
    distinct = [
        f"cp3{minor}-cp3{minor}-manylinux_2_{glibc}_{machine}.manylinux2014_{machine}"
        for minor in range(6, 16)
        for glibc in range(5, 40)
        for machine in ("x86_64", "aarch64", "i686", "s390x", "ppc64le", "armv7l", "riscv64")
    ]
    questions = (distinct * (100_000 // len(distinct) + 1))[:100_000]
    answers = [target.tag_priority(question) for question in questions]
    assert answers[: len(distinct)] == answers[len(distinct) : 2 * len(distinct)]


def test_the_memory_of_answers_is_bounded() -> None:
    target = parse_target("cp312-win_amd64")
    for number in range(50_000):
        assert target.tag_priority(f"py3-none-{number}") is None
    assert target.tag_priority("cp312-cp312-win_amd64") == 0
