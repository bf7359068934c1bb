"""The `raw_log` of a validation: what a validator said, made harmless and of a bounded size."""

from __future__ import annotations

from thoth.dependency_monkey.validation.render.escape import visible

LARGEST_LOG = 1024 * 1024
"""Bytes of a `raw_log` in UTF-8."""

_LONGEST_SUMMARY = 64 * 1024
_GAP = b"\n[cut]\n"


def raw_log(text: str, summary: str = "") -> str:
    """Return a text, and in a last line a summary of it, as a `raw_log`.

    Of what cannot be seen, only new lines stay; the rest is written as its escape. Of a text that
    is too long the beginning and the end are kept, about as much of each.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    log = "\n".join(map(visible, lines)).strip("\n").encode()
    end = visible(summary).encode()[:_LONGEST_SUMMARY]
    room = LARGEST_LOG - (len(end) + 1 if end else 0)
    if len(log) > room:
        half = (room - len(_GAP)) // 2
        log = log[: room - len(_GAP) - half] + _GAP + log[-half:]
    return b"\n".join(part for part in (log, end) if part).decode(errors="ignore")
