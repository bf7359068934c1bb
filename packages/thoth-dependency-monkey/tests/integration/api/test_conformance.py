"""The service against its own definitions, by machine: no 5xx, and every answer as defined."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# No definition can say all of PEP 508, so what is valid by definition may still be refused. A 204
# has no body, hence no type; Swagger 2.0 cannot say so beside a 404 that has one.
CONFIGURATION = """
[checks]
positive_data_acceptance.enabled = false

[[operations]]
include-name = "DELETE /validations/{id}"
checks.content_type_conformance.enabled = false
"""
HOOKS = """
import schemathesis
from hypothesis import strategies as st

LINES = st.from_regex(r"[a-z][a-z0-9]{0,9}(>=[0-9]{1,3})?", fullmatch=True)
STACKS = st.lists(LINES, min_size=1, max_size=4).map("\\n".join)
schemathesis.openapi.format("stack-specification", STACKS)
"""
ROOT = Path(__file__).parents[5]


@pytest.mark.slow
@pytest.mark.parametrize("definition", ["swagger.json", "openapi.json"])
def test_every_answer_is_as_the_definition_says(site, tmp_path, definition):
    base = "/api/v0alpha0" if definition == "swagger.json" else ""
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    (tmp_path / "hooks.py").write_text(HOOKS)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(ROOT / definition)),
        *("--url", site.url + base),
        *("--phases", "examples,coverage,fuzzing,stateful"),
        *("--max-examples", "60", "--seed", "20260131"),
        *("--request-timeout", "20", "--no-color", "--workers", "1"),
    ]
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(tmp_path),
        "SCHEMATHESIS_HOOKS": "hooks",
    }
    run = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=600
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
