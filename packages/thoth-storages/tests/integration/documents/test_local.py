"""A local folder keeps what it was given, whatever breaks: disk full, killed, unplugged."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import (
    CephStore,
    CorruptDocumentError,
    DocumentExistsError,
    DocumentStoreError,
    DocumentTooLargeError,
    NotFoundError,
    StoragesSettings,
    StoreFullError,
    StoreRefusedError,
    StoreUnreachableError,
)
from thoth.storages.documents.local import INCOMING, LocalBackend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from thoth.storages.documents.backend import ObjectFacts

STEPS = ("open", "write", "setxattr", "fsync", "link", "replace", "close")


@pytest.fixture
def store(tmp_path: Path) -> CephStore:
    made = CephStore("solver", backend=LocalBackend(tmp_path))
    made.connect()
    made.store_document({"kept": True}, "kept")
    return made


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class Fault:
    """Makes the nth call of a system call fail, counting from 1."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, number: int, code: int) -> None:
        self.calls = 0
        real = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == number:
                raise OSError(code, os.strerror(code))
            return real(*arguments, **options)

        monkeypatch.setattr(os, name, call)


def _storing_fails(store: CephStore, key: str, *, overwrite: bool) -> bool:
    try:
        store.store_document({"new": True}, key, overwrite=overwrite)
    except StoreFullError as error:
        return error.key == f"solver/{key}"
    return False


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("step", STEPS[:-1])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_leaves_nothing_half_written(
    store: CephStore, tmp_path: Path, step: str, number: int, overwrite: bool
) -> None:
    before = files_in(tmp_path)
    key = "kept" if overwrite else "new"
    with pytest.MonkeyPatch.context() as faults:
        fault = Fault(faults, step, number, errno.ENOSPC)
        if _storing_fails(store, key, overwrite=overwrite):
            assert fault.calls >= number
        else:
            assert fault.calls < number
    stored = store.retrieve_document(key) if store.document_exists(key) else None
    assert stored in (None, {"new": True}, {"kept": True})
    assert set(files_in(tmp_path)) - {*before, "solver/new"} == set()
    store.store_document({"new": True}, key, overwrite=overwrite)
    assert store.retrieve_document(key) == {"new": True}


def test_a_real_limit_on_the_size_of_files_is_a_full_disk(tmp_path: Path) -> None:
    program = f"""
        import resource, signal
        from thoth.storages import CephStore, StoreFullError
        from thoth.storages.documents.local import LocalBackend
        from pathlib import Path
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        store = CephStore("x", backend=LocalBackend(Path({str(tmp_path)!r})))
        store.connect()
        try:
            store.store_blob(b"x" * 5000, "large")
        except StoreFullError as error:
            print("full")
        store.store_blob(b"x" * 500, "small")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "full\n"
    assert files_in(tmp_path) == ["x/small"]


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from thoth.storages import CephStore
    from thoth.storages.documents.local import LocalBackend
    store = CephStore("solver", backend=LocalBackend(Path(sys.argv[1])))
    store.connect()
    name, overwrite = sys.argv[2], sys.argv[3] == "True"
    real = getattr(os, name)
    def call(*arguments, **options):
        if sys.argv[4] == "after":
            real(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(os, name, call)
    store.store_document({"new": True}, "kept" if overwrite else "new", overwrite=overwrite)
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_process_killed_at_any_step_leaves_the_old_or_the_new_document(
    store: CephStore, tmp_path: Path, step: str, moment: str, overwrite: bool
) -> None:
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), tmp_path, step, str(overwrite), moment],
        timeout=60,
        check=False,
    )
    assert set(store.get_document_listing()) <= {"kept", "new"}
    for key, document in store.iterate_results():
        assert document in ([{"kept": True}, {"new": True}] if overwrite else [{key: True}])
    key = "kept" if overwrite else "new"
    store.store_document({"new": True}, key, overwrite=overwrite)
    left = list((tmp_path / INCOMING).iterdir())
    assert len(left) <= 1
    for path in left:
        os.utime(path, (0, time.time() - 4_000))
    store.connect()
    assert list((tmp_path / INCOMING).iterdir()) == []
    assert store.retrieve_document(key) == {"new": True}


def test_content_reaches_the_disk_before_its_name_and_its_name_before_the_answer(
    store: CephStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("write", "setxattr", "fsync", "link", "replace"):
        real = getattr(os, name)

        def call(*arguments: Any, _name: str = name, _real: Any = real, **options: Any) -> Any:
            is_folder = _name == "fsync" and os.path.isdir(f"/proc/self/fd/{arguments[0]}")  # noqa: PTH112
            calls.append("fsync folder" if is_folder else _name)
            return _real(*arguments, **options)

        monkeypatch.setattr(os, name, call)
    store.store_document({}, "new")
    assert calls == ["write", "setxattr", "fsync", "link", "fsync folder"]
    calls.clear()
    store.store_document({"a": 1}, "new", overwrite=True)
    assert calls == ["write", "setxattr", "fsync", "replace", "fsync folder"]


def test_a_changed_byte_is_found(store: CephStore, tmp_path: Path) -> None:
    path = tmp_path / "solver" / "kept"
    path.write_bytes(path.read_bytes().replace(b"true", b"null"))
    with pytest.raises(CorruptDocumentError, match="SHA-256"):
        store.retrieve_document("kept")


def test_a_truncated_file_is_found(store: CephStore, tmp_path: Path) -> None:
    os.truncate(tmp_path / "solver" / "kept", 3)
    with pytest.raises(CorruptDocumentError):
        store.retrieve_blob("kept")


def test_files_that_somebody_put_there_are_read(store: CephStore, tmp_path: Path) -> None:
    (tmp_path / "solver" / "other").write_text('{"a": 1}')
    assert store.retrieve_document("other") == {"a": 1}
    assert list(store.get_document_listing()) == ["kept", "other"]


def test_without_extended_attributes_documents_are_kept_without_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Fault(monkeypatch, "setxattr", 1, errno.ENOTSUP)
    store = CephStore("solver", backend=LocalBackend(tmp_path))
    store.connect()
    store.store_document({"a": 1}, "x")
    assert "without their hashes" in caplog.text
    assert store.retrieve_document("x") == {"a": 1}
    store.store_document({"a": 1}, "x")


def test_links_and_pipes_are_not_followed(store: CephStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("{}")
    (tmp_path / "solver" / "link").symlink_to(secret)
    os.mkfifo(tmp_path / "solver" / "pipe")
    for key in ("link", "pipe"):
        with pytest.raises((StoreRefusedError, NotFoundError)):
            store.retrieve_document(key)
    skipped: list[Any] = []
    assert [key for key, _ in store.iterate_results(on_skipped=skipped.append)] == ["kept"]


def test_what_is_no_file_does_not_stop_the_others(tmp_path: Path) -> None:
    store = CephStore("solver", backend=LocalBackend(tmp_path))
    store.connect()
    store.store_document({}, "kept")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "solver" / "a-socket"))
        with pytest.raises(NotFoundError):
            store.retrieve_document("a-socket")
        assert [key for key, _ in store.iterate_results()] == ["kept"]


def test_folders_are_not_followed_deeper_than_keys_can_be(store: CephStore, tmp_path: Path) -> None:
    deep = tmp_path / "solver" / "a"
    deep.mkdir()
    inside = os.open(deep, os.O_RDONLY)
    for _ in range(100):
        os.mkdir("a", dir_fd=inside)
        inside, outside = os.open("a", os.O_RDONLY, dir_fd=inside), inside
        os.close(outside)
    os.close(inside)
    skipped: list[Any] = []
    assert list(store.get_document_listing(on_skipped=skipped.append)) == ["kept"]
    assert [error.key for error in skipped] == ["solver/" + "a/" * 16]
    longest = "/".join("b" * 15)
    store.store_blob(b"", longest)
    listed = list(store.get_document_listing(on_skipped=skipped.append))
    assert listed == [longest, "kept"]


def test_a_listing_is_sorted_as_keys_are(store: CephStore) -> None:
    keys = sorted(["a/x", "a-b", "a.b/c", "a/b/c", "a+", "a0", "a/b-c"])
    for key in keys:
        store.store_blob(b"", key)
    assert list(store.get_document_listing()) == [*keys, "kept"]


def test_a_folder_among_what_others_left_behind_does_no_harm(
    store: CephStore, tmp_path: Path
) -> None:
    (tmp_path / INCOMING / "folder").mkdir()
    os.utime(tmp_path / INCOMING / "folder", (0, 0))
    store.connect()
    assert store.retrieve_document("kept") == {"kept": True}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_that_may_not_be_read_is_refused(store: CephStore, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    os.seteuid(65_534)
    try:
        with pytest.raises(StoreRefusedError, match="THOTH_DATA_DIR"):
            store.connect()
        with pytest.raises(StoreRefusedError):
            list(store.get_document_listing())
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_folder_that_may_only_be_read_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    (tmp_path / "solver").mkdir()
    (tmp_path / "solver" / "x").write_text("{}")

    def refused(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    for name in ("mkdir", "unlink", "link", "replace"):
        monkeypatch.setattr(os, name, refused)
    store = CephStore("solver", backend=LocalBackend(tmp_path))
    store.connect()
    assert list(store.iterate_results()) == [("x", {})]
    for overwrite in (False, True):
        with pytest.raises(StoreRefusedError):
            store.store_document({"a": 1}, "x", overwrite=overwrite)


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_file_that_is_replaced_while_it_is_read_is_not_called_corrupt(
    tmp_path: Path, is_refused: bool
) -> None:
    replaced = []

    def refused(key: str) -> Iterator[bytes]:
        yield b"a longer one"
        raise StoreRefusedError("store", key, "416, InvalidRange")

    class Replaced(LocalBackend):
        def stream(self, key: str) -> tuple[ObjectFacts, Iterator[bytes]]:
            found = super().stream(key)
            if not replaced:
                replaced.append(key)
                self.put(key, b"new", hashlib.sha256(b"new").hexdigest(), create=False)
                return (found[0], refused(key)) if is_refused else found
            return found

    store = CephStore("solver", backend=Replaced(tmp_path / "documents"))
    store.connect()
    store.store_blob(b"a longer one", "x")
    store.retrieve_file("x", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"new"
    assert replaced


def test_a_large_file_of_somebody_else_is_compared_without_being_held_in_memory(
    store: CephStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (tmp_path / "source", tmp_path / "solver" / "large"):
        path.write_bytes(b"x" * 20_000_000)
    monkeypatch.delattr(LocalBackend, "get")
    store.store_file(tmp_path / "source", "large")
    (tmp_path / "source").write_bytes(b"other")
    with pytest.raises(DocumentExistsError):
        store.store_file(tmp_path / "source", "large")


def test_the_folder_goes_away_in_the_middle_of_a_listing(store: CephStore, tmp_path: Path) -> None:
    store.store_blob(b"", "a/b")
    store.store_blob(b"", "c/d")
    listing = store.get_document_listing()
    assert next(listing) == "a/b"
    gone = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-gone"))
    with pytest.raises(StoreUnreachableError):
        list(listing)
    gone.rename(tmp_path)


def test_the_folder_goes_away(store: CephStore, tmp_path: Path) -> None:
    listing = store.get_document_listing()
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    with pytest.raises(StoreUnreachableError):
        list(listing)
    tmp_path.with_name("elsewhere").rename(tmp_path)
    assert list(store.get_document_listing()) == ["kept"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = CephStore("solver", backend=LocalBackend(tmp_path / "file" / "documents"))
    with pytest.raises(DocumentStoreError, match="THOTH_DATA_DIR"):
        store.connect()


def test_a_document_may_not_be_where_a_folder_is(store: CephStore) -> None:
    store.store_blob(b"{}", "folder/x")
    for key in ("folder", "kept/x"):
        with pytest.raises(DocumentStoreError):
            store.store_document({}, key, overwrite=True)
    assert list(store.get_document_listing()) == ["folder/x", "kept"]


def test_what_is_too_large_for_memory_is_not_read(store: CephStore, tmp_path: Path) -> None:
    path = tmp_path / "solver" / "sparse"
    path.touch()
    os.truncate(path, 2**28 + 1)
    with pytest.raises(DocumentTooLargeError) as caught:
        store.retrieve_blob("sparse")
    assert (caught.value.size, caught.value.limit) == (2**28 + 1, 2**28)


def test_without_an_endpoint_documents_go_below_the_data_directory(tmp_path: Path) -> None:
    store = CephStore("a/b", settings=StoragesSettings(data_dir=tmp_path / "data"))
    assert not (tmp_path / "data").exists()
    store.connect()
    store.store_document({}, "x")
    assert files_in(tmp_path) == ["data/documents/a/b/x"]
