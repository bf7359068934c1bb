"""The question of a validation, as it is kept until a validator answers it.

A question says what was asked in words that any process understands: text, target ids, the policy
as JSON. What decides who may share an answer is its `digest`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from thoth.dependency_monkey.ecosystems.pypi.specification import (
    parse_constraints,
    parse_specification,
)
from thoth.dependency_monkey.ecosystems.pypi.target import parse_target
from thoth.dependency_monkey.validation.limits import Limits
from thoth.dependency_monkey.validation.request import ValidationRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thoth.dependency_monkey.ecosystems.pypi.policy import Policy

PYPI = "pypi"
SUPPORTED_ECOSYSTEMS = (PYPI,)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked.

    `stack_specification` and `constraints` are the user's own texts, since proofs cite their
    lines; `targets` are ids, `policy` is what `Policy.as_json` returns.
    """

    ecosystem: str
    stack_specification: str
    targets: tuple[str, ...]
    policy: dict[str, Any]
    constraints: str | None = None

    def encode(self) -> bytes:
        """Return the question as JSON; equal questions give equal bytes."""
        return msgspec.json.encode(self, order="deterministic")

    @classmethod
    def decode(cls, encoded: bytes) -> Question:
        """Return the question that `encode` wrote. Raises `msgspec.DecodeError`."""
        return _DECODER.decode(encoded)

    def digest(self, index_urls: Iterable[str]) -> bytes:
        """Return the SHA-256 (32 bytes) over everything that decides the answer.

        `index_urls` are the indexes that will be asked, in the order of their priority.
        """
        return hashlib.sha256(msgspec.json.encode([*index_urls]) + self.encode()).digest()

    def request(self, policy: Policy, limits: Limits | None = None) -> ValidationRequest:
        """Parse the question; `policy` is the one that `self.policy` was made of.

        Raises `RequestError` with everything that is wrong.
        """
        return ValidationRequest(
            parse_specification(self.stack_specification),
            tuple(map(parse_target, self.targets)),
            policy,
            parse_constraints(self.constraints or "", source="constraints"),
            limits or Limits(),
        )


# Made while only one thread can be here: threads that decode into a type for the first time, at the
# same time, kill the process (msgspec 0.22).
_DECODER = msgspec.json.Decoder(Question)
