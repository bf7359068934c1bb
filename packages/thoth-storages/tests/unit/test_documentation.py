"""The reference names everything that a user can name."""

from __future__ import annotations

import dataclasses
import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import thoth.storages
import thoth.storages.testing
from thoth.storages import (
    HANDLERS_MAPPING,
    ArtifactMetadataStore,
    BuildLogsStore,
    CephCache,
    CephStore,
    GraphBackupStore,
    GraphDatabase,
    Handler,
    InspectionsStore,
    InspectionStore,
    PageStore,
    ResultStorageBase,
    SyncCounts,
    SyncMetrics,
    ValidationStore,
    settings,
    sync_documents,
)
from thoth.storages.documents import bulk, encoding, ids, inspections, local, other_stores, s3
from thoth.storages.documents.inspections import InspectionBuild, InspectionResults
from thoth.storages.graph import hardware_records
from thoth.storages.graph.queries import indicator_groups, indicators
from thoth.storages.graph.queries.validation_documents import ValidationDocumentQueue
from thoth.storages.sync import handlers, run, syncing, worker
from thoth.storages.sync import metrics as syncing_metrics

FOLDER = Path("docs", "reference")
PAGE, QUERIES = "knowledge-graph.md", "graph-queries.md"
STORES, DOCUMENTS, METRICS = "document-stores.md", "documents.md", "metrics.md"
REFERENCE = next(
    (parent / FOLDER for parent in Path(__file__).parents if (parent / FOLDER / PAGE).exists()),
    None,
)
pytestmark = pytest.mark.skipif(REFERENCE is None, reason="not in a checkout: no docs")


def named_in_the_reference(*pages: str) -> set[str]:
    assert REFERENCE is not None
    text = "\n".join((REFERENCE / page).read_text() for page in pages or (PAGE,))
    quoted = re.findall(r"`([^`\n]+)`", text)
    return {match for text in quoted for match in re.findall(r"\w+", text)}


@pytest.mark.parametrize("module", [thoth.storages, thoth.storages.testing])
def test_every_exported_name_is_documented(module: object) -> None:
    assert set(module.__all__) - named_in_the_reference(PAGE, STORES, DOCUMENTS) == set()


def public_members(documented: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(documented) if not name.startswith("_")}


@pytest.mark.parametrize(
    "documented", [PageStore, ArtifactMetadataStore, ValidationStore, ValidationDocumentQueue]
)
def test_every_public_method_of_a_store_is_documented(documented: type) -> None:
    assert public_members(documented) - named_in_the_reference() == set()


def test_every_public_method_of_the_graph_is_documented() -> None:
    assert public_members(GraphDatabase) - named_in_the_reference(PAGE, QUERIES) == set()


@pytest.mark.parametrize(
    "documented",
    [
        CephStore,
        ResultStorageBase,
        InspectionsStore,
        InspectionStore,
        InspectionBuild,
        InspectionResults,
        BuildLogsStore,
        GraphBackupStore,
        CephCache,
    ],
)
def test_every_public_method_of_a_store_of_documents_is_documented(documented: type) -> None:
    assert public_members(documented) - named_in_the_reference(STORES) == set()


@pytest.mark.parametrize(
    "store",
    [
        value
        for name in thoth.storages.__all__
        if hasattr(value := getattr(thoth.storages, name), "RESULT_TYPE")
    ],
)
def test_every_folder_of_a_store_is_documented(store: type) -> None:
    assert REFERENCE is not None
    if store.RESULT_TYPE:
        assert f"`{store.RESULT_TYPE}/`" in (REFERENCE / STORES).read_text()


def test_every_limit_of_documents_is_documented() -> None:
    assert REFERENCE is not None
    text = (REFERENCE / STORES).read_text()
    for limit in (
        *(ids.MAX_ID_LENGTH, ids.MAX_KEY_LENGTH, ids.MAX_KEY_SEGMENTS, bulk.WORKERS, bulk.WINDOW),
        *(s3.CONNECT_SECONDS, s3.REQUEST_SECONDS, s3.RETRIES, encoding.MAX_DOCUMENT_BYTES // 2**20),
        *(int(other_stores.MAX_TIME_TO_LIVE), inspections.MAX_RESULTS, int(local.INCOMING_SECONDS)),
    ):
        assert re.search(rf"(?<![\d,]){limit:,}(?![\d,])", text), limit


def test_every_parameter_and_limit_of_syncing_is_documented() -> None:
    assert REFERENCE is not None
    named = named_in_the_reference(DOCUMENTS)
    assert set(inspect.signature(sync_documents).parameters) <= named
    assert set(SyncCounts._fields) | {*HANDLERS_MAPPING, run.UNKNOWN} <= named
    assert {field.name for field in dataclasses.fields(Handler)} <= named
    assert handlers.ENTRY_POINTS in (REFERENCE / DOCUMENTS).read_text()
    text = (REFERENCE / DOCUMENTS).read_text().partition("\n## Syncing\n")[2]
    for limit in (
        *(run.MAX_JOBS, run.BATCH, run.CHUNK, int(worker.STOP_SECONDS)),
        *(syncing.MAX_TOGETHER, syncing.MAX_TOGETHER_BYTES // 2**20),
    ):
        assert re.search(rf"(?<![\d,]){limit:,}(?![\d,])", text), limit


def test_every_filter_grouping_and_limit_of_indicators_is_documented() -> None:
    assert REFERENCE is not None
    text = (REFERENCE / QUERIES).read_text().partition("\n## Performance indicators\n")[2]
    asked = inspect.signature(GraphDatabase.get_pi_statistics_all).parameters
    assert set(asked) - {"self", "start_offset", "count"} <= named_in_the_reference(QUERIES)
    hardware = {*hardware_records.COLUMNS}
    assert {f"`{name}`" for name in indicator_groups.GROUPINGS - hardware} <= {
        match[0] for match in re.finditer(r"`\w+`", text)
    }
    assert f"at most {indicators.MAX_CONDITIONS} parameters" in text
    assert f"at most {indicators.MAX_GROUPINGS} of these" in text


def test_every_variable_is_documented() -> None:
    source = inspect.getsource(settings)
    variables = set(re.findall(r'"(THOTH_\w+)"', source))
    variables |= {f"KNOWLEDGE_GRAPH_{part}" for part in re.findall(r'prefix \+ "(\w+)"', source)}
    assert len(variables) == 23
    assert variables - named_in_the_reference(PAGE, STORES, METRICS) == set()


def test_every_metric_of_syncing_is_documented() -> None:
    assert REFERENCE is not None
    page = (REFERENCE / METRICS).read_text()
    text = page.partition("\n## Syncing\n")[2]
    named = {f"`{match}`" for match in re.findall(r"^\| `(thoth_\w+)` \|", text, re.MULTILINE)}
    metrics = SyncMetrics()
    with metrics.run(["solver"]):
        metrics.count("solver", "synced", 1.0)
    families = [*metrics.registry.collect()]
    suffixes = {"counter": "_total"}
    made = {f"`{family.name}{suffixes.get(family.type, '')}`" for family in families}
    assert named == made
    assert public_members(SyncMetrics) | {"registry"} <= named_in_the_reference(METRICS, DOCUMENTS)
    assert f"{syncing_metrics.PUSH_SECONDS:g} seconds" in text
    assert f"`{syncing_metrics.JOB}`" in text


PACKAGES = (
    "^(package|package_index|release|release_metadata|release_change|artifact|requirement"
    "|dependency)$"
)


@pytest.mark.parametrize(
    ("drawing", "options"),
    [("schema.svg", []), ("schema-packages.svg", ["--include", PACKAGES])],
)
def test_the_drawings_show_the_schema_as_it_is(
    drawing: str, options: list[str], tmp_path: Path
) -> None:
    assert REFERENCE is not None
    drawn = tmp_path / drawing
    command = [sys.executable, "-m", "thoth.storages", "generate-schema", *options]
    subprocess.run([*command, str(drawn)], check=True, capture_output=True, timeout=60)
    kept = REFERENCE.parent / "images" / drawing
    anew = shlex.join([*command[1:], str(kept)])
    assert kept.read_text() == drawn.read_text(), f"draw it anew: python {anew}"
