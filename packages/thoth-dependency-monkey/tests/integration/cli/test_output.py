"""What stands on standard output and standard error, in every format, on pipes and terminals."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import time
import tomllib
import xml.etree.ElementTree as ET

import pytest

from thoth.dependency_monkey.testing import Fault, IndexServer

RESOURCE = {
    *("id", "document_id", "ecosystem", "stack_specification", "constraints", "policy", "phase"),
    *("valid", "reason", "created_at", "started_at", "finished_at", "expires_at", "reused"),
    *("attempt", "index_state", "results", "lock", "graph", "explanation", "warnings", "limits"),
    *("timings", "raw_log", "links"),
}
MARKERS = {
    *("implementation_name", "implementation_version", "os_name", "platform_machine"),
    *("platform_python_implementation", "platform_release", "platform_system"),
    *("platform_version", "python_full_version", "python_version", "sys_platform"),
}
LOCK_FORMATS = ("requirements", "pylock", "dot", "svg")
LINUX = "cp312-manylinux_2_28_x86_64"
WINDOWS = "cp312-win_amd64"


@pytest.fixture(autouse=True)
def _packages(server):
    server.add("out-app", "1", requires_dist=["out-lib[x]>=1; os_name == 'posix'"])
    server.add("out-lib", "1", extras=["x"], requires_dist=["out-app; extra == 'x'"])
    server.add("out-old", "1", yanked="\x1b[31mred\x1b[0m")
    server.add("out-slow", "1", requires_dist=["out-lib"])


def read_json(program, *arguments: str, code: int = 0) -> dict:
    outcome = program.call(*arguments, "--output-format", "json")
    assert (outcome.code, outcome.stderr) == (code, "")
    return json.loads(outcome.stdout)


def test_json_of_a_valid_stack_is_the_resource(program):
    found = read_json(program, "out-app", "--target", LINUX)
    assert set(found) == RESOURCE
    assert (found["valid"], found["phase"], found["reason"]) == (True, "succeeded", "resolved")
    assert found["stack_specification"] == "out-app"
    assert (found["explanation"], found["constraints"]) == (None, None)
    [result] = found["results"]
    assert set(result) >= {"target", "valid", "reason", "lock", "graph", "explanation", "warnings"}
    assert result["target"]["id"] == LINUX
    assert set(result["target"]["markers"]) == MARKERS
    for field in ("lock", "graph", "explanation", "warnings"):
        assert found[field] == result[field]
    [app, lib] = found["lock"]
    assert set(app) >= {
        *("name", "version", "index", "requires_python", "artifacts", "requested_by")
    }
    assert (app["name"], app["version"], app["index"]) == ("out-app", "1", program.index_url)
    assert set(app["artifacts"][0]) == {"filename", "url", "sha256", "size", "kind"}
    assert lib["requested_by"] == ["out-app"]
    graph = found["graph"]
    assert set(graph) == {"nodes", "edges", "roots", "cycles", "components"}
    assert set(graph["edges"][0]) == {"from", "to", "requirement", "marker", "extra"}
    assert graph["roots"] == ["out-app"]
    assert graph["cycles"] == [["out-app", "out-lib"]]
    [state] = found["index_state"]
    assert set(state) == {"name", "url", "oldest_checked_at", "digest"}
    assert {"strategy", "prereleases", "exclude_newer", "artifacts", "max_age"} <= set(
        found["policy"]
    )


def test_json_of_an_invalid_stack_has_the_proof(program):
    found = read_json(program, "out-lib<1", "out-lib", "--target", LINUX, code=1)
    assert set(found) == RESOURCE
    assert (found["valid"], found["phase"], found["lock"]) == (False, "succeeded", None)
    explanation = found["explanation"]
    assert set(explanation) == {"text", "requirements", "steps", "remedies"}
    assert explanation["requirements"] == [{"line": 1, "text": "out-lib<1", "source": None}]
    assert set(explanation["steps"][0]) == {"conclusion", "because"}


def test_json_of_an_undecided_stack_says_why(program):
    found = read_json(program, "out-never-seen", "--offline", code=3)
    assert set(found) == RESOURCE
    assert (found["valid"], found["phase"]) == (None, "failed")
    assert found["reason"] == "index_unreachable"
    assert "out-never-seen" in found["raw_log"]


def test_several_targets_have_several_results(program):
    targets = ("--target", LINUX, "--target", WINDOWS)
    found = read_json(program, "out-app", *targets)
    assert [result["target"]["id"] for result in found["results"]] == [LINUX, WINDOWS]
    assert [len(result["lock"]) for result in found["results"]] == [2, 1]
    assert (found["lock"], found["graph"]) == (None, None)
    outcome = program.call("out-app", *targets)
    assert outcome.code == 0
    assert LINUX in outcome.stdout
    assert WINDOWS in outcome.stdout
    assert len(read_json(program, "out-app", *targets[:2] * 2)["results"]) == 1


def test_each_format_writes_its_own_kind_of_document(program):
    outcomes = {
        name: program.call("out-app", "--target", LINUX, "--output-format", name)
        for name in LOCK_FORMATS
    }
    for outcome in outcomes.values():
        assert (outcome.code, outcome.stderr) == (0, "")
    assert "out-app==1 \\\n    --hash=sha256:" in outcomes["requirements"].stdout
    packages = tomllib.loads(outcomes["pylock"].stdout)["packages"]
    assert [package["name"] for package in packages] == ["out-app", "out-lib"]
    assert outcomes["dot"].stdout.startswith("digraph")
    assert ET.fromstring(outcomes["svg"].stdout).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize("name", LOCK_FORMATS)
@pytest.mark.parametrize(("stack", "code"), [("out-lib<1", 1), ("out-never-seen", 3)])
def test_without_a_lock_standard_output_stays_empty(program, name, stack, code):
    outcome = program.call(stack, "--offline" if code == 3 else "-q", "--output-format", name)
    assert (outcome.code, outcome.stdout) == (code, "")
    assert stack.partition("<")[0] in outcome.stderr or code == 1
    assert outcome.stderr.startswith(("✗", "?"))


def test_a_document_is_the_same_whatever_the_terminal_and_its_encoding(program):
    expected = program.call("out-app", "--output-format", "pylock").stdout
    variables = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    again = program.run("out-app", "--output-format", "pylock", variables=variables)
    assert again.stdout == expected


def test_warnings_go_to_standard_error_beside_a_document_and_cannot_steer_the_terminal(program):
    arguments = ("out-old==1", "--output-format", "requirements")
    outcome = program.call(*arguments)
    assert outcome.code == 0
    assert "yanked" in outcome.stderr
    assert "\x1b" not in outcome.stderr + outcome.stdout
    assert program.call(*arguments, "--quiet").stderr == ""


def test_quiet_text_is_one_line(program):
    assert program.call("out-old==1", "-q").stdout.count("\n") == 1
    assert program.call("out-lib<1", "-q").stdout.count("\n") == 1
    assert program.call("out-old==1").stdout.count("\n") > 3


def test_on_a_pipe_there_is_neither_colour_nor_progress(program):
    outcome = program.run("out-app", "--max-age", "0")
    assert outcome.code == 0
    assert "\x1b" not in outcome.stdout
    assert outcome.stderr == ""


def test_an_index_that_gives_no_hashes_cannot_be_locked_with_hashes(program):
    with IndexServer(hashes=False) as bare:
        bare.add("out-bare", "1")
        arguments = ("out-bare", "--index-url", bare.url)
        assert program.call(*arguments, index=False).code == 0
        refused = program.call(*arguments, "--output-format", "requirements", index=False)
        assert (refused.code, refused.stdout) == (2, "")
        assert "out-bare 1" in refused.stderr


# -- pipes and terminals -------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("out-app",), ("--help",)])
def test_a_reader_that_has_seen_enough_is_no_error_and_no_verdict(program, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    process = program.start(*arguments, stdout=writing)
    os.close(writing)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (2, b"")


def test_closed_standard_streams_do_no_harm(program):
    command = 'exec "$@" <&- >&- 2>&-'
    done = subprocess.run(
        ["/bin/sh", "-c", command, "sh", *program.command("out-app")],
        check=False,
        env=program.variables(),
        cwd=program.home,
        timeout=60,
    )
    assert done.returncode == 0


class Terminal:
    """A terminal of 80 columns with the command on it; everything that it shows is kept."""

    def __init__(self, program, *arguments: str, both: bool = True, **variables: str) -> None:
        self._leader, follower = pty.openpty()
        variables = {"TERM": "xterm", "COLUMNS": "80", **variables}
        self.process = program.start(
            *arguments,
            stderr=follower,
            stdout=follower if both else subprocess.PIPE,
            variables=variables,
        )
        os.close(follower)

    def text(self) -> str:
        """Return what was shown, once the command has ended."""
        shown = bytearray()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if select.select([self._leader], [], [], 0.2)[0]:
                try:
                    shown += os.read(self._leader, 65_536)
                except OSError:
                    break
            elif self.process.poll() is not None:
                break
        os.close(self._leader)
        self.process.wait(60)
        return shown.decode()


def test_a_terminal_gets_colours_and_progress(program, server):
    server.fault("/simple/out-slow/", Fault(delay=0.5))
    shown = Terminal(program, "out-slow", "--max-age", "0").text()
    assert "\x1b[1;32m" in shown
    assert "Reading pages and metadata" in shown
    assert "out-slow" in shown


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("--no-progress",), {}),
        pytest.param(("--quiet",), {}, marks=pytest.mark.slow),
        ((), {"NO_COLOR": "1", "TERM": "dumb"}),
    ],
)
def test_a_terminal_that_wants_less_gets_less(program, server, arguments, variables):
    server.fault("/simple/out-slow/", Fault(delay=0.3))
    shown = Terminal(program, "out-slow", "--max-age", "0", *arguments, **variables).text()
    if "NO_COLOR" in variables:
        assert "\x1b[1;32m" not in shown
    else:
        assert "Reading pages" not in shown
    assert "resolves" in shown


def test_progress_on_the_terminal_leaves_a_document_on_the_pipe_alone(program, server):
    server.fault("/simple/out-slow/", Fault(delay=0.5))
    terminal = Terminal(program, "out-slow", "--max-age", "0", "--output-format=json", both=False)
    shown = terminal.text()
    with terminal.process.stdout as pipe:
        assert json.loads(pipe.read())["valid"] is True
    assert "Reading pages and metadata" in shown
    assert "out-lib" not in shown
