"""What `validate` is given, read into values."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime, timedelta, timezone

import pytest

from thoth.dependency_monkey.cli.inputs import (
    read_constraints,
    read_moment,
    read_prereleases,
    read_stack,
    read_targets,
)
from thoth.dependency_monkey.ecosystems.pypi.policy import Prereleases
from thoth.dependency_monkey.errors import RequestError


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2024-02-28", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (
            "2026-01-31T12:00:00+02:00",
            datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2))),
        ),
    ],
)
def test_a_day_is_included_and_a_moment_is_meant_as_it_stands(text, moment):
    assert read_moment(text) == moment


def test_no_date_is_no_limit():
    assert read_moment(None) is None


@pytest.mark.parametrize(
    "text", ["", "today", "2026-02-30", "9999-12-31", "2026", "2026-01-31T25:00", "x" * 10_000]
)
def test_what_is_no_date_is_refused_in_one_short_line(text):
    with pytest.raises(RequestError) as raised:
        read_moment(text)
    assert len(str(raised.value)) < 200


def test_pre_means_allow_and_agrees_only_with_itself():
    assert read_prereleases(None, allow=False) is Prereleases.IF_NECESSARY
    assert read_prereleases("explicit", allow=False) is Prereleases.EXPLICIT
    assert read_prereleases(None, allow=True) is Prereleases.ALLOW
    assert read_prereleases("allow", allow=True) is Prereleases.ALLOW
    with pytest.raises(RequestError):
        read_prereleases("if-necessary", allow=True)


def test_a_target_that_is_named_twice_counts_once():
    ids = ["cp312-win_amd64", "cp311-win_amd64", "cp312-win_amd64"]
    targets = read_targets(ids, None, None, None)
    assert [target.id for target in targets] == ids[:2]


def test_lines_count_from_1_in_every_text_and_keep_its_name(tmp_path, monkeypatch):
    path = tmp_path / "stack.in"
    path.write_text("\nlib\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"# head\nsix\n")))
    stack = read_stack(["app", "-", "other"], [str(path)])
    assert [(r.name, r.line, r.source) for r in stack.requirements] == [
        ("app", 1, None),
        ("other", 2, None),
        ("six", 2, "standard input"),
        ("lib", 2, str(path)),
    ]


def test_no_more_of_a_file_is_read_than_is_allowed():
    with pytest.raises(RequestError, match="65536 bytes"):
        read_stack([], ["/dev/zero"])


@pytest.mark.parametrize("name", ["nonsense", "", "/", "a\0b", "x" * 5_000])
def test_a_file_that_cannot_be_read_is_a_request_error(name):
    for read in (lambda: read_stack([], [name]), lambda: read_constraints([name])):
        with pytest.raises(RequestError):
            read()


def test_constraints_of_several_files_count_together(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"{name}<2\n")
    found = read_constraints([str(tmp_path / "a"), str(tmp_path / "b")])
    assert [str(constraint) for constraint in found] == ["a<2", "b<2"]


def test_constraints_may_be_empty_but_have_no_extras(tmp_path):
    path = tmp_path / "bound.txt"
    path.write_text("# nothing\n")
    assert read_constraints([str(path)]) == ()
    path.write_text("six[x]<2\n")
    with pytest.raises(RequestError, match="extra"):
        read_constraints([str(path)])


def test_a_named_pipe_is_read_like_a_file(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, b"six\n")
    os.close(writing)
    try:
        assert read_stack([], [f"/dev/fd/{reading}"]).canonical == "six"
    finally:
        os.close(reading)
