"""Discovery finds what the real tools would ask: uv itself is the oracle."""

from __future__ import annotations

import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import uv

from thoth.dependency_monkey.cli.configuration import Places, discover_indexes
from thoth.dependency_monkey.settings import Settings

SCENARIOS = {
    "variables": (
        {},
        {
            "UV_INDEX": "a={host}/one/simple {host}/two/simple",
            "UV_EXTRA_INDEX_URL": "{host}/three/simple",
            "UV_INDEX_URL": "{host}/four/simple",
        },
    ),
    "tables": (
        {
            "uv.toml": """
                [[index]]
                name = "hidden"
                url = "{host}/hidden/simple"
                explicit = true
                [[index]]
                url = "{host}/main/simple"
                default = true
                [[index]]
                url = "{host}/extra/simple"
            """
        },
        {},
    ),
    "old keys and the pip table": (
        {
            "uv.toml": """
                index-url = "{host}/top/simple"
                extra-index-url = ["{host}/top-extra/simple"]
                [pip]
                index-url = "{host}/pip/simple"
                extra-index-url = ["{host}/pip-extra/simple"]
            """
        },
        {},
    ),
    "variables before files, project before user": (
        {
            "pyproject.toml": """
                [project]
                name = "six"
                version = "1"
                [[tool.uv.index]]
                name = "same"
                url = "{host}/project/simple"
            """,
            "user/uv/uv.toml": """
                index-url = "{host}/user-main/simple"
                [[index]]
                name = "same"
                url = "{host}/user/simple"
                [[index]]
                name = "other"
                url = "{host}/other/simple"
            """,
        },
        {"UV_INDEX": "{host}/variable/simple"},
    ),
    "a file of its own": (
        {"uv.toml": 'index-url = "{host}/no/simple"', "own": 'index-url = "{host}/own/simple"'},
        {"UV_CONFIG_FILE": "{work}/own"},
    ),
}


@pytest.fixture
def index():
    """Serve indexes that have no package at all, and remember which were asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_uv_asks_the_same_indexes_in_the_same_order(scenario, index, tmp_path):
    host, asked = index
    files, variables = SCENARIOS[scenario]
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{host}", host), encoding="utf-8")
    given = {
        name: text.replace("{host}", host).replace("{work}", str(tmp_path))
        for name, text in variables.items()
    }
    environ = given | {
        "HOME": str(tmp_path / "home"),
        "XDG_CONFIG_HOME": str(tmp_path / "user"),
        "XDG_CONFIG_DIRS": str(tmp_path / "machine"),
        "NO_PROXY": "127.0.0.1",
    }
    subprocess.run(
        [uv.find_uv_bin(), "pip", "compile", "--no-cache", "--no-python-downloads", "-"],
        input=b"no-such-package",
        env=environ | {"PATH": os.environ["PATH"]},
        cwd=tmp_path,
        check=False,
        capture_output=True,
        timeout=60,
    )
    places = Places(environ, tmp_path, tmp_path / "home", tmp_path / "none", tmp_path / "etc")
    found = discover_indexes(Settings(), places)
    ours = [configured.url for configured in found.indexes]
    theirs = [host + path.removesuffix("no-such-package/") for path in asked]
    assert ours == theirs
