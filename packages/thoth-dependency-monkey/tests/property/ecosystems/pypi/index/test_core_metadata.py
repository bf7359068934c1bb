"""Core metadata: what is written is read back; no bytes make parsing fail oddly."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from thoth.dependency_monkey.ecosystems.pypi.index.core_metadata import parse_core_metadata
from thoth.dependency_monkey.ecosystems.pypi.index.faults import MetadataError
from thoth.dependency_monkey.testing import ReleaseSpec

names = st.from_regex(r"[a-z]([a-z-]{0,4}[a-z])?", fullmatch=True)
requirements = st.builds(
    "{}{}{}{}".format,
    names,
    st.sampled_from(["", "[x]", "[x,y]"]),
    st.sampled_from(["", ">=1", "<2,>1.0", "==1.*", "~=1.4", "!=1.0+x", ">=2.7.*"]),
    st.sampled_from(["", "; extra == 'x'", " ; python_version < '3.8' and os_name != 'nt'"]),
)


@given(
    st.lists(requirements, max_size=6),
    st.lists(names, max_size=3),
    st.sampled_from([None, ">=3.8", ">=3.6, !=3.7.*"]),
)
def test_what_is_written_is_read_back_in_order(
    requires_dist: list[str], extras: list[str], requires_python: str | None
) -> None:
    spec = ReleaseSpec(requires_dist=requires_dist, extras=extras, requires_python=requires_python)
    facts = parse_core_metadata(spec.core_metadata("six", "1.0"), "six", "1.0").facts
    mended = [" ".join(text.replace(">=2.7.*", ">=2.7").split()) for text in requires_dist]
    assert list(facts.requires_dist) == mended
    assert list(facts.provides_extra) == extras
    assert facts.requires_python == requires_python


lines = st.one_of(
    st.sampled_from(
        ["Metadata-Version: 2.1", "Name: six", "Version: 1.0", "Requires-Dist: a", "", " folded"]
    ),
    st.builds("Requires-Dist: {}".format, st.text(max_size=15)),
    st.text(max_size=15),
)


@given(st.lists(lines, max_size=10).map("\n".join), st.binary(max_size=10))
def test_any_bytes_are_facts_with_valid_requirements_or_a_proper_error(
    text: str, noise: bytes
) -> None:
    with suppress(MetadataError):
        content = text.encode("utf-8", "surrogatepass") + noise
        for requirement in parse_core_metadata(content, "six", "1.0").facts.requires_dist:
            Requirement(requirement)


@given(st.lists(lines, max_size=8))
def test_no_requirement_before_the_body_is_ever_lost(drawn: list[str]) -> None:
    head = ["Metadata-Version: 2.1", "Name: six", "Version: 1.0"]
    block = [line for line in drawn if line.isprintable() and line.strip()]
    content = "\n".join([*head, *block, "Requires-Dist: wanted"]).encode()
    with suppress(MetadataError):
        assert "wanted" in parse_core_metadata(content, "six", "1.0").facts.requires_dist
