"""However facts are split, ordered and repeated, the graph holds the same in the end."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from thoth.storages import ArtifactRecord, ReleaseMetadataRecord, ReleaseRecord
from thoth.storages.graph.queries.artifact_merging import artifact_changes
from thoth.storages.graph.queries.release_batches import read_requirement

if TYPE_CHECKING:
    from collections.abc import Callable

    from thoth.storages import GraphDatabase

REQUIREMENTS = ["b", "b>=1", "B >= 1", "c[x]<2; extra == 'y'", "a==1.*", "odd >=one", ">=1"]
INDEXES = ["https://index.example/simple", None]


def truth(package: str, version: str, index_url: str | None) -> ReleaseRecord:
    """All there is to know of a release; the same in every example."""
    chance = random.Random(f"{package} {version} {index_url}")
    names = [f"{package}-{version}-{number}.whl" for number in range(chance.randrange(3))]
    return ReleaseRecord(
        package=package,
        version=version,
        index_url=index_url,
        requires_python=chance.choice([">=3.8", ">=3.9"]),
        yanked=True,
        yanked_reason="broken",
        is_missing=chance.choice([True, False]),
        provides_source_distro=chance.choice([True, False]),
        uploaded_at=datetime(2026, 1, chance.randint(1, 28), tzinfo=UTC),
        dependencies=tuple(chance.sample(REQUIREMENTS, chance.randrange(len(REQUIREMENTS)))),
        artifacts=tuple(
            ArtifactRecord(name, hashlib.sha256(name.encode()).digest(), "wheel", len(name))
            for name in names
        ),
        metadata=ReleaseMetadataRecord(summary=f"{package} {version}", classifiers=("X :: Y",)),
    )


@st.composite
def partial(draw: st.DrawFn) -> ReleaseRecord:
    """A part of what there is to know of a release."""
    whole = truth(
        draw(st.sampled_from(["a", "b", "c"])),
        draw(st.sampled_from(["1", "1.0rc1", "old?"])),
        draw(st.sampled_from(INDEXES)),
    )
    forgotten: dict[str, Any] = {
        name: None
        for name in whole.__struct_fields__
        if name not in {"package", "version", "index_url"} and draw(st.booleans())
    }
    if forgotten.keys() & {"yanked"}:
        forgotten["yanked_reason"] = None
    if whole.dependencies and "dependencies" not in forgotten:
        count = draw(st.integers(0, len(whole.dependencies)))
        forgotten["dependencies"] = whole.dependencies[:count]
    if whole.artifacts and "artifacts" not in forgotten:
        forgotten["artifacts"] = tuple(
            msgspec.structs.replace(artifact, **draw(st.sampled_from(UNKNOWN)))
            for artifact in whole.artifacts
        )
    return msgspec.structs.replace(whole, **forgotten)


UNKNOWN: list[dict[str, None]] = [{}, {"filename": None}, {"sha256": None}, {"size": None}]


@st.composite
def splits(draw: st.DrawFn) -> tuple[list[ReleaseRecord], list[list[ReleaseRecord]]]:
    """Records in one batch, and the same in several, shuffled, some of them twice."""
    records = draw(st.lists(partial(), min_size=1, max_size=8))
    shuffled = draw(st.permutations(records + draw(st.lists(st.sampled_from(records), max_size=3))))
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=3)))
    bounds = [0, *cuts, len(shuffled)]
    return records, [shuffled[a:b] for a, b in pairwise(bounds)]


@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(splits())
def test_order_and_splits_and_repetitions_do_not_matter(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    recorded: Callable[[GraphDatabase], list[tuple[str, object]]],
    split: tuple[list[ReleaseRecord], list[list[ReleaseRecord]]],
) -> None:
    whole, parts = split
    empty_tables()
    ids = graph.releases.record(whole)
    expected = recorded(graph)
    assert graph.releases.record(whole) == ids
    assert recorded(graph) == expected

    empty_tables()
    for part in parts:
        graph.releases.record(part)
    assert recorded(graph) == expected


names = st.sampled_from(["x", "y", None])
hashes = st.sampled_from([b"1" * 32, b"2" * 32, None])
artifacts = st.builds(ArtifactRecord, names, hashes).filter(
    lambda artifact: artifact.filename is not None or artifact.sha256 is not None
)


@given(st.lists(st.lists(artifacts)))
def test_artifacts_of_a_release_never_repeat_and_are_never_lost(
    steps: list[list[ArtifactRecord]],
) -> None:
    rows: dict[int, ArtifactRecord] = {}
    for step in steps:
        changes = artifact_changes(list(rows.items()), step)
        for row in changes.removed:
            del rows[row]
        rows.update(changes.changed)
        for artifact in changes.added:
            rows[max(rows, default=0) + 1] = artifact
        assert not artifact_changes(list(rows.items()), step), "the same again changes nothing"

    keys = [(artifact.filename, artifact.sha256) for artifact in rows.values()]
    given_keys = {(each.filename, each.sha256) for step in steps for each in step}
    assert len(keys) == len(set(keys))
    assert {name for name, _ in keys} >= {name for name, _ in given_keys} - {None}
    assert {sha256 for _, sha256 in keys} >= {sha256 for _, sha256 in given_keys} - {None}
    assert {key for key in given_keys if None not in key} <= set(keys)


@given(st.one_of(st.text(), st.from_regex(r"[a-z]+[ \[\](<>=!~;]*.*")))
@example("six\x1f")
def test_every_requirement_that_names_a_package_has_a_row(text: str) -> None:
    requirement = read_requirement(text)

    if requirement is not None:
        assert requirement.name
        again = read_requirement(requirement.text)
        assert again is not None
        assert again.text == requirement.text
