from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thoth.storages import (
    InvalidArgumentError,
    SolverResultsStore,
    StoragesSettings,
    new_document_id,
)
from thoth.storages.documents.ids import (
    MAX_KEY_LENGTH,
    MAX_KEY_SEGMENTS,
    Period,
    check_key,
    problem_of,
    time_of,
)


def test_an_id_has_kind_time_and_chance() -> None:
    moment = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
    made = new_document_id("adviser", at=moment)
    assert re.fullmatch("adviser-261122010203-[0-9a-f]{16}", made)
    assert new_document_id("adviser", at=moment) != made
    solver = new_document_id("solver-fedora-32-py38", at=moment)
    assert re.fullmatch("solver-fedora-32-py38-261122010203-[0-9a-f]{16}", solver)
    assert time_of(solver) == time_of(made) == moment


def test_the_time_in_an_id_is_in_utc() -> None:
    east = timezone(timedelta(hours=5))
    made = new_document_id("adviser", at=datetime(2026, 1, 1, 2, tzinfo=east))
    assert made.startswith("adviser-251231210000-")
    now = time_of(new_document_id("adviser"))
    assert now is not None
    assert abs(datetime.now(UTC) - now) < timedelta(minutes=5)


@pytest.mark.parametrize("kind", ["", "../x", "a b", "x" * 200, "a/b", "é"])
def test_a_kind_that_no_id_can_have_is_refused(kind: str) -> None:
    with pytest.raises(InvalidArgumentError):
        new_document_id(kind)


@pytest.mark.parametrize(
    "document_id",
    [
        "adviser-0123abcd",
        "solver-fedora-32-py38-0123abcd",
        "adviser-261322010203-0123456789abcdef",
        "adviser-260230010203-0123456789abcdef",
        "adviser-261122010203-0123456789abcde",
        "adviser-261122010203-0123456789abcdef0",
        "adviser-261122010203-0123456789ABCDEF",
        "adviser-٢٦١١٢٢٠١٠٢٠٣-0123456789abcdef",
        "",
    ],
)
def test_older_and_other_ids_tell_no_time(document_id: str) -> None:
    assert time_of(document_id) is None
    assert document_id in Period()
    assert document_id not in Period(date(2000, 1, 1))
    assert document_id not in Period(end=date(2100, 1, 1))


def test_dates_must_be_dates() -> None:
    for value in ("2026-01-01", 20260101):
        with pytest.raises(InvalidArgumentError) as caught:
            Period(value)  # type: ignore[arg-type]
        assert caught.value.argument == "start_date"


@given(st.text() | st.text("./\\a\0~%").map(lambda text: f"a/{text}"))
def test_no_key_leads_out_of_its_folder(key: str) -> None:
    with suppress(InvalidArgumentError):
        parts = PurePosixPath("/folder", check_key(key)).parts
        assert parts[:2] == ("/", "folder")
        assert list(parts[2:]) == key.split("/")
        assert not any(part.startswith(".") for part in parts)


@given(
    at=st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),  # noqa: DTZ001
    start=st.dates(),
    end=st.dates() | st.just(date.max),
)
def test_a_period_holds_just_the_times_between_its_ends(
    at: datetime, start: date, end: date
) -> None:
    made = new_document_id("adviser", at=at)
    assert (made in Period(start, end)) == (start <= at.date() < end)
    assert (made in Period(start, end, include_end=True)) == (start <= at.date() <= end)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"bucket_prefix": "../x"}, "THOTH_CEPH_BUCKET_PREFIX"),
        ({"bucket_prefix": "a//b"}, "THOTH_CEPH_BUCKET_PREFIX"),
        ({"deployment_name": ".hidden"}, "THOTH_DEPLOYMENT_NAME"),
        ({"deployment_name": "../x"}, "THOTH_DEPLOYMENT_NAME"),
    ],
)
def test_a_name_that_no_key_can_begin_with_is_refused_by_its_variable(
    changed: dict[str, str], named: str
) -> None:
    settings = StoragesSettings(data_dir=Path("/nonexistent"), **changed)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match=named):
        SolverResultsStore(settings=settings)


@given(st.lists(st.text("abZ0_.+-/é", max_size=210), max_size=20).map("/".join))
def test_a_key_is_ids_joined_by_slashes(key: str) -> None:
    parts = key.split("/")
    is_good = len(key) <= MAX_KEY_LENGTH and len(parts) <= MAX_KEY_SEGMENTS
    if is_good and not any(map(problem_of, parts)):
        assert check_key(key) == key
    else:
        with pytest.raises(InvalidArgumentError):
            check_key(key)
