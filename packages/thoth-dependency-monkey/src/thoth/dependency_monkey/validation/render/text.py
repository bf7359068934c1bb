"""A validation as a person reads it: verdict, lock, explanation, warnings.

One layout serves terminals and pipes. A terminal gets colours and lines that fit its width; a pipe
gets the same words without either, one release a line, so that `grep` and `cut` find them.
"""

from __future__ import annotations

import os
import shutil
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thoth.dependency_monkey.validation.render.escape import visible
from thoth.dependency_monkey.validation.render.locked import YOU, askers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TextIO

    from thoth.dependency_monkey.validation.result import (
        Explanation,
        LockedRelease,
        ResultWarning,
        TargetResult,
        Validation,
    )

_NARROWEST = 40
_WIDEST = 120
_GAP = "  "
_HEADINGS = ("package", "version", "requested by")
_MARKS: dict[bool | None, str] = {True: "✓", False: "✗", None: "?"}
_PLAIN_MARKS: dict[bool | None, str] = {True: "+", False: "x", None: "?"}
_COLOURS: dict[bool | None, str] = {True: "1;32", False: "1;31", None: "1;33"}
_SAID: dict[bool | None, str] = {
    True: "resolves",
    False: "does not resolve",
    None: "could not tell",
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a stream wants its text.

    `width` is the columns to fit, or None where lines may be of any length; `encoding` that of the
    stream: what it cannot say is escaped.
    """

    width: int | None = None
    styled: bool = False
    encoding: str = "utf-8"

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str] = os.environ) -> Look:
        """Find out what `stream` can show; obeys `NO_COLOR`, `TERM=dumb` and `COLUMNS`."""
        encoding = stream.encoding or "utf-8"
        if not stream.isatty():
            return cls(encoding=encoding)
        width = min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST)
        styled = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        return cls(width=width, styled=styled, encoding=encoding)

    def style(self, code: str, text: str) -> str:
        """Return `text` in the ANSI style `code`, such as "1;32", where styles are wanted."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.styled else text

    def mark(self, valid: bool | None) -> str:
        """Return the sign of a verdict, coloured where wanted."""
        marks = _MARKS if _encodes("✓✗", self.encoding) else _PLAIN_MARKS
        return self.style(_COLOURS[valid], marks[valid])

    def wrap(self, text: str, indent: str = "", then: str | None = None) -> Iterator[str]:
        """Yield `text` in lines that fit; `then` indents the second and later ones."""
        if self.width is None:
            yield indent + text
            return
        yield from textwrap.wrap(
            text,
            self.width,
            initial_indent=indent,
            subsequent_indent=indent if then is None else then,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [indent]


def render_text(validation: Validation, look: Look | None = None, *, quiet: bool = False) -> str:
    """Return what a person should see of a validation, ending in a line feed.

    With `quiet`, only the line of the verdict. Nothing that a package, an index or a user supplied
    reaches the answer unescaped.
    """
    look = look or Look()
    lines = _headline(validation, look) if quiet else _report(validation, look)
    text = "\n".join(lines) + "\n"
    return text.encode(look.encoding, "backslashreplace").decode(look.encoding)


def _report(validation: Validation, look: Look) -> Iterator[str]:
    yield from _headline(validation, look)
    if len(validation.results) == 1:
        yield from _body(validation.results[0], look)
        return
    for result in validation.results:
        yield ""
        yield from _verdict(result.valid, _sentence(result), look)
        yield from _body(result, look)


def _headline(validation: Validation, look: Look) -> Iterator[str]:
    results = validation.results
    if len(results) == 1:
        sentence = _sentence(results[0])
    elif results:
        agreeing = sum(result.valid is validation.valid for result in results)
        sentence = f"{_SAID[validation.valid]} on {agreeing} of {len(results)} targets"
    else:
        sentence = f"{_SAID[validation.valid]}: {validation.reason or validation.phase}"
    yield from _verdict(validation.valid, sentence + _elapsed(validation), look)


def _verdict(valid: bool | None, sentence: str, look: Look) -> Iterator[str]:
    first, *rest = look.wrap(visible(sentence), "  ")
    yield f"{look.mark(valid)} {look.style('1', first[2:])}"
    yield from rest


def _sentence(result: TargetResult) -> str:
    said = f"{_SAID[result.valid]} on {result.target.id}"
    if result.valid:
        return f"{said}: {_counted(len(result.lock or ()), 'package')}"
    return f"{said} ({result.reason}): {result.detail}"


def _elapsed(validation: Validation) -> str:
    if validation.finished_at is None:
        return ""
    seconds = (validation.finished_at - validation.created_at).total_seconds()
    return f" in {seconds:.2f} s" if validation.valid else f" ({seconds:.2f} s)"


def _body(result: TargetResult, look: Look) -> Iterator[str]:
    if result.lock:
        yield ""
        yield from _table(result.lock, look)
    if result.explanation is not None:
        yield from _explanation(result.explanation, look)
    if result.warnings:
        yield ""
        for warning in result.warnings:
            yield from _warning(warning, look)


def _table(lock: Sequence[LockedRelease], look: Look) -> Iterator[str]:
    names = [_named(release) for release in lock]
    versions = [visible(release.version) for release in lock]
    first = max(map(len, (*names, _HEADINGS[0])))
    second = max(map(len, (*versions, _HEADINGS[1])))
    room = None if look.width is None else look.width - first - second - 3 * len(_GAP)

    def row(name: str, version: str, rest: str) -> str:
        return f"{_GAP}{name:{first}}{_GAP}{version:{second}}{_GAP}{rest}"

    yield look.style("2", row(*_HEADINGS))
    for name, version, release in zip(names, versions, lock, strict=True):
        asked = askers(release)
        shown = f"{name:{first}}"
        if YOU in asked:
            shown = look.style("1", shown)
        rest = look.style("2", _fitted(asked, room))
        yield f"{_GAP}{shown}{_GAP}{version:{second}}{_GAP}{rest}".rstrip()


def _named(release: LockedRelease) -> str:
    extras = f"[{','.join(release.extras)}]" if release.extras else ""
    return visible(release.name + extras)


def _fitted(parts: list[str], room: int | None) -> str:
    """Join as many parts as there is room for, and say how many were left out."""
    text = ", ".join(parts)
    if room is None or len(text) <= room:
        return text
    for kept in range(len(parts) - 1, 0, -1):
        text = f"{', '.join(parts[:kept])} and {len(parts) - kept} more"
        if len(text) <= room:
            return text
    return _counted(len(parts), "package")


def _explanation(explanation: Explanation, look: Look) -> Iterator[str]:
    yield ""
    for line in explanation.text.splitlines():
        body = line.lstrip(" ")
        indent = " " * (len(line) - len(body))
        yield from look.wrap(visible(body), _GAP + indent, _GAP + indent + _hang(body))
    if explanation.requirements:
        yield ""
        yield _GAP + look.style("1", "Your lines at fault:")
        for request in explanation.requirements:
            source = f" of {visible(request.source)}" if request.source else ""
            yield f"{_GAP * 2}line {request.line}{source}: {visible(request.text)}"
    if explanation.remedies:
        yield ""
        yield _GAP + look.style("1", "What would resolve:")
        for remedy in explanation.remedies:
            sentence = visible(f"{remedy.change}: {remedy.then}")
            yield from look.wrap(sentence, f"{_GAP * 2}- ", f"{_GAP * 3}")


def _hang(line: str) -> str:
    """Return the indent under which the text of a list item goes on."""
    head, _, rest = line.partition(" ")
    return " " * (len(head) + 1) if rest and (head in {"-", "*"} or head[:-1].isdecimal()) else ""


def _warning(warning: ResultWarning, look: Look) -> Iterator[str]:
    release = " ".join(filter(None, (warning.package, warning.version)))
    head = f"{release}: " if release and not warning.message.startswith(release) else ""
    first, *rest = look.wrap(visible(f"{head}{warning.message} [{warning.code}]"), "  ")
    yield f"{look.style('33', '!')} {first[2:]}"
    yield from rest


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
