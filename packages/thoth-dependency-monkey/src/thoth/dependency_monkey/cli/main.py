"""The entry point: so light that Ctrl-C is answered from the first moment on."""

from __future__ import annotations

from typing import NoReturn

from thoth.storages.cli.main import end_with


def main() -> NoReturn:
    """Run the command; ends the process with the exit code that `--help` documents."""
    end_with("thoth.dependency_monkey.cli.commands")
