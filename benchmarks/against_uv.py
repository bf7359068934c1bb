"""Whole processes side by side: `dependency-monkey validate` and `uv pip compile`, live index.

Cold: an empty data directory against an empty cache, on the same index, one after the other.
Warm: the second and later runs of each, server running, page age below `--max-age`.

    uv run --group benchmark python benchmarks/against_uv.py [--stacks small,boto] [--repeat 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
from typing import TYPE_CHECKING

from measuring import DEPENDENCY_MONKEY, UV_COMPILE, environment, place, stacks, timed

if TYPE_CHECKING:
    from pathlib import Path

LINGER = 5
"""Seconds that the embedded server stays between two runs."""


def measure(text: str, repeat: int, directory: Path) -> dict[str, object]:
    own = environment(THOTH_DATA_DIR=str(directory / "thoth"), THOTH_PG_LINGER=str(LINGER))
    theirs = environment(UV_CACHE_DIR=str(directory / "uv"))
    thoth = [DEPENDENCY_MONKEY, "validate", "-", "-q"]
    thoth += ["--timeout", "300", "--output-format", "json"]
    cold_uv, uv_code, pins = timed([*UV_COMPILE], text, theirs)
    cold, code, answer = timed(thoth, text, own)
    warm_uv = [timed([*UV_COMPILE, "--offline"], text, theirs)[0] for _ in range(repeat)]
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
    texts = stacks()
    print(
        f"{'stack':12} {'answer':22} {'pins':>9} {'asked':>6}   "
        f"{'cold':>7} {'uv':>7} {'ratio':>6}   {'warm':>7} {'offline':>7} {'uv':>7} {'ratio':>6}"
    )
    for name in chosen.stacks.split(","):
        with place(leave_after=LINGER + 1) as directory:
            row = measure(texts[name], chosen.repeat, directory)
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
