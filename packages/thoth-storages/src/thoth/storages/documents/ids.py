"""Ids of documents and keys of objects: how they are made, what they tell, which are refused.

An id is `<kind>-<yymmddHHMMSS>-<16 hex>`, the time in UTC; the kind of a solver document is
`solver-<os>-<os version>-py<XY>`. Older ids, `<kind>-<8 hex>` among them, tell no time.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, date, datetime, timedelta

from thoth.storages.exceptions import InvalidArgumentError

MAX_ID_LENGTH = 200
MAX_KEY_LENGTH = 800
MAX_KEY_SEGMENTS = 16
REQUEST_SUFFIX = ".request"

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*", re.ASCII)
_PART = rf"[A-Za-z0-9_][A-Za-z0-9._+-]{{0,{MAX_ID_LENGTH - 1}}}"
_KEY = re.compile(rf"{_PART}(/{_PART}){{0,{MAX_KEY_SEGMENTS - 1}}}", re.ASCII)
_TIMED = re.compile(r"-([0-9]{12})-[0-9a-f]{16}", re.ASCII)


def new_document_id(kind: str, *, at: datetime | None = None) -> str:
    """Return an id that nobody else has: 64 bits of it are random.

    `kind` is what it begins with, such as "adviser" or "solver-fedora-32-py38"; `at` the time in
    it (default: now), in UTC unless it says otherwise. Raises `InvalidArgumentError`.
    """
    moment = datetime.now(UTC) if at is None else _in_utc(at)
    return check_document_id(f"{kind}-{moment:%y%m%d%H%M%S}-{secrets.token_hex(8)}")


def problem_of(document_id: object) -> str | None:
    """Return what is wrong with an id, or None."""
    if not isinstance(document_id, str):
        return "must be a text"
    if len(document_id) > MAX_ID_LENGTH:
        return f"must have at most {MAX_ID_LENGTH} characters"
    if _SEGMENT.fullmatch(document_id) is None:
        return "must have letters, digits and . _ + - only, and begin with a letter or digit"
    return None


def check_document_id(document_id: object) -> str:
    """Return the id; raises `InvalidArgumentError` where it cannot be one."""
    problem = problem_of(document_id)
    if problem is not None:
        raise InvalidArgumentError("document_id", document_id, problem)
    return str(document_id)


def check_key(key: object) -> str:
    """Return the key: ids joined by slashes; raises `InvalidArgumentError` where it is none.

    So no key leads out of its folder, whatever the store makes of dots and slashes.
    """
    problem: str | None = None
    if isinstance(key, str) and len(key) <= MAX_KEY_LENGTH and _KEY.fullmatch(key) is not None:
        return key
    if not isinstance(key, str):
        problem = "must be a text"
    elif len(key) > MAX_KEY_LENGTH or key.count("/") >= MAX_KEY_SEGMENTS:
        problem = f"must have at most {MAX_KEY_LENGTH} characters, {MAX_KEY_SEGMENTS} parts"
    else:
        problem = next(filter(None, map(problem_of, key.split("/"))), None)
    if problem is not None:
        raise InvalidArgumentError("key", key, problem)
    return str(key)


def time_of(document_id: str) -> datetime | None:
    """Return the time in an id, in UTC; None where it tells none."""
    found = _TIMED.search(document_id, max(0, len(document_id) - 30))
    if found is None or found.end() != len(document_id):
        return None
    digits = found[1]
    year, month, day, hour, minute, second = (
        int(digits[index : index + 2]) for index in range(0, 12, 2)
    )
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


class Period:
    """A span of time that ids are chosen by.

    A date means its midnight in UTC, a datetime its second. The start belongs to the span, the
    end only with `include_end`: a date then counts to the end of that day.
    """

    def __init__(
        self, start: date | None = None, end: date | None = None, *, include_end: bool = False
    ) -> None:
        self.start = None if start is None else _moment("start_date", start)
        self.end = None if end is None else _moment("end_date", end)
        if self.end is not None and include_end:
            span = timedelta(seconds=1) if isinstance(end, datetime) else timedelta(days=1)
            # No id tells a time after 2099; the calendar's last day has no next one.
            self.end = min(self.end, datetime.max.replace(tzinfo=UTC) - span) + span

    @property
    def is_everything(self) -> bool:
        """Whether neither end is set, so that ids without a time belong to it too."""
        return self.start is None and self.end is None

    def __contains__(self, document_id: str) -> bool:
        """Tell whether the time in the id lies in the span; an id without a time never does."""
        if self.is_everything:
            return True
        moment = time_of(document_id)
        if moment is None:
            return False
        after_start = self.start is None or moment >= self.start
        return after_start and (self.end is None or moment < self.end)


def _moment(argument: str, value: object) -> datetime:
    if isinstance(value, datetime):
        return _in_utc(value).replace(microsecond=0)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise InvalidArgumentError(argument, value, "must be a date or a datetime")


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
