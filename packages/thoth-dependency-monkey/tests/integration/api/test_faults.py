"""What goes wrong behind the application, and what strangers do to it."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from thoth.storages import DatabaseBusyError, DatabaseUnreachableError, InvalidRecordError

BASE = "/api/v0alpha0/validations"
CALLS = [
    ("POST", f"{BASE}/", "accept"),
    ("GET", f"{BASE}/", "list"),
    ("GET", f"{BASE}/{uuid.UUID(int=1)}", "get"),
    ("DELETE", f"{BASE}/{uuid.UUID(int=2)}", "delete"),
]


def request(http: Any, method: str, path: str) -> Any:
    body = {"json": {"stack_specification": "six"}} if method == "POST" else {}
    return http.request(method, path, **body)


@pytest.mark.parametrize("error", [DatabaseUnreachableError, DatabaseBusyError])
@pytest.mark.parametrize(("method", "path", "call"), CALLS)
def test_a_store_that_is_away_is_said_with_when_to_try_again(
    site, http, monkeypatch, method, path, call, error
):
    def away(*_: Any, **__: Any) -> Any:
        raise error("db.internal.example:5432", "password of thoth is wrong")

    monkeypatch.setattr(site.store, call, away)
    answer = request(http, method, path)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["message"]
    assert "internal" not in answer.text, "what the database says is not for strangers"


@pytest.mark.parametrize("error", [ZeroDivisionError("secret"), InvalidRecordError("x", 1, "y")])
@pytest.mark.parametrize(("method", "path", "call"), [CALLS[0], CALLS[2], CALLS[3]])
def test_whatever_nobody_expected_is_a_problem_too(
    site, http, monkeypatch, method, path, call, error
):
    def broken(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(site.store, call, broken)
    answer = request(http, method, path)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["instance"].startswith("urn:uuid:")
    assert "secret" not in answer.text


def test_what_was_accepted_is_stored_with_its_job_or_not_at_all(site, http):
    def refuse(*_: Any) -> None:
        raise DatabaseUnreachableError("server", "gone")

    before = http.get(f"{BASE}/").text
    append, site.queued = site.queued, Refusing(refuse)
    try:
        assert request(http, "POST", f"{BASE}/").status_code == 503
    finally:
        site.queued = append
    assert http.get(f"{BASE}/").text == before


class Refusing(list[Any]):
    """A queue that takes nothing."""

    def __init__(self, append: Any) -> None:
        super().__init__()
        self.append = append  # type: ignore[method-assign]


def test_many_clients_at_once_are_all_answered(site):
    def post(number: int) -> int:
        with site.client() as http:
            answers = [
                http.post(f"{BASE}/", json={"stack_specification": f"p-{number}-{turn}"})
                for turn in range(10)
            ]
        assert all(answer.status_code in (201, 429, 503) for answer in answers)
        assert all(
            "retry-after" in answer.headers for answer in answers if answer.status_code != 201
        )
        return sum(answer.status_code == 201 for answer in answers)

    with ThreadPoolExecutor(20) as clients:
        assert sum(clients.map(post, range(20))) == 200


def raw(site: Any, content: bytes, *, close: bool = True) -> bytes:
    parts = urlsplit(site.url)
    received = b""
    with (
        socket.create_connection((parts.hostname, parts.port), timeout=10) as connection,
        suppress(OSError),  # the server may have had enough
    ):
        connection.sendall(content)
        if close:
            connection.shutdown(socket.SHUT_WR)
        while piece := connection.recv(65536):
            received += piece
    return received


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\xff\x00\xff\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"POST /api/v0alpha0/validations/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_http_does_no_harm(site, http, content):
    answer = raw(site, content)
    assert answer == b"" or answer.split(b" ")[1][:1] == b"4"
    assert http.get("/livez").status_code == 200


def test_a_client_that_leaves_in_the_middle_does_no_harm(site, http):
    head = (
        b"POST /api/v0alpha0/validations/ HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    )
    before = http.get(f"{BASE}/").text
    raw(site, head + b'{"stack_specification"')
    assert http.get(f"{BASE}/").text == before


@pytest.mark.parametrize("method", ["BREW", "TRACE", "get", "CONNECT"])
def test_a_method_that_nobody_knows_is_refused(site, http, method):
    answer = raw(site, f"{method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer == b"" or answer.split(b" ")[1][:1] == b"4"
    assert http.get("/livez").status_code == 200


def test_slow_clients_do_not_hold_up_others(site, http):
    parts = urlsplit(site.url)
    slow = [socket.create_connection((parts.hostname, parts.port)) for _ in range(50)]
    try:
        for connection in slow:
            connection.sendall(
                b"POST /api/v0alpha0/validations/ HTTP/1.1\r\nHost: x\r\n"
                b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
            )
        began = time.monotonic()
        assert http.get(f"{BASE}/").status_code == 200
        assert time.monotonic() - began < 10
    finally:
        for connection in slow:
            connection.close()
    assert threading.active_count() < 100


def test_a_body_that_never_comes_is_not_waited_for(site, monkeypatch):
    from thoth.dependency_monkey.api import guards

    monkeypatch.setattr(guards, "BODY_SECONDS", 0.3)
    head = (
        b"POST /api/v0alpha0/validations/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    answer = raw(site, head, close=False)
    assert answer.split(b" ")[1] == b"408"
