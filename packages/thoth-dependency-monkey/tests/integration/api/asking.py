"""Validations that are posted, and the problems that answers tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

BASE = "/api/v0alpha0/validations"


def post(http: httpx2.Client, stack: Any, **members: Any) -> Any:
    return http.post(f"{BASE}/", json={"stack_specification": stack, **members})


def problem(answer: Any, status: int) -> dict[str, Any]:
    """Return the body of an answer that went wrong, having looked at its shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["message"]
    assert body["status"] == status
    assert {"type", "title", "detail", "instance", "errors"} <= set(body)
    for entry in body["errors"]:
        assert set(entry) == {"detail", "remedy", "pointer", "line", "column"}
        assert entry["detail"] in body["message"]
        assert entry["remedy"] in body["message"]
    return body
