"""`validate` keeps its validation and stores its document, after the answer."""

from __future__ import annotations

import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec
import pytest

from thoth.storages import GraphDatabase, StoragesSettings, ValidationResultsStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from thoth.dependency_monkey.testing import IndexServer

AWAY = {
    "THOTH_S3_ENDPOINT_URL": "http://127.0.0.1:9",
    "THOTH_CEPH_KEY_ID": "key-of-nobody",
    "THOTH_CEPH_SECRET_KEY": "secret-of-nobody",
    "THOTH_CEPH_BUCKET": "bucket",
}


@pytest.fixture
def variables(tmp_path: Path, program: Any) -> dict[str, str]:
    """Documents in a folder of their own: the graph is that of all tests here."""
    return {"THOTH_DEPLOYMENT_NAME": tmp_path.name}


@pytest.fixture
def store(program: Any, variables: dict[str, str]) -> ValidationResultsStore:
    settings = StoragesSettings.from_environment(program.variables(**variables))
    store = ValidationResultsStore(settings=settings)
    store.connect()
    return store


@pytest.fixture
def graph(program: Any) -> Iterator[GraphDatabase]:
    with GraphDatabase(StoragesSettings.from_environment(program.variables())) as graph:
        yield graph


@pytest.mark.parametrize(("stack", "code"), [("kept-one", 0), ("kept-one>7", 1), ("kept-none", 1)])
def test_a_validation_is_kept_with_its_document(
    program: Any,
    variables: dict[str, str],
    server: IndexServer,
    store: ValidationResultsStore,
    graph: GraphDatabase,
    stack: str,
    code: int,
) -> None:
    server.add("kept-one", "1.0")
    outcome = program.call(stack, "--output-format", "json", variables=variables)
    assert (outcome.code, outcome.stderr) == (code, "")
    shown = msgspec.json.decode(outcome.stdout)
    [(document_id, document)] = store.iterate_results()
    result = document["result"]
    assert (result["id"], result["valid"], result["reason"]) == (
        shown["id"],
        code == 0,
        shown["reason"],
    )
    assert result["answer"] == shown
    assert result["request"]["stack_specification"] == stack
    record = graph.validations.get(UUID(shown["id"]))
    assert record is not None
    assert (record.phase, record.valid) == ("succeeded", code == 0)
    assert f"-{record.created_at:%y%m%d%H%M%S}-" in document_id
    if code == 0:
        stacks = graph.get_python_software_stacks_all("kept-one", software_stack_type="VALIDATION")
        assert stacks[0]["requirements"] == {"packages": {"kept-one": {"version": "*"}}}


@pytest.mark.parametrize(("arguments", "setting"), [(["--no-store"], "1"), ([], "0"), ([], "off")])
def test_it_can_be_told_to_keep_nothing(
    program: Any,
    variables: dict[str, str],
    server: IndexServer,
    store: ValidationResultsStore,
    graph: GraphDatabase,
    arguments: list[str],
    setting: str,
) -> None:
    server.add("unkept", "1.0")
    given = {**variables, "THOTH_STORE_VALIDATIONS": setting}
    outcome = program.call("unkept", *arguments, variables=given)
    assert (outcome.code, outcome.stderr) == (0, "")
    assert store.get_document_count() == 0
    assert graph.get_python_software_stacks_all("unkept") == []


def test_an_option_counts_before_the_setting(
    program: Any, variables: dict[str, str], server: IndexServer, store: ValidationResultsStore
) -> None:
    server.add("kept-two", "1.0")
    given = {**variables, "THOTH_STORE_VALIDATIONS": "no"}
    assert program.call("kept-two", "--store", variables=given).code == 0
    assert store.get_document_count() == 1


@pytest.mark.parametrize("quiet", [False, True])
def test_a_store_that_is_away_changes_no_answer_and_gets_the_document_later(
    program: Any,
    variables: dict[str, str],
    server: IndexServer,
    store: ValidationResultsStore,
    quiet: bool,
) -> None:
    server.add("kept-three", "1.0")
    arguments = ["kept-three", "--output-format", "requirements", *(["--quiet"] if quiet else [])]
    outcome = program.call(*arguments, variables={**variables, **AWAY})
    assert outcome.code == 0
    assert "kept-three==1.0" in outcome.stdout
    assert ("warning: a document waits to be stored: " in outcome.stderr) != quiet
    assert "secret-of-nobody" not in outcome.stderr

    assert program.call(*arguments, variables=variables).code == 0
    assert store.get_document_count() == 2


LISTING = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult><Name>bucket</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated>
</ListBucketResult>"""


class Hanging(NamedTuple):
    """A store, by variables, that answers but takes documents without an end, once it is asked."""

    variables: dict[str, str]
    is_asked: threading.Event


@pytest.fixture
def hanging(graph: GraphDatabase) -> Iterator[Hanging]:
    is_asked, is_over = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(LISTING)))
            self.end_headers()
            self.wfile.write(LISTING)

        def do_PUT(self) -> None:
            is_asked.set()
            is_over.wait()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        named = {**AWAY, "THOTH_S3_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}
        yield Hanging(named, is_asked)
        is_over.set()
        server.shutdown()
        thread.join()
    forget_what_waits(graph)


@pytest.mark.slow
def test_a_store_that_does_not_come_to_an_end_is_not_waited_for(
    program: Any, variables: dict[str, str], hanging: Hanging, server: IndexServer
) -> None:
    server.add("kept-six", "1.0")
    outcome = program.run("kept-six", variables={**variables, **hanging.variables})
    assert outcome.code == 0
    assert outcome.stderr == (
        "warning: the document of this validation was not stored within 5 s\n"
    )


def test_who_stops_the_command_while_it_stores_has_the_answer(
    program: Any, variables: dict[str, str], hanging: Hanging, server: IndexServer
) -> None:
    server.add("kept-seven", "1.0")
    started = program.start("kept-seven>2", variables={**variables, **hanging.variables})
    assert started.stdout.readline().startswith("✗ does not resolve".encode())
    assert hanging.is_asked.wait(60)
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=60)
    assert started.returncode == 1
    assert errors.decode() == (
        "warning: interrupted while the document of this validation was being stored\n"
    )


def test_a_document_that_the_store_refuses_is_a_warning(
    program: Any, variables: dict[str, str], server: IndexServer, graph: GraphDatabase
) -> None:
    server.add("kept-five", "1.0")
    folder = program.data_dir / "documents" / variables["THOTH_DEPLOYMENT_NAME"]
    folder.write_text("in the way")
    outcome = program.call("kept-five", variables=variables)
    assert outcome.code == 0
    assert "warning: a document waits to be stored: " in outcome.stderr
    assert graph.validation_documents.count_waiting()["store"] == 1
    forget_what_waits(graph)


def forget_what_waits(graph: GraphDatabase) -> None:
    """Leave no document to be stored by the next test, somewhere else."""
    with graph.migration_connection() as connection:
        connection.execute("UPDATE validation_job SET document_due_at = NULL")


def test_what_has_expired_goes_with_its_document(
    program: Any,
    variables: dict[str, str],
    server: IndexServer,
    store: ValidationResultsStore,
    graph: GraphDatabase,
) -> None:
    server.add("kept-four", "1.0")
    program.call("kept-four", variables=variables)
    [(first, _)] = store.iterate_results()
    with graph.migration_connection() as connection:
        connection.execute(
            "UPDATE validation SET expires_at = now() WHERE document_id = %s", [first]
        )
    program.call("kept-four", variables=variables)
    [(second, _)] = store.iterate_results()
    assert first != second
