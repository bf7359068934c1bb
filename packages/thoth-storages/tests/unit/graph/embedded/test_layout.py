"""State, log and small files in a data directory, hostile content included."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thoth.storages.graph.embedded import layout
from thoth.storages.graph.embedded.layout import (
    LOG_LIMIT,
    LOG_TAIL,
    STATE_LIMIT,
    Layout,
    State,
    bound_log,
    is_locked,
    log_tail,
    open_lock,
    read_limited,
    read_state,
    sync_tree,
    try_lock,
    write_atomically,
    write_state,
)


@given(directory=st.text(), user=st.text(), server=st.integers(), supervisor=st.integers())
def test_a_state_is_read_as_it_was_written(tmp_path_factory, directory, user, server, supervisor):
    path = tmp_path_factory.mktemp("state") / "state.json"
    state = State(directory, user, server, supervisor)
    write_state(path, state)
    assert read_state(path) == state


@given(content=st.binary(max_size=200))
def test_any_other_content_is_no_state(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("state") / "state.json"
    path.write_bytes(content)
    assert read_state(path) is None


def test_a_missing_or_endless_state_is_no_state(tmp_path):
    assert read_state(tmp_path / "state.json") is None
    (tmp_path / "endless").write_bytes(b"[" * (STATE_LIMIT * 2))
    assert read_state(tmp_path / "endless") is None


def test_small_files_are_read_up_to_a_limit_and_never_through_a_link_or_fifo(tmp_path):
    (tmp_path / "large").write_bytes(b"x" * (STATE_LIMIT + 1))
    assert len(read_limited(tmp_path / "large")) == STATE_LIMIT
    (tmp_path / "link").symlink_to("large")
    with pytest.raises(OSError, match="symbolic"):
        read_limited(tmp_path / "link")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ValueError, match="regular"):
        read_limited(tmp_path / "fifo")


def test_a_file_is_replaced_and_never_written_through_a_link(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "file").symlink_to(victim)
    (tmp_path / "file.partial").symlink_to(victim)
    write_atomically(tmp_path / "file", b"new", 0o644)
    assert victim.read_text() == "untouched"
    assert (tmp_path / "file").read_text() == "new"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "victim"]


def test_a_lock_is_exclusive_or_shared_and_ends_with_its_file(tmp_path):
    path = tmp_path / "lock"
    with open_lock(path) as first, open_lock(path) as second:
        assert try_lock(first, shared=True)
        assert try_lock(second, shared=True)
        assert not is_locked(path)
        assert not try_lock(second)
    with open_lock(path) as only:
        assert try_lock(only)
        assert is_locked(path)
    assert not is_locked(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_within_the_limit_stays(tmp_path):
    log = tmp_path / "server.log"
    log.write_bytes(b"x" * LOG_LIMIT)
    bound_log(log)
    bound_log(tmp_path / "missing")
    assert log.stat().st_size == LOG_LIMIT
    assert [path.name for path in tmp_path.iterdir()] == ["server.log"]


def test_a_longer_log_is_moved_aside_with_its_end_kept(tmp_path):
    log = tmp_path / "server.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old" + b"x" * LOG_LIMIT + b"end")
        bound_log(log)
        assert log.stat().st_size == 0
        writer.write(b"new")
    assert log.read_bytes() == b"new"
    kept = (tmp_path / "server.log.1").read_bytes()
    assert len(kept) == LOG_LIMIT
    assert kept.endswith(b"xend")


def test_the_tail_of_a_log_is_bounded_and_begins_where_it_is_told(tmp_path):
    log = tmp_path / "server.log"
    assert log_tail(log) == ""
    log.write_bytes(b"before\xff after")
    assert log_tail(log) == "before\ufffd after"
    assert log_tail(log, since=8) == "after"
    # A log that was truncated since is shown from its beginning.
    assert log_tail(log, since=1000) == "before\ufffd after"
    log.write_bytes(b"x" * (LOG_TAIL * 2) + b"end")
    assert len(log_tail(log)) == LOG_TAIL
    assert log_tail(log).endswith("end")


def test_every_file_lies_in_the_data_directory(tmp_path):
    files = Layout(tmp_path)
    names = [name for name in dir(Layout) if isinstance(getattr(Layout, name), property)]
    paths = {getattr(files, name) for name in names}
    assert len(paths) == len(names)
    assert {path.parent for path in paths} == {tmp_path}


@pytest.mark.parametrize("at_once", [True, False])
def test_a_directory_is_synced_with_links_that_lead_nowhere(tmp_path, monkeypatch, at_once):
    if not at_once:
        monkeypatch.setattr(layout, "_sync_file_system", lambda root: False)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_text("content")
    (tmp_path / "below" / "link").symlink_to("nowhere")
    sync_tree(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_tree(tmp_path / "missing")
