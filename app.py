#!/usr/bin/env python3
"""Start the validation service for a test drive: `DEBUG=True ./app.py`.

The same as `dependency-monkey serve`, whose options it takes; with DEBUG, it logs everything. Where
the packages of this checkout are not installed, uv runs it in their environment.
"""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

OFF = {"", "0", "false", "no", "off", "f", "n"}


def main() -> None:
    """Run the service; never returns."""
    if find_spec("thoth") is None or find_spec("litestar") is None:
        uv = shutil.which("uv")
        if uv is None or "THOTH_APP" in os.environ:
            sys.exit("app.py: install the packages first: pip install uv && uv sync")
        os.environ["THOTH_APP"] = "1"
        project = str(Path(__file__).resolve().parent)
        command = [uv, "run", "--project", project, "python", __file__, *sys.argv[1:]]
        os.execv(uv, command)  # noqa: S606 - there is no shell in it
    from thoth.dependency_monkey.cli.main import main as dependency_monkey

    debug = os.environ.get("DEBUG", "").strip().lower() not in OFF
    sys.argv[1:] = ["serve", *(["--debug"] if debug else []), *sys.argv[1:]]
    dependency_monkey()


if __name__ == "__main__":
    main()
