from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from dataclasses import replace

import pytest

from thoth.dependency_monkey.validation.render.text import Look, render_text
from thoth.dependency_monkey.validation.result import (
    Explanation,
    Remedy,
    RequestLine,
    ResultTarget,
    ResultWarning,
)

ESCAPE = "\x1b"


@pytest.fixture
def pandas(release, result):
    return result(
        release("numpy", "2.3.1", "line 2", "pandas"),
        release("pandas", "2.3.0", "line 1"),
        release("python-dateutil", "2.9.0.post0", "pandas"),
    )


def test_a_pipe_gets_the_verdict_and_the_lock_as_columns(pandas, validation):
    assert render_text(validation(pandas)) == (
        "✓ resolves on cp312-manylinux_2_28_x86_64: 3 packages in 0.42 s\n"
        "\n"
        "  package          version      requested by\n"
        "  numpy            2.3.1        you, pandas\n"
        "  pandas           2.3.0        you\n"
        "  python-dateutil  2.9.0.post0  pandas\n"
    )


def test_quiet_leaves_the_line_of_the_verdict(pandas, validation):
    assert render_text(validation(pandas), quiet=True) == (
        "✓ resolves on cp312-manylinux_2_28_x86_64: 3 packages in 0.42 s\n"
    )


def test_requested_extras_stand_with_the_name(release, result, validation):
    lock = release("apache-airflow", "3.1.0", "line 1", extras=("celery", "postgres"))
    assert "  apache-airflow[celery,postgres]  3.1.0" in render_text(validation(result(lock)))


def test_an_invalid_stack_is_explained_with_lines_and_remedies(result, validation):
    explanation = Explanation(
        text="Because boto3 needs urllib3>=2\nyour lines conflict.",
        requirements=(RequestLine(1, "boto3"), RequestLine(3, "urllib3<2")),
        steps=(),
        remedies=(Remedy("drop urllib3<2", "resolves to 7 packages"),),
    )
    invalid = result(
        valid=False, reason="conflict", detail="2 lines conflict", explanation=explanation
    )
    assert render_text(validation(invalid)) == (
        "✗ does not resolve on cp312-manylinux_2_28_x86_64 (conflict): 2 lines conflict (0.42 s)\n"
        "\n"
        "  Because boto3 needs urllib3>=2\n"
        "  your lines conflict.\n"
        "\n"
        "  Your lines at fault:\n"
        "    line 1: boto3\n"
        "    line 3: urllib3<2\n"
        "\n"
        "  What would resolve:\n"
        "    - drop urllib3<2: resolves to 7 packages\n"
    )


def test_an_undecided_stack_says_what_was_missing(result, validation):
    undecided = result(valid=None, reason="index_unreachable", detail="the index did not answer")
    text = render_text(validation(undecided, valid=None))
    assert text.startswith(
        "? could not tell on cp312-manylinux_2_28_x86_64 (index_unreachable): "
        "the index did not answer"
    )


def test_a_validation_without_results_says_its_reason(validation):
    text = render_text(validation(valid=None, phase="failed", reason="cancelled"))
    assert text == "? could not tell: cancelled (0.42 s)\n"


def test_each_target_has_its_section(pandas, result, validation):
    other = result(
        target=ResultTarget("cp314-macosx_11_0_arm64", {}),
        valid=False,
        reason="no_compatible_artifact",
        detail="no file of numpy fits",
    )
    lines = render_text(validation(pandas, other)).splitlines()
    assert lines[0] == "✗ does not resolve on 1 of 2 targets (0.42 s)"
    assert "✓ resolves on cp312-manylinux_2_28_x86_64: 3 packages" in lines
    assert (
        "✗ does not resolve on cp314-macosx_11_0_arm64 (no_compatible_artifact): "
        "no file of numpy fits" in lines
    )


def test_warnings_name_the_release_once_and_the_code(pandas, result, validation):
    warnings = (
        ResultWarning("newer_release_needs_build", "foo", "2.0", "it needs a build"),
        ResultWarning("newer_release_needs_build", "bar", None, "bar 3.0 needs a build"),
    )
    text = render_text(validation(result(*pandas.lock, warnings=warnings)))
    assert "\n! foo 2.0: it needs a build [newer_release_needs_build]\n" in text
    assert "\n! bar 3.0 needs a build [newer_release_needs_build]\n" in text


def test_a_terminal_gets_lines_that_fit_and_says_how_many_it_left_out(release, result, validation):
    askers = tuple(f"some-long-package-{number}" for number in range(40))
    lock = release("typing-extensions", "4.15.0", "line 1", *askers)
    narrow = render_text(validation(result(lock)), Look(width=80))
    assert max(map(len, narrow.splitlines())) <= 80
    assert "you, some-long-package-0 and 39 more" in narrow
    assert "some-long-package-39" in render_text(validation(result(lock)))


def test_long_explanations_wrap_under_their_own_indent(result, validation):
    explanation = Explanation("1. " + "word " * 40, (), ())
    invalid = result(valid=False, reason="conflict", detail="d", explanation=explanation)
    lines = render_text(validation(invalid), Look(width=60)).splitlines()
    assert max(map(len, lines)) <= 60
    start = next(number for number, line in enumerate(lines) if line.startswith("  1. word"))
    assert lines[start + 1].startswith("     word")


def test_styles_appear_only_where_wanted(pandas, validation):
    assert ESCAPE not in render_text(validation(pandas), Look(width=80))
    assert ESCAPE + "[1;32m✓" in render_text(validation(pandas), Look(width=80, styled=True))


@pytest.mark.parametrize(
    "hostile", ["\x1b]0;owned\x07", "\x1b[2J", "\x9b31m", "\u202eevil", "\r", "a\nb", "\ud800"]
)
def test_supplied_text_cannot_steer_the_terminal(hostile, release, result, validation):
    explanation = Explanation(f"why {hostile}", (RequestLine(1, hostile),), ())
    hostile_result = result(
        release(f"n{hostile}", f"1{hostile}", f"by{hostile}", extras=(hostile,)),
        detail=hostile,
        explanation=explanation,
        warnings=(ResultWarning("code", hostile, hostile, hostile),),
    )
    for look in (Look(), Look(width=80)):
        text = render_text(validation(hostile_result), look)
        assert all(line.isprintable() for line in text.split("\n"))


def test_markup_of_other_tools_is_shown_as_it_is(result, validation):
    undecided = result(valid=None, reason="r", detail="[bold red]x[/]")
    assert "[bold red]x[/]" in render_text(validation(undecided))


def test_a_stream_that_cannot_say_the_marks_gets_plain_ones(pandas, result, validation):
    text = render_text(validation(pandas), Look(encoding="ascii"))
    assert text.startswith("+ resolves on")
    undecided = result(valid=None, reason="r", detail="naïve")
    assert "na\\xefve" in render_text(validation(undecided), Look(encoding="ascii"))


def test_a_pipe_has_neither_width_nor_styles():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    assert Look.of(stream, {}) == Look(None, styled=False, encoding="utf-8")


@pytest.mark.parametrize(
    ("environ", "styled"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_a_terminal_is_styled_unless_the_user_objects(environ, styled, monkeypatch):
    monkeypatch.setenv("COLUMNS", "72")
    leader, follower = pty.openpty()
    with os.fdopen(leader), os.fdopen(follower, "w", encoding="utf-8") as stream:
        assert Look.of(stream, environ) == Look(72, styled=styled, encoding="utf-8")


def test_a_terminal_of_absurd_width_is_used_within_reason(monkeypatch):
    leader, follower = pty.openpty()
    with os.fdopen(leader), os.fdopen(follower, "w", encoding="utf-8") as stream:
        for columns, width in (("3", 40), ("5000", 120)):
            monkeypatch.setenv("COLUMNS", columns)
            assert Look.of(stream, {}).width == width


def test_a_validation_in_flight_has_no_duration(pandas, validation):
    running = validation(pandas, finished_at=None)
    assert render_text(running, quiet=True).endswith("3 packages\n")


def test_looks_are_values():
    assert replace(Look(), width=80) == Look(width=80)


def test_rendering_does_not_import_rich():
    code = (
        "import sys, thoth.dependency_monkey.validation.render.text;sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
