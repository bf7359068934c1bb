"""The validator program: one question from the environment, one document out, nothing kept.

Variables: ECOSYSTEM and STACK_SPECIFICATION; optional TARGETS, POLICY and CONSTRAINTS (JSON),
INDEX_URL, RESULT_PATH, or RESULT_URL with RESULT_TOKEN. Without either of the last, the document
goes to standard output; everything else goes to standard error. It has no database, and asks
INDEX_URL alone where that is given.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from thoth.dependency_monkey.ecosystems.pypi.index.credentials import (
    canonical_index_url,
    origin_of,
)
from thoth.dependency_monkey.ecosystems.pypi.target import running_target
from thoth.dependency_monkey.errors import Problem, Reason, RequestError
from thoth.dependency_monkey.settings import PUBLIC_INDEX_URL, Settings
from thoth.dependency_monkey.validation.collector import NamedIndex
from thoth.dependency_monkey.validation.document import (
    LARGEST_DOCUMENT,
    encode_document,
    make_document,
)
from thoth.dependency_monkey.validation.limits import Limits
from thoth.dependency_monkey.validation.policy_json import read_policy
from thoth.dependency_monkey.validation.question import SUPPORTED_ECOSYSTEMS, Question
from thoth.dependency_monkey.validation.render.escape import visible
from thoth.dependency_monkey.validation.render.text import render_text
from thoth.dependency_monkey.validation.store import MemoryFactStore
from thoth.dependency_monkey.validation.validate import validate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from thoth.dependency_monkey.validation.request import ValidationRequest
    from thoth.dependency_monkey.validation.result import Validation

EXIT_CONCLUSION = 0
EXIT_MALFORMED = 2
EXIT_UNDECIDED = 3

_DELIVERY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the environment asks a validator to do.

    `index_url` is None where the ecosystem's default index shall be asked. The document goes to
    `result_path`, or to `result_url` with `result_token`, or else to standard output.
    """

    question: Question
    request: ValidationRequest
    index_url: str | None = None
    result_path: Path | None = None
    result_url: str | None = None
    result_token: str | None = None


def question_environment(question: Question) -> dict[str, str]:
    """Return the variables by which a validator is asked a question."""
    environment = {
        "ECOSYSTEM": question.ecosystem,
        "STACK_SPECIFICATION": question.stack_specification,
        "TARGETS": msgspec.json.encode(question.targets).decode(),
        "POLICY": msgspec.json.encode(question.policy).decode(),
    }
    if question.constraints is not None:
        environment["CONSTRAINTS"] = msgspec.json.encode(question.constraints).decode()
    return environment


def read_assignment(environ: Mapping[str, str]) -> Assignment:
    """Read what is asked. Raises `RequestError` naming the variable."""
    ecosystem = _required(environ, "ECOSYSTEM")
    if ecosystem not in SUPPORTED_ECOSYSTEMS:
        supported = ", ".join(SUPPORTED_ECOSYSTEMS)
        raise _problem("ECOSYSTEM", f"{ecosystem[:80]!r} is not supported", f"Use {supported}.")
    policy = read_policy(_json(environ, "POLICY", {}), source="POLICY")
    question = Question(
        ecosystem=ecosystem,
        stack_specification=_required(environ, "STACK_SPECIFICATION"),
        targets=_targets(environ),
        policy=policy.as_json(),
        constraints=_constraints(environ),
    )
    result_url = environ.get("RESULT_URL") or None
    if result_url is not None:
        _check_result_url(result_url, environ)
    path = environ.get("RESULT_PATH") or None
    return Assignment(
        question=question,
        request=question.request(
            policy, Limits(seconds=Settings.from_environment(environ).timeout)
        ),
        index_url=_index_url(environ),
        result_path=None if path is None else Path(path),
        result_url=result_url,
        result_token=environ.get("RESULT_TOKEN") or None,
    )


@dataclass(frozen=True, slots=True)
class _Report:
    validation: Validation
    document: bytes


async def answer(assignment: Assignment) -> Validation:
    """Answer what was asked. Every outcome, "could not tell" included, is a `Validation`."""
    request = assignment.request
    async with AsyncExitStack() as stack:
        indexes = None
        if assignment.index_url is not None:
            from thoth.dependency_monkey.validation.facts_client import FactsClient

            client = FactsClient(assignment.index_url, max_age=request.policy.max_age)
            indexes = await (await stack.enter_async_context(client)).indexes()
        if indexes is None:
            from thoth.dependency_monkey.ecosystems.pypi.index.client import HttpIndex

            index = HttpIndex(assignment.index_url or PUBLIC_INDEX_URL)
            await stack.enter_async_context(index)
            name = "pypi" if index.url == PUBLIC_INDEX_URL else urlsplit(index.url).netloc
            indexes = [NamedIndex(name, index.url, index)]
        _announce(request, indexes)
        return await validate(
            request,
            indexes,
            MemoryFactStore(),
            clock=lambda: datetime.now(UTC),
            store_is_empty=True,
        )


def main(environ: Mapping[str, str] | None = None) -> int:
    """Do what the environment asks; return the exit code.

    0: a conclusion was reached, valid or not; 2: the request is malformed; 3: undecided. A crash
    raises.
    """
    started = datetime.now(UTC)
    environ = os.environ if environ is None else environ
    # Whatever else may print, only the document gets to the real standard output.
    output = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        assignment = read_assignment(environ)
        validation = asyncio.run(answer(assignment))
        arguments: dict[str, Any] = msgspec.to_builtins(assignment.question)
        report = _within_limits(validation, arguments, started)
        _say_answer(report.validation)
        _deliver(assignment, report.document, output)
    except RequestError as error:
        for problem in error.problems:
            _say(f"error: {problem}")
        return EXIT_MALFORMED
    finally:
        sys.stdout.flush()
        os.dup2(output, sys.stdout.fileno())
        os.close(output)
    return EXIT_UNDECIDED if report.validation.valid is None else EXIT_CONCLUSION


# -- reading -----------------------------------------------------------------------------------


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise _problem(name, "it is not set", f"Set {name}, such as to {_EXAMPLES[name]}.")
    return value


_EXAMPLES = {"ECOSYSTEM": "pypi", "STACK_SPECIFICATION": "'six>=1.16'"}


def _json(environ: Mapping[str, str], name: str, default: object) -> object:
    text = environ.get(name)
    if not text:
        return default
    try:
        found: object = msgspec.json.decode(text.encode("utf-8", "surrogateescape"))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _problem(name, f"it is not JSON: {error}", "Write JSON.") from None
    return found


def _index_url(environ: Mapping[str, str]) -> str | None:
    url = environ.get("INDEX_URL")
    if not url:
        return None
    try:
        canonical_index_url(url)
    except RequestError as error:
        raise RequestError(
            *(replace(problem, source="INDEX_URL") for problem in error.problems)
        ) from None
    return url


def _targets(environ: Mapping[str, str]) -> tuple[str, ...]:
    found = _json(environ, "TARGETS", None)
    if found is None:
        return (running_target().id,)
    if not isinstance(found, list) or not found or not all(isinstance(t, str) for t in found):
        remedy = 'Write ids, such as ["cp312-manylinux_2_28_x86_64"].'
        raise _problem("TARGETS", "it is not a JSON array of strings", remedy)
    return tuple(dict.fromkeys(found))


def _constraints(environ: Mapping[str, str]) -> str | None:
    found = _json(environ, "CONSTRAINTS", None)
    if found is None or isinstance(found, str):
        return found
    remedy = 'Write a string, such as "urllib3<2\\nsix>=1.16".'
    raise _problem("CONSTRAINTS", "it is not a JSON string", remedy)


def _check_result_url(url: str, environ: Mapping[str, str]) -> None:
    try:
        origin_of(url)
    except ValueError:
        raise _problem(
            "RESULT_URL", "it is no http or https URL", "Write https://host/path."
        ) from None
    if not environ.get("RESULT_TOKEN"):
        raise _problem("RESULT_TOKEN", "it is not set", "Set it to the token for RESULT_URL.")
    if environ.get("RESULT_PATH"):
        raise _problem("RESULT_PATH", "RESULT_URL is set as well", "Set only one of them.")


def _problem(name: str, message: str, remedy: str) -> RequestError:
    return RequestError(Problem(message, remedy, source=name))


# -- reporting ---------------------------------------------------------------------------------


def _announce(request: ValidationRequest, indexes: Sequence[NamedIndex]) -> None:
    lines = len(request.stack.requirements)
    targets = ", ".join(target.id for target in request.targets)
    named = ", ".join(index.url for index in indexes)
    _say(f"validating {lines} requirements on {targets} with {named}")


def _say_answer(validation: Validation) -> None:
    sys.stderr.write(render_text(validation))
    timings = validation.timings
    _say(f"{timings['requests']:.0f} facts fetched, {timings['total_seconds']:.3f} s in all")


def _within_limits(validation: Validation, arguments: dict[str, Any], started: datetime) -> _Report:
    """Return the report, or one without its answer where that is more than may be reported."""
    encoded = encode_document(make_document(validation, started=started, arguments=arguments))
    if len(encoded) <= LARGEST_DOCUMENT:
        return _Report(validation, encoded)
    detail = f"the document has {len(encoded)} bytes, more than {LARGEST_DOCUMENT}"
    validation = msgspec.structs.replace(
        validation,
        phase="failed",
        valid=None,
        reason=Reason.LIMIT_EXCEEDED,
        results=(),
        lock=None,
        graph=None,
        explanation=None,
        warnings=(),
        raw_log=detail,
    )
    document = make_document(validation, started=started, arguments=arguments)
    return _Report(validation, encode_document(document))


def _deliver(assignment: Assignment, document: bytes, output: int) -> None:
    """Hand the document over, once. Raises where that fails, which is a crash."""
    if assignment.result_path is not None:
        part = assignment.result_path.with_name(f"{assignment.result_path.name}.part")
        part.write_bytes(document)
        part.replace(assignment.result_path)
    elif assignment.result_url is not None:
        import httpx2

        httpx2.put(
            assignment.result_url,
            content=document,
            headers={
                "authorization": f"Bearer {assignment.result_token}",
                "content-type": "application/json",
            },
            timeout=_DELIVERY_SECONDS,
        ).raise_for_status()
    else:
        with os.fdopen(os.dup(output), "wb") as stream:
            stream.write(document)


def _say(text: str) -> None:
    """Write one line on standard error."""
    print(visible(text), file=sys.stderr, flush=True)  # noqa: T201 - the program's log


if __name__ == "__main__":
    sys.exit(main())
