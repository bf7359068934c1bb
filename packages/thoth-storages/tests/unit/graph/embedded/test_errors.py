"""The errors of the embedded server carry what a program and a reader need."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from thoth.storages import exceptions
from thoth.storages.exceptions import EmbeddedServerError, StoragesError

FAMILY = [
    kind
    for kind in vars(exceptions).values()
    if isinstance(kind, type) and issubclass(kind, EmbeddedServerError)
]


@pytest.mark.parametrize("kind", FAMILY)
def test_an_error_says_what_where_and_how_to_go_on(kind):
    error = kind("It is broken", "/some/where", "Mend it.", "line one\nline two\n")
    assert isinstance(error, StoragesError)
    assert (error.reason, error.path, error.remedy) == (
        "It is broken",
        Path("/some/where"),
        "Mend it.",
    )
    assert str(error) == (
        "It is broken: /some/where. Mend it.\nThe server's log ends with:\nline one\nline two"
    )


@pytest.mark.parametrize("kind", FAMILY)
def test_an_error_travels_between_processes(kind):
    error = kind("It is broken", "/some/where", "Mend it.")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert copy.args == error.args
    assert str(copy) == "It is broken: /some/where. Mend it."


def test_the_supervisor_can_read_the_errors_without_other_packages():
    """It runs without site-packages; imports for type checking alone are no matter."""
    command = [sys.executable, "-I", "-S", exceptions.__file__]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
