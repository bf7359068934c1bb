"""The edge of the `pypi` ecosystem: a user's text becomes typed requirements, once.

Here are the grammar's text level (decoding, limits, lines, comments) and the values that come out.
How one line is read is in `specification_line`; nothing here evaluates markers or asks an index.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from thoth.dependency_monkey.ecosystems.pypi.specification_line import (
    LineError,
    parse_line,
    printable,
)
from thoth.dependency_monkey.errors import Problem, RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PROBLEMS = 20

_LINE_END = re.compile(r"\r?\n")
_COMMENT = re.compile(r"(?:^|[ \t])#")
_FORBIDDEN_CHARACTER = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class SpecificationLimits:
    """The published limits of a stack specification.

    `specification_bytes` is counted in UTF-8 over everything that makes up one stack, and holds
    for the canonical text too, as does `line_characters`; so canonical text can always be read
    back. `version_digits` limits every number of a version, `marker_nesting` the depth of
    parentheses, `extras` the distinct extras of one requirement.
    """

    specification_bytes: int = 64 * 1024
    requirements: int = 1000
    line_characters: int = 4096
    extras: int = 64
    marker_nesting: int = 100
    version_digits: int = 20


DEFAULT_LIMITS = SpecificationLimits()


@dataclass(frozen=True, slots=True)
class Requirement:
    """One PEP 508 requirement of a user's, parsed and normalised.

    `name` and `extras` are normalised (PEP 503, PEP 685), `extras` sorted; `specifier` is
    canonical: versions as PEP 440 prints them, clauses sorted, without repetition, joined by
    commas without spaces, "" for any version. `marker` is the canonical text of the marker or
    None. `line` counts from 1 in the text that `source` names (a file's path, an option, None for
    the specification itself); `text` is the user's line without comment and surrounding space.
    """

    name: str
    extras: tuple[str, ...]
    specifier: str
    marker: str | None
    line: int
    text: str
    source: str | None

    def __str__(self) -> str:
        """Return the canonical PEP 508 text."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        marker = f"; {self.marker}" if self.marker is not None else ""
        return f"{self.name}{extras}{self.specifier}{marker}"


@dataclass(frozen=True, slots=True)
class StackSpecification:
    """A stack: the requirements of a specification in the user's order, repetitions included."""

    requirements: tuple[Requirement, ...]

    @property
    def canonical(self) -> str:
        """The canonical text, one requirement a line: what is stored, hashed and echoed."""
        return "\n".join(map(str, self.requirements))


def parse_specification(
    text: str | bytes,
    *,
    source: str | None = None,
    limits: SpecificationLimits = DEFAULT_LIMITS,
    decode_escapes: bool = True,
) -> StackSpecification:
    r"""Parse a stack specification.

    Bytes are UTF-8. With `decode_escapes`, the two characters `\n` separate lines, too. Raises
    `RequestError` with every problem found, at most `MAX_PROBLEMS`, each with its place.
    """
    return parse_sources([(source, text)], limits=limits, decode_escapes=decode_escapes)


def parse_sources(
    sources: Sequence[tuple[str | None, str | bytes]],
    *,
    limits: SpecificationLimits = DEFAULT_LIMITS,
    decode_escapes: bool = True,
) -> StackSpecification:
    """Parse several texts, each with its name, into one stack in the order given.

    Lines count from 1 in each text; limits hold for all texts together. A text may be empty as
    long as some other is not. Raises `RequestError` as `parse_specification` does.
    """
    reader = _Reader(limits, decode_escapes)
    for source, text in sources:
        reader.read(text, source)
    if not reader.requirements and not reader.problems:
        only = sources[0][0] if len(sources) == 1 else None
        raise RequestError(
            Problem(
                "the stack specification is empty: it has no requirement",
                "Give at least one requirement, such as six>=1.16.",
                source=None if only is None else printable(only),
            )
        )
    return StackSpecification(reader.finish())


def parse_constraints(
    text: str | bytes,
    *,
    source: str | None = None,
    limits: SpecificationLimits = DEFAULT_LIMITS,
    decode_escapes: bool = True,
) -> tuple[Requirement, ...]:
    """Parse constraints: the grammar of a specification, but without extras; empty is fine.

    Raises `RequestError` as `parse_specification` does.
    """
    reader = _Reader(limits, decode_escapes, extras_allowed=False)
    reader.read(text, source)
    return reader.finish()


@dataclass(slots=True)
class _Reader:
    """Reads texts into requirements, and counts what the limits count over all of them."""

    limits: SpecificationLimits
    decode_escapes: bool
    extras_allowed: bool = True
    requirements: list[Requirement] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    size: int = 0
    canonical_size: int = 0

    def finish(self) -> tuple[Requirement, ...]:
        """Return what was read, or raise `RequestError` with what was wrong."""
        if self.problems:
            raise RequestError(*self.problems)
        return tuple(self.requirements)

    def read(self, text: str | bytes, source: str | None) -> None:
        """Read one text; what is wrong with it is added to `problems`."""
        name = None if source is None else printable(source)
        try:
            # Decoding at most halves a text, so this bounds the work done before the exact check.
            if len(text) > 2 * self.limits.specification_bytes:
                raise self._too_large()
            decoded = self._decode(text)
            self.size += len(decoded.encode("utf-8", "surrogatepass"))
            if self.size > self.limits.specification_bytes:
                raise self._too_large()
        except _TextError as fault:
            self.problems.append(
                Problem(fault.message, fault.remedy, fault.line, fault.column, name)
            )
            return
        for number, line in enumerate(_LINE_END.split(decoded), start=1):
            if len(self.problems) >= MAX_PROBLEMS:
                return
            try:
                self._read_line(line, number, name)
            except LineError as fault:
                self.problems.append(
                    Problem(fault.message, fault.remedy, number, fault.offset + 1, name)
                )
            except _TextError as fault:
                self.problems.append(Problem(fault.message, fault.remedy, number, None, name))
                return

    def _decode(self, text: str | bytes) -> str:
        decoded = text if isinstance(text, str) else _decode_bytes(text)
        decoded = decoded.removeprefix(_BYTE_ORDER_MARK)
        return decoded.replace("\\n", "\n") if self.decode_escapes else decoded

    def _read_line(self, line: str, number: int, source: str | None) -> None:
        limits = self.limits
        if len(line) > limits.line_characters:
            raise LineError(
                f"the line has {len(line)} characters, more than the {limits.line_characters} "
                "that are allowed",
                "Shorten it.",
                limits.line_characters,
            )
        if found := _FORBIDDEN_CHARACTER.search(line):
            raise _forbidden_character(found)
        comment = _COMMENT.search(line)
        code = line if comment is None else line[: comment.start()]
        text = code.strip(" \t")
        if not text:
            return
        indent = len(code) - len(code.lstrip(" \t"))
        if len(self.requirements) >= limits.requirements:
            raise _TextError(
                f"there are more than the {limits.requirements} requirements that are allowed",
                "Split the stack.",
            )
        try:
            parsed = parse_line(
                text,
                max_extras=limits.extras,
                max_nesting=limits.marker_nesting,
                max_digits=limits.version_digits,
                extras_allowed=self.extras_allowed,
            )
        except LineError as fault:
            raise LineError(fault.message, fault.remedy, fault.offset + indent) from None
        requirement = Requirement(
            parsed.name, parsed.extras, parsed.specifier, parsed.marker, number, text, source
        )
        self._count_canonical(requirement, indent)
        self.requirements.append(requirement)

    def _count_canonical(self, requirement: Requirement, indent: int) -> None:
        length = len(str(requirement))
        if length > self.limits.line_characters:
            raise LineError(
                f"the requirement has {length} characters in canonical form, more than the "
                f"{self.limits.line_characters} that are allowed",
                "Shorten it.",
                indent,
            )
        self.canonical_size += length + bool(self.requirements)
        if self.canonical_size > self.limits.specification_bytes:
            raise self._too_large(" in canonical form")

    def _too_large(self, form: str = "") -> _TextError:
        return _TextError(
            f"the text has more than the {self.limits.specification_bytes} bytes{form} "
            "that are allowed",
            "Shorten it.",
        )


class _TextError(Exception):
    """Something is wrong with a text that makes reading on pointless."""

    def __init__(
        self, message: str, remedy: str, line: int | None = None, column: int | None = None
    ) -> None:
        self.message = message
        self.remedy = remedy
        self.line = line
        self.column = column
        super().__init__(message)


def _decode_bytes(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _TextError("the text is UTF-16, not UTF-8", "Save it as UTF-8.", 1, 1)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        raise _TextError(
            f"the byte 0x{data[error.start]:02x} is not UTF-8",
            "Save the text as UTF-8.",
            before.count("\n") + 1,
            len(before) - before.rfind("\n"),
        ) from None


def _forbidden_character(found: re.Match[str]) -> LineError:
    code = ord(found[0])
    if 0xD800 <= code <= 0xDFFF:
        what = f"the lone surrogate U+{code:04X} is not a character"
    elif code in {0x2028, 0x2029}:
        what = f"the line separator U+{code:04X} is not allowed"
    else:
        what = f"the control character U+{code:04X} is not allowed"
    return LineError(
        what,
        r"Remove it; lines are separated by LF, CRLF or the two characters \n.",
        found.start(),
    )
