"""The validator program as a process, and through the read-through index as anybody else."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest

from thoth.dependency_monkey.testing import Fault, IndexServer
from thoth.dependency_monkey.validation.document import decode_document
from thoth.dependency_monkey.validation.exchange import MEDIA_TYPE, IndexList, encode_fact
from thoth.dependency_monkey.validation.question import Question
from thoth.storages import GraphDatabase, sync_documents
from thoth.storages.testing.forking import ForkedProgram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from thoth.storages import StoragesSettings

TARGET = "cp312-manylinux_2_28_x86_64"
ECOSYSTEM = {"ECOSYSTEM": "pypi", "TARGETS": f'["{TARGET}"]'}


VALIDATOR = ForkedProgram(
    "validator",
    "thoth.dependency_monkey.validation.validator:main",
    "httpx2",
    "thoth.dependency_monkey.ecosystems.pypi.index.client",
    "thoth.dependency_monkey.validation.facts_client",
)


def run(stack: str | None = "six", **variables: str) -> subprocess.CompletedProcess[str]:
    return VALIDATOR.run(env=environment(stack, variables), seconds=60)


def run_module(
    *command: str, stack: str | None = "six", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Do what `run` does, but start the program as its users do."""
    return subprocess.run(
        [sys.executable, "-I", "-m", *command],
        env=environment(stack, variables),
        capture_output=True,
        text=True,
        timeout=60,
    )


def run_changed(index_url: str, *changes: str) -> subprocess.CompletedProcess[str]:
    """Run the program after statements that change its module `v`."""
    head = "import sys; from thoth.dependency_monkey.validation import validator as v"
    return subprocess.run(
        [sys.executable, "-I", "-c", "\n".join([head, *changes, "sys.exit(v.main())"])],
        env=environment("six", {"INDEX_URL": index_url}),
        capture_output=True,
        text=True,
    )


def environment(stack: str | None, variables: dict[str, str]) -> dict[str, str]:
    asked = {} if stack is None else {"STACK_SPECIFICATION": stack}
    return ECOSYSTEM | variables | asked


def answer(done: subprocess.CompletedProcess[str], code: int = 0) -> dict[str, Any]:
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)["result"]


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        server.add("six", "1.16.0", uploaded=datetime(2021, 5, 5, tzinfo=UTC))
        server.add("six", "1.17.0", uploaded=datetime(2024, 12, 4, tzinfo=UTC))
        server.add("boto3", "1.0", requires_dist=["six<1.17"])
        server.add("picky", "1.0", requires_dist=["six<1.10"])
        server.add("built", "1.0", wheel_tags=(), sdist=True, static=False)
        server.add("static", "1.0", wheel_tags=(), sdist=True, requires_dist=["six"])
        server.add("static", "2.0", wheel_tags=(), sdist=True, static=False)
        yield server


class TestContract:
    def test_the_document_is_an_envelope_with_the_v1_resource(self, index: IndexServer) -> None:
        done = run_module("thoth.dependency_monkey.validation.validator", INDEX_URL=index.url)
        document = json.loads(done.stdout)
        assert list(document) == ["metadata", "result"]
        metadata = document["metadata"]
        assert metadata["analyzer"] == "thoth-dependency-monkey"
        assert metadata["document_id"].startswith("validation-")
        assert metadata["document_id"] == document["result"]["document_id"]
        assert metadata["arguments"]["stack_specification"] == "six"
        assert set(metadata["distribution"]["version_parts"]) == {"major", "minor", "build_number"}
        assert metadata["python"]["major"] == 3
        assert document["result"]["phase"] == "succeeded"
        assert decode_document(done.stdout.encode()).result.valid is True

    @pytest.mark.parametrize(
        ("stack", "code", "expected"),
        [
            ("boto3\nsix>=1 # \N{SNOWMAN}", 0, ("succeeded", True, "resolved")),
            ("picky", 0, ("succeeded", False, "version_not_found")),
            ("built", 3, ("failed", None, "metadata_unavailable")),
        ],
    )
    def test_its_document_can_be_synced(
        self,
        index: IndexServer,
        tmp_path: Path,
        migrated_settings: StoragesSettings,
        stack: str,
        code: int,
        expected: tuple[object, ...],
    ) -> None:
        path = tmp_path / "validation-by-hand.json"
        done = run(stack, INDEX_URL=index.url, RESULT_PATH=str(path))
        shown = answer(subprocess.CompletedProcess([], done.returncode, path.read_text()), code)
        with GraphDatabase(migrated_settings) as graph:
            counts = sync_documents([str(path)], graph=graph, is_local=True)
            assert counts == {"validation": (1, 1, 0, 0)}
            record = graph.validations.get(UUID(shown["id"]))
            assert record is not None
            assert (record.phase, record.valid, record.reason) == expected
            assert record.stack_specification == shown["stack_specification"]
            assert Question.decode(record.request).stack_specification == stack
            assert record.result_digest is not None
            kept = graph.validations.result(record.result_digest)
        assert kept is not None
        assert json.loads(kept) == shown

    @pytest.mark.parametrize("stack", ["boto3\nsix", "boto3\\nsix", "boto3\r\nsix"])
    def test_new_lines_may_be_real_or_escaped(self, index: IndexServer, stack: str) -> None:
        assert len(answer(run(INDEX_URL=index.url, stack=stack))["lock"]) == 2

    def test_not_valid_is_a_conclusion(self, index: IndexServer) -> None:
        found = answer(run(INDEX_URL=index.url, stack="picky"))
        assert (found["valid"], found["phase"]) == (False, "succeeded")

    def test_undecided_is_exit_code_three_with_a_document(self, index: IndexServer) -> None:
        index.fault("/simple/six/", Fault(status=403))
        found = answer(run(INDEX_URL=index.url), 3)
        assert (found["valid"], found["phase"]) == (None, "failed")
        assert found["reason"] == "index_unreachable"

    def test_targets_policy_and_constraints_are_json(self, index: IndexServer) -> None:
        found = answer(
            run(
                INDEX_URL=index.url,
                stack="boto3",
                TARGETS='["cp311-win_amd64", "cp313-macosx_14_0_arm64"]',
                POLICY='{"strategy": "lowest", "max_age": 0}',
                CONSTRAINTS='"six<1.17\\nboto3"',
            )
        )
        assert [result["target"]["id"] for result in found["results"]] == [
            "cp311-win_amd64",
            "cp313-macosx_14_0_arm64",
        ]
        assert found["policy"]["strategy"] == "lowest"
        assert found["constraints"] == "six<1.17\nboto3"

    def test_the_date_of_the_policy_holds(self, index: IndexServer) -> None:
        policy = '{"exclude_newer": "2022-01-01T00:00:00Z"}'
        assert answer(run(INDEX_URL=index.url, POLICY=policy))["lock"][0]["version"] == "1.16.0"

    def test_a_malformed_request_is_exit_code_two(self) -> None:
        done = run(stack="six\n-e .\nsix @ file:///x")
        assert (done.returncode, done.stdout) == (2, "")
        assert "line 2" in done.stderr
        assert "line 3" in done.stderr
        assert "Traceback" not in done.stderr

    def test_it_is_a_subcommand_too(self, index: IndexServer) -> None:
        done = run_module("thoth.dependency_monkey.cli", "validator", INDEX_URL=index.url)
        assert answer(done)["valid"] is True
        malformed = run_module("thoth.dependency_monkey.cli", "validator", stack=None)
        assert (malformed.returncode, malformed.stdout) == (2, "")

    def test_user_info_of_the_index_appears_nowhere(self) -> None:
        with IndexServer(username="user", password="secret") as server:
            server.add("six", "1.17.0")
            url = server.url.replace("://", "://user:secret@")
            done = run(INDEX_URL=url)
        assert answer(done)["valid"] is True
        assert "secret" not in done.stdout + done.stderr


class TestDelivery:
    def test_to_a_path(self, index: IndexServer, tmp_path: Path) -> None:
        path = tmp_path / "document"
        done = run(INDEX_URL=index.url, RESULT_PATH=str(path))
        assert (done.returncode, done.stdout) == (0, "")
        assert decode_document(path.read_bytes()).result.valid is True
        assert list(tmp_path.iterdir()) == [path]

    def test_a_path_that_cannot_be_written_is_a_crash(self, index: IndexServer) -> None:
        done = run(INDEX_URL=index.url, RESULT_PATH="/no/such/directory/document")
        assert done.returncode not in (0, 2, 3)

    @pytest.mark.parametrize("status", [204, 403, 500, 302])
    def test_to_a_url_once(self, index: IndexServer, status: int) -> None:
        received: list[tuple[str, str | None, bytes]] = []

        class Receiver(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                received.append((self.path, self.headers["authorization"], body))
                self.send_response(status)
                self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}/results/1"
            done = run(INDEX_URL=index.url, RESULT_URL=url, RESULT_TOKEN="t0ken")
            server.shutdown()
        assert (done.returncode == 0) == (status == 204)
        assert done.returncode not in (2, 3)
        assert len(received) == 1
        path, authorization, body = received[0]
        assert (path, authorization) == ("/results/1", "Bearer t0ken")
        assert decode_document(body).result.valid is True
        assert "t0ken" not in done.stdout + done.stderr

    def test_what_else_prints_does_not_reach_the_document(self, index: IndexServer) -> None:
        done = run_changed(
            index.url,
            "kept = v.validate",
            "async def loud(*a, **k):",
            "  print('noise'); import os; os.system('echo more noise')",
            "  return await kept(*a, **k)",
            "v.validate = loud",
        )
        assert answer(done)["valid"] is True
        assert "more noise" in done.stderr

    def test_a_document_that_is_too_large_is_undecided(self, index: IndexServer) -> None:
        done = run_changed(index.url, "v.LARGEST_DOCUMENT = 2000")
        found = answer(done, 3)
        assert (found["reason"], found["lock"]) == ("limit_exceeded", None)


@contextmanager
def broken_read_through() -> Iterator[str]:
    """A read-through index that names its indexes and answers nothing else; gives its URL."""
    listed = encode_fact(IndexList((("main", "https://index.example/simple/"),)))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_list = self.path == "/index/default/simple/"
            self.send_response(200 if is_list else 500)
            self.send_header("content-type", MEDIA_TYPE)
            self.end_headers()
            self.wfile.write(listed if is_list else b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index/default/simple/"
        server.shutdown()


def _comparable(found: dict[str, Any]) -> dict[str, Any]:
    """Leave out what no two runs have in common: ids, times, counts."""
    for member in ("id", "document_id", "created_at", "started_at", "finished_at", "timings"):
        del found[member]
    for state in found["index_state"]:
        del state["oldest_checked_at"]
    return found


class TestThroughTheReadThroughIndex:
    """In isolation, a validator answers to the letter what it would answer by itself."""

    @pytest.mark.parametrize(
        "stack", ["six", "boto3", "boto3\npicky", "nothing", "built", "static", "six>2", "six==*"]
    )
    def test_the_answer_is_that_of_the_inline_path(
        self,
        index: IndexServer,
        read_through: Callable[..., Any],
        asker: Any,
        stack: str,
    ) -> None:
        with IndexServer() as extra:
            extra.add("boto3", "2.0", requires_dist=["six"])
            site = read_through(**{"index-0": extra.url, "index-1": index.url})
            code = 3 if stack == "built" else 0
            if stack == "six==*":
                assert run(INDEX_URL=site.url, stack=stack).returncode == 2
                return
            isolated = answer(run(INDEX_URL=site.url, stack=stack, THOTH_TIMEOUT="60"), code)
            inline = asker.ask(stack, extra, index)
        expected = json.loads(msgspec.json.encode(inline))
        assert _comparable(isolated) == _comparable(expected)

    def test_locks_name_the_real_index_and_the_real_files(
        self, index: IndexServer, read_through: Callable[..., Any]
    ) -> None:
        site = read_through(main=index.url)
        text = run(INDEX_URL=site.url).stdout
        release = json.loads(text)["result"]["lock"][0]
        assert release["index"] == index.url
        assert release["artifacts"][0]["url"].startswith(index.root)
        assert site.root not in text

    def test_why_an_index_failed_is_told(
        self, index: IndexServer, read_through: Callable[..., Any]
    ) -> None:
        index.fault("/simple/six/", Fault(status=500))
        site = read_through(main=index.url)
        done = run(INDEX_URL=site.url)
        found = answer(done, 3)
        assert found["reason"] == "index_unreachable"
        assert f"{index.url}six/: HTTP status 500" in found["results"][0]["detail"]
        assert site.root not in done.stdout + done.stderr

    def test_the_log_names_the_real_indexes(
        self, index: IndexServer, read_through: Callable[..., Any]
    ) -> None:
        with IndexServer() as extra:
            given = {"extra": extra.url.replace("//", "//me:secret@"), "main": index.url}
            site = read_through(**given)
            done = run(INDEX_URL=site.url)
            assert f"with {extra.url}, {index.url}\n" in done.stderr
        assert site.root not in done.stdout + done.stderr
        assert "secret" not in done.stdout + done.stderr

    def test_a_read_through_index_that_breaks_is_not_named_by_its_address(self) -> None:
        with broken_read_through() as url:
            done = run(INDEX_URL=url)
        found = answer(done, 3)
        assert found["reason"] == "index_unreachable"
        shown = "https://index.example/simple/six/ (read-through index): HTTP status 500"
        assert found["results"][0]["detail"].startswith(shown)
        assert "127.0.0.1" not in done.stdout + done.stderr

    def test_it_may_be_as_of_a_date(
        self, index: IndexServer, read_through: Callable[..., Any]
    ) -> None:
        url = read_through(main=index.url).url_of("default@2022-01-01")
        assert answer(run(INDEX_URL=url))["lock"][0]["version"] == "1.16.0"

    def test_a_policy_of_no_age_asks_again(
        self, index: IndexServer, read_through: Callable[..., Any]
    ) -> None:
        site = read_through(main=index.url)
        for policy in ("{}", "{}", '{"max_age": 0}'):
            run(INDEX_URL=site.url, POLICY=policy)
        assert index.asked("/simple/six/") == 2

    def test_a_read_through_index_that_is_away_is_no_verdict(self) -> None:
        done = run(INDEX_URL="http://127.0.0.1:9/index/default/simple/")
        found = answer(done, 3)
        assert found["reason"] == "index_unreachable"
        assert found["results"][0]["detail"].startswith("read-through index: ")
        assert "127.0.0.1" not in done.stdout + done.stderr
