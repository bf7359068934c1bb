"""Whole processes side by side: `dependency-monkey validate` and `uv pip compile`, live index.

Cold: an empty data directory against an empty cache, on the same index, one after the other.
Warm: the second and later runs of each, server running, page age below `--max-age`.

    uv run --group benchmark python benchmarks/against_uv.py [--stacks small,boto] [--repeat 5]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATA = Path(__file__).parent / "data"


def timed(command: list[str], stdin: str, environment: dict[str, str]) -> tuple[float, int, str]:
    begin = time.perf_counter()
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, env=environment, check=False
    )
    return time.perf_counter() - begin, done.returncode, done.stdout


def measure(requirements: list[str], repeat: int, place: Path) -> dict[str, object]:
    text = "\n".join(requirements)
    own = {**os.environ, "THOTH_DATA_DIR": str(place / "thoth"), "THOTH_PG_LINGER": "5"}
    theirs = {**os.environ, "UV_CACHE_DIR": str(place / "uv")}
    thoth = [str(Path(sys.executable).with_name("dependency-monkey")), "validate", "-", "-q"]
    thoth += ["--timeout", "300", "--output-format", "json"]
    uv = [shutil.which("uv") or "uv", "pip", "compile", "-q", "--only-binary", ":all:"]
    uv += ["-p", sys.executable, "-"]
    cold_uv, uv_code, pins = timed(uv, text, theirs)
    cold, code, answer = timed(thoth, text, own)
    warm_uv = [timed([*uv, "--offline"], text, theirs)[0] for _ in range(repeat)]
    warm = [timed(thoth, text, own)[0] for _ in range(repeat)]
    offline = [timed([*thoth, "--offline"], text, own)[0] for _ in range(repeat)]
    result = json.loads(answer)
    return {
        "pins": len(result["lock"] or ()),
        "uv_pins": sum("==" in line for line in pins.splitlines()),
        "reason": result["reason"],
        "exit": code,
        "uv_exit": uv_code,
        "requests": result["timings"]["requests"],
        "cold": cold,
        "cold_uv": cold_uv,
        "warm": statistics.median(warm),
        "offline": statistics.median(offline),
        "warm_uv": statistics.median(warm_uv),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stacks", default="small,boto,airflow,ml,airflow-big,bad-tf,bad-deep")
    parser.add_argument("--repeat", type=int, default=5)
    chosen = parser.parse_args()
    stacks = json.loads((DATA / "stacks.json").read_text())
    print(
        f"{'stack':12} {'answer':22} {'pins':>9} {'asked':>6}   "
        f"{'cold':>7} {'uv':>7} {'ratio':>6}   {'warm':>7} {'offline':>7} {'uv':>7} {'ratio':>6}"
    )
    for name in chosen.stacks.split(","):
        # The embedded server runs as another user when root starts it: it must reach the place.
        with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="against-uv-") as place:
            Path(place).chmod(0o755)
            row = measure(stacks[name], chosen.repeat, Path(place))
            time.sleep(6)  # the server of this place must have ended before the place goes
            print(
                f"{name:12} {row['reason']:22} {row['pins']:>4}/{row['uv_pins']:<4} "
                f"{row['requests']:>6.0f}   "
                f"{row['cold']:6.2f}s {row['cold_uv']:6.2f}s "
                f"{row['cold'] / row['cold_uv']:5.2f}x   "
                f"{row['warm']:6.3f}s {row['offline']:6.3f}s {row['warm_uv']:6.3f}s "
                f"{row['warm'] / row['warm_uv']:5.1f}x",
                flush=True,
            )


if __name__ == "__main__":
    main()
