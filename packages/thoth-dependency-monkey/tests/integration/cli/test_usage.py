"""What `validate` says to nonsense: where, what, what to do instead; and its exit codes."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime

import pytest

from thoth.dependency_monkey.testing import Fault, IndexServer

HOSTILE_FILES = {
    "an option": (b"six\n-r /etc/passwd\n", "line 2, column 1", "'-r'"),
    "a path": (b"six @ file:///etc/passwd\n", "line 1, column 5", "direct reference"),
    "an index": (b"--index-url https://example.org/\n", "line 1, column 1", "'--index-url'"),
    "a NUL byte": (b"six\n\nsi\0x\n", "line 3, column 3", "U+0000"),
    "a terminal escape": (b"six\x1b[2J\n", "line 1, column 4", "U+001B"),
    "no UTF-8": (b"six\xff\n", "line 1, column 4", "0xff"),
    "nothing": (b"# only a comment\n\n", "", "empty"),
    "too much": (b"six\n" * 20_000, "", "65536 bytes"),
}


@pytest.mark.parametrize(("content", "place", "what"), HOSTILE_FILES.values(), ids=HOSTILE_FILES)
def test_a_file_that_is_no_stack_is_refused_with_the_place(program, content, place, what):
    (program.home / "stack.in").write_bytes(content)
    outcome = program.call("-r", "stack.in")
    assert (outcome.code, outcome.stdout) == (2, "")
    for expected in ("error: ", "stack.in", place, what):
        assert expected in outcome.stderr
    assert "root:" not in outcome.stderr
    assert "\x1b" not in outcome.stderr
    assert len(outcome.stderr) < 2_000


NONSENSE = {
    "nothing": ([], "nothing to validate"),
    "an empty argument": ([""], "empty"),
    "an empty standard input": (["-"], "empty"),
    "an unknown option": (["six", "--nonsense"], "No such option"),
    "a file that does not exist": (["-r", "nonsense.in"], "nonsense.in"),
    "a directory": (["-r", "/"], "Is a directory"),
    "constraints that do not exist": (["six", "-c", "nonsense.in"], "nonsense.in"),
    "a path for a requirement": (["./six"], "path"),
    "a URL for a requirement": (["https://example.org/six.whl"], "URL"),
    "an index that is none": (["six", "--index-url", "ftp://example.org"], "--index-url"),
    "a Python that never was": (["six", "--python", "9.9"], "Python 9.9"),
    "a target that is none": (["six", "--target", "toaster"], "toaster"),
    "a target in two ways": (
        ["six", "--target", "cp312-win_amd64", "--python", "3.12"],
        "whole and in parts",
    ),
    "a date that is none": (["six", "--exclude-newer", "yesterday"], "yesterday"),
    "two modes": (["six", "--pre", "--prerelease", "disallow"], "pre-releases"),
    "a mode that is none": (["six", "--prerelease", "perhaps"], "perhaps"),
    "a time that is too short": (["six", "--timeout", "0"], "--timeout"),
    "no time at all": (["six", "--timeout", "nan"], "nan"),
    "an age below zero": (["six", "--max-age", "-1"], "--max-age"),
    "no age at all": (["six", "--max-age", "nan"], "nan"),
    "a format that is none": (["six", "--output-format", "pdf"], "pdf"),
    "one lock for two targets": (
        ["six", "--target=cp312-win_amd64", "--target=cp311-win_amd64", "--output-format=pylock"],
        "one target",
    ),
}


@pytest.mark.parametrize(("arguments", "what"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_a_usage_error_that_names_it(program, arguments, what):
    outcome = program.call(*arguments, index="--index-url" not in arguments)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert what in outcome.stderr


def test_bad_settings_in_the_environment_are_named(program):
    outcome = program.call("six", variables={"THOTH_MAX_AGE": "soon", "THOTH_TIMEOUT": "nan"})
    assert outcome.code == 2
    assert "THOTH_MAX_AGE" in outcome.stderr
    assert "THOTH_TIMEOUT" in outcome.stderr


def test_an_argument_that_is_not_utf_8_is_refused(program):
    done = subprocess.run(
        [*program.command(), b"si\xffx"],
        check=False,
        capture_output=True,
        env=program.variables(),
        cwd=program.home,
        timeout=60,
    )
    assert done.returncode == 2
    assert b"U+DCFF" in done.stderr
    assert b"Traceback" not in done.stderr


def test_help_documents_the_exit_codes(program):
    outcome = program.call("--help")
    assert outcome.code == 0
    for code in range(4):
        assert f"\n    {code}  " in outcome.stdout


def test_requirements_come_from_arguments_standard_input_and_files_together(program, server):
    for name in ("usage-a", "usage-b", "usage-c"):
        server.add(name, "1")
    (program.home / "stack.in").write_text("usage-c  # a comment\n")
    outcome = program.call("usage-a", "-", "-r", "stack.in", stdin=b"usage-b\r\n")
    assert outcome.code == 0
    for name in ("usage-a", "usage-b", "usage-c"):
        assert f"\n  {name}  1" in outcome.stdout


def test_constraints_are_read_from_files(program, server):
    server.add("usage-d", "1")
    server.add("usage-d", "2")
    (program.home / "bound.txt").write_text("usage-d<2\n")
    outcome = program.call("usage-d", "-c", "bound.txt")
    assert (outcome.code, "usage-d  1" in outcome.stdout) == (0, True)


# -- verdicts ------------------------------------------------------------------------------------


def test_a_package_that_does_not_exist_is_invalid(program):
    outcome = program.run("usage-nonsense")
    assert outcome.code == 1
    assert "package_not_found" in outcome.stdout
    assert "usage-nonsense" in outcome.stdout
    assert outcome.stderr == ""


def test_a_version_that_does_not_exist_is_invalid(program, server):
    server.add("usage-v", "1")
    outcome = program.call("usage-v==2")
    assert outcome.code == 1
    assert "version_not_found" in outcome.stdout


FAULTS = {
    "endless": Fault(endless=True),
    "slow": Fault(delay=100),
    "looping": Fault(redirect="/simple/usage-looping/"),
}


def test_an_index_that_fails_leaves_it_undecided(program, server):
    processes = {}
    for name, fault in FAULTS.items():
        server.add(f"usage-{name}", "1")
        server.fault(f"/simple/usage-{name}/", fault)
        processes[name] = program.start(f"usage-{name}", "--timeout", "1")
    for name, process in processes.items():
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (3, b""), name
        reasons = (b"index_unreachable", b"timed_out", b"limit_exceeded")
        assert any(reason in output for reason in reasons), name


def test_nobody_listening_leaves_it_undecided_soon(program):
    with IndexServer() as gone:
        pass
    outcome = program.call("six", "--index-url", gone.url, index=False)
    assert outcome.code == 3
    assert "index_unreachable" in outcome.stdout


def test_credentials_are_sent_but_shown_nowhere(program):
    with IndexServer(username="me", password="s3cret") as closed:
        closed.add("usage-private", "1")
        closed.add("usage-broken", "1")
        closed.fault("/simple/usage-broken/", Fault(status=403))
        url = closed.url.replace("http://", "http://me:s3cret@")
        for output_format in ("text", "json", "requirements", "pylock"):
            outcome = program.call(
                "usage-private", "--index-url", url, "--output-format", output_format, index=False
            )
            assert outcome.code == 0
            assert "s3cret" not in outcome.stdout + outcome.stderr
        for stack, wrong in (("usage-broken", url), ("usage-private", closed.url)):
            outcome = program.call(stack, "--index-url", wrong, "--max-age", "0", index=False)
            assert outcome.code == 3
            assert "s3cret" not in outcome.stdout + outcome.stderr


def test_offline_without_facts_says_what_is_missing(program):
    outcome = program.call("usage-unheard-of", "--offline")
    assert outcome.code == 3
    assert "usage-unheard-of" in outcome.stdout
    assert "offline" in outcome.stdout


def test_a_second_run_asks_the_index_nothing_and_offline_answers_too(program, server):
    server.add("usage-warm", "1", requires_dist=["usage-absent; os_name == 'nt'", "usage-six"])
    server.add("usage-six", "1")
    first = program.run("usage-warm", "--output-format", "requirements")
    assert first.code == 0
    asked = len(server.requests)
    second = program.run("usage-warm", "--output-format", "requirements")
    offline = program.run("usage-warm", "--output-format", "requirements", "--offline")
    assert len(server.requests) == asked
    assert first.stdout == second.stdout == offline.stdout
    third = program.call("usage-warm", "--max-age", "0")
    assert third.code == 0
    assert {r.path for r in server.requests[asked:]} == {
        "/simple/usage-warm/",
        "/simple/usage-six/",
    }


def test_every_option_of_the_policy_reaches_it(program, server):
    server.add("usage-p", "1", uploaded=datetime(2024, 1, 1, tzinfo=UTC))
    server.add("usage-p", "2", uploaded=datetime(2025, 1, 1, tzinfo=UTC), requires_python=">=3.13")
    server.add("usage-p", "3", uploaded=datetime(2026, 1, 1, tzinfo=UTC), wheel_tags=(), sdist=True)
    server.add("usage-p", "4a1", uploaded=datetime(2026, 1, 31, 23, tzinfo=UTC))

    def version(*arguments: str) -> str:
        outcome = program.call("usage-p", "--output-format", "requirements", *arguments)
        assert outcome.code == 0, outcome
        return outcome.stdout.partition("usage-p==")[2].split()[0]

    assert version() == "3"
    assert version("--strategy", "lowest") == "1"
    assert version("--strategy", "lowest-direct") == "1"
    assert version("--pre") == version("--prerelease", "allow") == "4a1"
    assert version("--pre", "--exclude-newer", "2026-01-31") == "4a1"
    assert version("--pre", "--exclude-newer", "2026-01-30") == "3"
    assert version("--exclude-newer", "2025-06-01T12:00:00Z", "--python", "3.13") == "2"
    assert version("--artifacts", "wheel-only", "--python", "3.12") == "1"
    assert version("--artifacts", "wheel-only", "--target", "cp313-win_amd64") == "2"


def test_an_extra_index_comes_first(program, server):
    server.add("usage-e", "9")
    with IndexServer() as extra:
        extra.add("usage-e", "1")
        outcome = program.call("usage-e", "--extra-index-url", extra.url)
        assert "usage-e  1" in outcome.stdout
    outcome = program.call("usage-e", "--extra-index-url", extra.url, "--max-age", "0")
    assert outcome.code == 3


def test_a_result_that_cannot_be_written_is_no_verdict(program, server):
    server.add("usage-full", "1")
    with open(os.devnull.replace("null", "full"), "wb") as full:  # noqa: PTH123
        process = program.start("usage-full", stdout=full)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"No space left on device" in errors
    assert b"internal error" not in errors
