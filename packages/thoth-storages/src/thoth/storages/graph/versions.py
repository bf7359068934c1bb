"""Names, index URLs and versions in the form that rows hold, and specifiers as sets of versions.

A version becomes a key: bytes that compare as PEP 440 orders versions, so that PostgreSQL sorts
and compares releases without knowing of versions. A specifier becomes bounds: an ascending list of
keys between which the versions that it admits lie. With `bounds` a `bytea[]`,
`width_bucket(version_key, bounds) % 2 = 1` in SQL is `contains(bounds, version_key)` here.

Pure functions. `packaging` is imported when a text is not of the plain kind, and never with this
module. Requirements and markers are in `thoth.storages.graph.requirements`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from thoth.storages.exceptions import InvalidRecordError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from urllib.parse import SplitResult

MAX_VERSION_CHARACTERS = 255
"""A longer version has no key, and a specifier that names one has no bounds.

So no key has over 400 bytes, which PostgreSQL's indexes take (their limit is about 2,700).
"""
MAX_SPECIFIER_CHARACTERS = 8192
"""A longer specifier has no bounds; so there are never more than 4,097 of them."""
PYPI_INDEX_URL = "https://pypi.org/simple/"
"""The published default index of the ecosystem `pypi`."""

_FORMER_PYPI_HOST = "pypi.python.org"
_DEFAULT_PORTS = {"http": 80, "https": 443}
# A name in ASCII, an IPv4 or an IPv6 address (RFC 3986; `%` opens a zone).
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*(%[a-z0-9._-]+)?")
_SEPARATORS = re.compile(r"[-_.]+")

_MEMOISED_CHARACTERS = MAX_VERSION_CHARACTERS + len(".*")
_RELEASE = r"[0-9]+(?:\.[0-9]+)*"
_SUFFIX = r"(?:(?:a|b|rc)[0-9]+)?(?:\.post[0-9]+)?(?:\.dev[0-9]+)?"
_PLAIN_VERSION = re.compile(_RELEASE)
_NORMAL_VERSION = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*")
_PLAIN_CLAUSE = re.compile(rf"(==|!=|<=|>=|<|>|~=)[ \t]*({_RELEASE})(\.\*|{_SUFFIX})")

# A key is epoch, release, END, pre, post, dev, local. Every part says by its first byte what it is
# and ends where it says, so that no key is the beginning of another.
_END = b"\x00"
_ZERO = b"\x01"
_PRE = {"a": b"\x02", "b": b"\x03", "rc": b"\x04"}
_ONLY_DEV, _NO_PRE = b"\x01", b"\x05"
_NO_POST, _POST, _PAST_POSTS = b"\x00", b"\x01", b"\x02"
_DEV, _NO_DEV = b"\x00", b"\x01"
_NO_LOCAL, _LOCAL_TEXT, _LOCAL_NUMBER, _PAST_LOCALS = b"\x00", b"\x01", b"\x02", b"\x03"
_FINAL = _END + _NO_PRE + _NO_POST + _NO_DEV + _NO_LOCAL


def normalize_package_name(name: str) -> str:
    """Return the name in its PEP 503 form."""
    return _SEPARATORS.sub("-", name).lower()


def normalize_version(version: str) -> str:
    """Return the version in its PEP 440 form.

    One that is not of PEP 440, or is over `MAX_VERSION_CHARACTERS` long, is returned as it is,
    without surrounding white space.
    """
    if len(version) <= MAX_VERSION_CHARACTERS:
        if _NORMAL_VERSION.fullmatch(version):
            return version
        from packaging.version import InvalidVersion, Version

        try:
            return str(Version(version))
        except InvalidVersion:
            pass
    return version.strip()


def normalize_index_url(url: str | None) -> str | None:
    """Return the canonical URL of a package index; None remains None.

    Scheme and host in lower case, international host names in ASCII, no default port, a trailing
    slash, no user info. The host that PyPI had before means PyPI: `PYPI_INDEX_URL`. Raises
    `InvalidRecordError`, without the URL's user info, for anything but an http or https URL
    without query and fragment.
    """
    if url is None:
        return None
    text = url.strip()
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        host = host if host.isascii() else host.encode("idna").decode("ascii")
        port = parts.port
    except ValueError:
        raise _url_error(text, "cannot be understood as a URL") from None
    problem = _url_problem(text, parts, host)
    if problem is not None:
        raise _url_error(text, problem)
    if host == _FORMER_PYPI_HOST:
        return PYPI_INDEX_URL
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        netloc = f"{netloc}:{port}"
    path = parts.path if parts.path.endswith("/") else f"{parts.path}/"
    return urlunsplit((parts.scheme, netloc, path, "", ""))


def _url_problem(text: str, parts: SplitResult, host: str) -> str | None:
    if parts.scheme not in _DEFAULT_PORTS:
        return "must begin with https:// or http://"
    if _HOST.fullmatch(host) is None:
        return "names no valid host"
    if parts.query or parts.fragment:
        return "must have neither query nor fragment"
    if any(character <= " " or character == "\x7f" for character in text):
        return "holds white space or a control character"
    return None


def _url_error(text: str, problem: str) -> InvalidRecordError:
    return InvalidRecordError("index_url", text.rpartition("@")[2], problem)


def normalize_os(os_name: str | None, os_version: str | None) -> tuple[str | None, str | None]:
    """Return name and version of an operating system as environments have them.

    `ubi` is `rhel`; versions of `rhel` are their major. None remains None.
    """
    if os_name == "ubi":
        os_name = "rhel"
    if os_name == "rhel" and os_version is not None:
        os_version = os_version.partition(".")[0]
    return os_name, os_version


class _Version(NamedTuple):
    """A version as numbers where they are reckoned with, and as parts of its key elsewhere."""

    epoch: int
    release: tuple[int, ...]
    pre: bytes
    post: bytes
    dev: bytes
    local: bytes

    def key(self) -> bytes:
        return self._key(self.release, self.pre, self.post, self.dev, self.local)

    def past_locals(self) -> bytes:
        """Return the bound after this version and all its local versions."""
        return self._key(self.release, self.pre, self.post, self.dev, _PAST_LOCALS)

    def past_posts(self) -> bytes:
        """Return the bound after this version and all its post-releases and local versions."""
        return self._key(self.release, self.pre, _PAST_POSTS)

    def first_of(self, release: tuple[int, ...]) -> bytes:
        """Return the key of the first development release of a release in this epoch."""
        return self._key(release, _ONLY_DEV, _NO_POST, _DEV + _ZERO, _NO_LOCAL)

    def first_dev(self) -> bytes:
        """Return the key of the first development release of this final or post-release."""
        if self.post == _NO_POST:
            return self.first_of(self.release)
        return self._key(self.release, self.pre, self.post, _DEV + _ZERO, _NO_LOCAL)

    @property
    def is_prerelease(self) -> bool:
        return self.pre != _NO_PRE or self.dev != _NO_DEV

    def _key(self, release: tuple[int, ...], *rest: bytes) -> bytes:
        numbers = [_number(number) for number in release]
        while numbers and numbers[-1] == _ZERO:
            numbers.pop()
        return b"".join((_number(self.epoch), *numbers, _END, *rest))


@lru_cache(maxsize=4096)
def _number(number: int) -> bytes:
    """Encode a number: one more than the count of its bytes, which keeps 0 out, then the bytes."""
    length = (number.bit_length() + 7) // 8
    return bytes((length + 1,)) + number.to_bytes(length, "big")


@lru_cache(maxsize=4096)
def _plain_number(digits: str) -> bytes:
    return _number(int(digits))


def version_key(version: str) -> bytes | None:
    """Return bytes that order as the version does, or None where it has no place in that order.

    Keys of two versions compare as `packaging.version.Version` does: equal where PEP 440 has the
    versions equal (1.0 and 1.0.0), and no key is the beginning of another. None for what is not of
    PEP 440 and for more than `MAX_VERSION_CHARACTERS`.
    """
    if len(version) <= MAX_VERSION_CHARACTERS and _PLAIN_VERSION.fullmatch(version):
        numbers = [_plain_number(digits) for digits in version.split(".")]
        while numbers and numbers[-1] == _ZERO:
            numbers.pop()
        return b"".join((_ZERO, *numbers, _FINAL))
    parsed = _parse_version(version)
    return None if parsed is None else parsed.key()


def _parse_version(text: str) -> _Version | None:
    if len(text) > MAX_VERSION_CHARACTERS:
        return None
    if _PLAIN_VERSION.fullmatch(text):
        release = tuple(map(int, text.split(".")))
        return _Version(0, release, _NO_PRE, _NO_POST, _NO_DEV, _NO_LOCAL)
    from packaging.version import InvalidVersion, Version

    try:
        version = Version(text)
    except InvalidVersion:
        return None
    pre = _NO_PRE
    if version.pre is not None:
        letter, number = version.pre
        pre = _PRE[letter] + _number(number)
    elif version.dev is not None and version.post is None:
        pre = _ONLY_DEV
    return _Version(
        version.epoch,
        version.release,
        pre,
        _NO_POST if version.post is None else _POST + _number(version.post),
        _NO_DEV if version.dev is None else _DEV + _number(version.dev),
        _NO_LOCAL if version.local is None else _local(version.local),
    )


def _local(local: str) -> bytes:
    parts = (
        _LOCAL_NUMBER + _number(int(part)) if part.isdigit() else _LOCAL_TEXT + part.encode() + _END
        for part in local.split(".")
    )
    return b"".join(parts) + _END


class ParsedSpecifier(NamedTuple):
    """A specifier's canonical text, and its bounds as `specifier_bounds` returns them.

    Canonical: each clause once, with its version in PEP 440's form, in the order of their texts.
    """

    text: str
    bounds: tuple[bytes, ...]


def specifier_bounds(specifier: str) -> list[bytes] | None:
    """Return the set of versions that a specifier admits, pre-releases included.

    The set is that of all versions whose keys lie in [b0, b1), [b2, b3) and so on; an odd count
    leaves the last interval open above. No specifier ("") admits everything: [b""]. [] admits
    nothing; PostgreSQL's `width_bucket` returns 0 for the empty array, so it needs no case of its
    own. None for what is not of PEP 440, for more than `MAX_SPECIFIER_CHARACTERS`, and for a
    version that has no key.

    The set is that of `packaging.specifiers.SpecifierSet.contains(..., prereleases=True)` for every
    normalised version, but for `===`, which compares texts: `===1.0` here admits 1.0.0 too, since
    the two have one key; `===foo` admits nothing, since foo has none.
    """
    parsed = parse_specifier(specifier)
    return None if parsed is None else list(parsed.bounds)


def contains(bounds: Sequence[bytes], key: bytes) -> bool:
    """Say whether bounds from `specifier_bounds` admit a version, given its `version_key`."""
    return bisect_right(bounds, key) % 2 == 1


def parse_specifier(specifier: str) -> ParsedSpecifier | None:
    """Return a specifier's canonical text and bounds; None where `specifier_bounds` is None."""
    if len(specifier) <= _MEMOISED_CHARACTERS:
        return _parse_memoised(specifier)
    if len(specifier) > MAX_SPECIFIER_CHARACTERS:
        return None
    return _parse_specifier(specifier)


def _parse_specifier(specifier: str) -> ParsedSpecifier | None:
    clauses = _clauses(specifier)
    if clauses is None:
        return None
    parsed = []
    for operator, version in clauses:
        clause = _clause(operator, version) if len(version) <= _MEMOISED_CHARACTERS else None
        if clause is None:
            return None
        parsed.append(clause)
    text = ",".join(sorted({clause.text for clause in parsed}))
    return ParsedSpecifier(text, _intersection(parsed))


_parse_memoised = lru_cache(maxsize=16_384)(_parse_specifier)


def _clauses(specifier: str) -> list[tuple[str, str]] | None:
    """Return pairs of operator and version."""
    if not specifier:
        return []
    clauses = []
    for text in specifier.split(","):
        found = _PLAIN_CLAUSE.fullmatch(text.strip())
        if found is None or not _is_valid(found):
            return _unusual_clauses(specifier)
        clauses.append((found[1], found[2] + found[3]))
    return clauses


def _is_valid(clause: re.Match[str]) -> bool:
    operator, release, suffix = clause.groups()
    if suffix == ".*":
        return operator in {"==", "!="}
    return operator != "~=" or "." in release


def _unusual_clauses(specifier: str) -> list[tuple[str, str]] | None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return [(clause.operator, clause.version) for clause in SpecifierSet(specifier)]
    except InvalidSpecifier:
        return None


class _Clause(NamedTuple):
    """The versions from `lower` to before `upper` (None: all above), or, `outside`, all others."""

    text: str
    lower: bytes
    upper: bytes | None
    outside: bool = False


@lru_cache(maxsize=16_384)
def _clause(operator: str, text: str) -> _Clause | None:
    """Return a clause of PEP 440, "Version specifiers"; None where its version has no key."""
    if operator == "===":
        return _identity(text)
    wildcard = text.endswith(".*")
    base = text.removesuffix(".*")
    version = _parse_version(base)
    if version is None:
        return None
    canonical = f"{operator}{normalize_version(base)}{'.*' if wildcard else ''}"
    if wildcard:
        lower, upper = version.first_of(version.release), version.first_of(_next(version.release))
        return _Clause(canonical, lower, upper, operator == "!=")
    match operator:
        case "==" | "!=":
            lower = version.key()
            # A local version is equal to itself alone; any other, to its local versions too.
            upper = version.past_locals() if version.local == _NO_LOCAL else _after(lower)
            return _Clause(canonical, lower, upper, operator == "!=")
        case "~=":
            return _Clause(canonical, version.key(), version.first_of(_next(version.release[:-1])))
        case ">=":
            return _Clause(canonical, version.key(), None)
        case "<=":
            return _Clause(canonical, b"", version.past_locals())
        case "<":
            # "<V" leaves out the pre-releases of V, unless V is one itself.
            upper = version.key() if version.is_prerelease else version.first_dev()
            return _Clause(canonical, b"", upper)
        case _:
            # ">V" leaves out the post-releases of V, unless V is one, and its local versions.
            is_base = version.post == _NO_POST and version.dev == _NO_DEV
            lower = version.past_posts() if is_base else version.past_locals()
            return _Clause(canonical, lower, None)


def _identity(text: str) -> _Clause:
    key = version_key(text) if normalize_version(text) == text.lower() else None
    if key is None:
        return _Clause(f"==={text}", b"", b"")
    return _Clause(f"==={text}", key, _after(key))


def _next(release: tuple[int, ...]) -> tuple[int, ...]:
    return *release[:-1], release[-1] + 1


def _after(key: bytes) -> bytes:
    return key + b"\x00"


def _intersection(clauses: Sequence[_Clause]) -> tuple[bytes, ...]:
    inside = [clause for clause in clauses if not clause.outside]
    lower = max((clause.lower for clause in inside), default=b"")
    upper = min((clause.upper for clause in inside if clause.upper is not None), default=None)
    bounds = []
    holes = sorted((clause.lower, clause.upper or b"") for clause in clauses if clause.outside)
    for hole_lower, hole_upper in holes:
        if upper is not None and hole_lower >= upper:
            break
        if hole_lower > lower:
            bounds += [lower, hole_lower]
        lower = max(lower, hole_upper)
    if upper is None:
        bounds.append(lower)
    elif lower < upper:
        bounds += [lower, upper]
    return tuple(bounds)
