"""What the API offers, as data: every operation with its parameters, bodies and answers.

`schema` writes it down as OpenAPI 3.1 and, for v0alpha0, as Swagger 2.0. Schemas are JSON Schema
2020-12 as far as both can say it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from thoth.dependency_monkey.api.errors import PROBLEM_MEDIA_TYPE
from thoth.dependency_monkey.api.field_masks import MAX_CHARACTERS
from thoth.dependency_monkey.validation.question import PYPI, SUPPORTED_ECOSYSTEMS

JSON = "application/json"
PEP_691 = "application/vnd.pypi.simple.v1+json"
V0ALPHA0 = "/api/v0alpha0"
LARGEST_PAGE = 1000
DEFAULT_PAGE = 100
LONGEST_CURSOR = 200
FIELDS = ("id", "stack_specification", "ecosystem", "phase", "valid", "raw_log")
LIST_FIELDS = ("id",)
PHASES = ("pending", "running", "succeeded", "failed", "unknown")

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter; `place` is "path", "query" or "header"."""

    name: str
    place: str
    description: str
    schema: Schema
    required: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `schema` is None where there is no body. `headers` maps names to descriptions."""

    description: str
    schema: Schema | None = None
    media_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method does at one path. `body` is the schema of a JSON body."""

    method: str
    path: str
    id: str
    tag: str
    summary: str
    answers: dict[HTTPStatus, Answer]
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Schema | None = None


def ref(name: str) -> Schema:
    """Return a reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


_ID = {"type": "string", "format": "uuid", "description": "The validation's id, a UUIDv4."}
_STACK = (
    "The requirements of the stack (PEP 508), one a line. Lines are separated by LF, CRLF or the "
    "two characters \\n."
)

SCHEMAS: dict[str, Schema] = {
    "ValidationRequest": {
        "type": "object",
        "required": ["stack_specification"],
        "properties": {
            "stack_specification": {
                "type": "string",
                "description": _STACK,
                "format": "stack-specification",
                "minLength": 1,
                "maxLength": 65536,
                "example": "pandas\nnumpy>=1.11.0",
            },
            "ecosystem": {
                "type": "string",
                "description": "The world of packages that the stack is of.",
                "enum": list(SUPPORTED_ECOSYSTEMS),
                "default": PYPI,
                "example": PYPI,
            },
        },
    },
    "Validation": {
        "type": "object",
        "description": "Every member is there, unless the header X-Fields leaves it out.",
        "properties": {
            "id": {**_ID, "readOnly": True},
            "stack_specification": {
                "type": "string",
                "description": "The stack in canonical form, one requirement a line.",
            },
            "ecosystem": {"type": "string", "description": "The world of packages."},
            "phase": {
                "type": "string",
                "description": "How the job goes; succeeded and failed are final.",
                "enum": list(PHASES),
                "readOnly": True,
            },
            "valid": {
                "type": ["boolean", "null"],
                "description": "Whether the stack resolves; null as long as nobody knows.",
                "readOnly": True,
            },
            "raw_log": {
                "type": ["string", "null"],
                "description": "What the validator said; null until it has finished.",
                "readOnly": True,
            },
        },
    },
    "ValidationListItem": {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {**_ID, "readOnly": True}},
    },
    "ProblemEntry": {
        "type": "object",
        "required": ["detail", "remedy", "pointer", "line", "column"],
        "properties": {
            "detail": {"type": "string", "description": "What is wrong."},
            "remedy": {"type": "string", "description": "What to do about it."},
            "pointer": {
                "type": ["string", "null"],
                "description": "The member of the body (RFC 6901), or null.",
            },
            "line": {
                "type": ["integer", "null"],
                "minimum": 1,
                "description": "The line of that member's text; without pointer, of the body.",
            },
            "column": {"type": ["integer", "null"], "minimum": 1},
        },
    },
    "Problem": {
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "required": ["message", "type", "title", "status", "detail", "instance", "errors"],
        "properties": {
            "message": {"type": "string", "description": "All of it in one text."},
            "type": {"type": "string", "description": "A URI that names the kind of problem."},
            "title": {"type": "string", "description": "The status in words."},
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": {"type": "string", "description": "What is wrong."},
            "instance": {"type": "string", "description": "A URI that names this occurrence."},
            "errors": {"type": "array", "items": ref("ProblemEntry")},
        },
    },
    "Health": {
        "type": "object",
        "required": ["status", "checks"],
        "properties": {
            "status": {"type": "string", "enum": ["ok", "unavailable"]},
            "checks": {
                "type": "object",
                "description": "What was found, by the name of what was looked at.",
                "additionalProperties": {"type": "string"},
            },
        },
    },
    "Version": {
        "type": "object",
        "required": ["name", "version"],
        "properties": {"name": {"type": "string"}, "version": {"type": "string"}},
    },
}


def _problem(description: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(description, ref("Problem"), PROBLEM_MEDIA_TYPE, named)


def _fields(*names: str) -> Parameter:
    """Return the parameter that trims an answer with these members."""
    name = rf"({'|'.join(names)}|\*)"
    return Parameter(
        "X-Fields",
        "header",
        "The members that the answer shall have, separated by commas, such as id,valid.",
        {
            "type": "string",
            "format": "mask",
            "maxLength": MAX_CHARACTERS,
            "pattern": rf"^\s*\{{?\s*{name}(\s*,\s*{name})*\s*\}}?\s*$",
        },
    )


_RETRY = "Seconds after which to try again."
_UNAVAILABLE = {
    HTTPStatus.INTERNAL_SERVER_ERROR: _problem("Something went wrong on our side."),
    HTTPStatus.SERVICE_UNAVAILABLE: _problem(
        "Nothing can be stored or read now.", Retry_After=_RETRY
    ),
}
_NO_SUCH = _problem("Unknown, deleted or expired.")
_PATH_ID = Parameter(
    "id", "path", "The validation's id.", {"type": "string", "format": "uuid"}, required=True
)
_PLAIN_TEXT: Schema = {"type": "string"}

_ANY: Schema = {"type": "object"}
_INDEX = Parameter(
    "index",
    "path",
    "The name of an index, or default for all of them by priority; with @2026-01-31 behind it, as "
    "of that date.",
    {"type": "string", "example": "default"},
    required=True,
)
_PACKAGE = Parameter("package", "path", "The name of a package.", {"type": "string"}, required=True)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get",
        f"{V0ALPHA0}/validations/",
        "list_validations",
        "validations",
        "List validations, newest first",
        {
            HTTPStatus.OK: Answer(
                "The ids.",
                {"type": "array", "items": ref("ValidationListItem")},
                headers={"Link": 'The next page, as rel="next" (RFC 8288).'},
            ),
            HTTPStatus.BAD_REQUEST: _problem("A parameter or X-Fields is broken."),
            **_UNAVAILABLE,
        },
        parameters=(
            Parameter(
                "limit",
                "query",
                "How many to list at most.",
                {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": DEFAULT_PAGE},
            ),
            Parameter(
                "cursor",
                "query",
                "Where to go on: taken from the header Link of an answer.",
                {"type": "string", "minLength": 1, "maxLength": LONGEST_CURSOR},
            ),
            _fields(*LIST_FIELDS),
        ),
    ),
    Operation(
        "post",
        f"{V0ALPHA0}/validations/",
        "create_validation",
        "validations",
        "Validate a stack",
        {
            HTTPStatus.CREATED: Answer(
                "Accepted, and kept; perhaps answered already.",
                ref("Validation"),
                headers={"Location": "Where to ask for the answer."},
            ),
            HTTPStatus.BAD_REQUEST: _problem("The request is wrong; it says where and why."),
            HTTPStatus.REQUEST_TIMEOUT: _problem("The body came too slowly."),
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _problem("The body is larger than 256 KiB."),
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE: _problem("The body is not said to be JSON."),
            **_UNAVAILABLE,
        },
        description="Every request makes a new validation. Poll it until its phase is final.",
        parameters=(_fields(*FIELDS),),
        body=ref("ValidationRequest"),
    ),
    Operation(
        "get",
        f"{V0ALPHA0}/validations/{{id}}",
        "get_validation",
        "validations",
        "Show a validation",
        {
            HTTPStatus.OK: Answer("The validation as it is now.", ref("Validation")),
            HTTPStatus.BAD_REQUEST: _problem("X-Fields is broken."),
            HTTPStatus.NOT_FOUND: _NO_SUCH,
            **_UNAVAILABLE,
        },
        parameters=(_PATH_ID, _fields(*FIELDS)),
    ),
    Operation(
        "delete",
        f"{V0ALPHA0}/validations/{{id}}",
        "delete_validation",
        "validations",
        "Remove a validation",
        {
            HTTPStatus.NO_CONTENT: Answer("Removed."),
            HTTPStatus.NOT_FOUND: _NO_SUCH,
            **_UNAVAILABLE,
        },
        description="Stops its job, unless another validation waits for the same one.",
        parameters=(_PATH_ID,),
    ),
    Operation(
        "get",
        "/livez",
        "livez",
        "operations",
        "Say that the process is alive",
        {HTTPStatus.OK: Answer("It is.", ref("Health"))},
    ),
    Operation(
        "get",
        "/readyz",
        "readyz",
        "operations",
        "Say whether requests can be served",
        {
            HTTPStatus.OK: Answer("They can.", ref("Health")),
            HTTPStatus.SERVICE_UNAVAILABLE: Answer("They cannot; see `checks`.", ref("Health")),
        },
    ),
    Operation(
        "get",
        "/version",
        "version",
        "operations",
        "Name the program and its version",
        {HTTPStatus.OK: Answer("Name and version.", ref("Version"))},
    ),
    Operation(
        "get",
        "/metrics",
        "metrics",
        "operations",
        "Show metrics for Prometheus",
        {HTTPStatus.OK: Answer("The metrics.", _PLAIN_TEXT, "text/plain")},
    ),
    Operation(
        "get",
        "/index/{index}/simple/{package}/",
        "get_page",
        "index",
        "Show the page of a package",
        {
            HTTPStatus.OK: Answer("The page (PEP 503, PEP 691).", _ANY, PEP_691),
            HTTPStatus.NOT_FOUND: _problem("No such index, or no such package on it."),
            HTTPStatus.NOT_ACCEPTABLE: _problem("A page has none of the accepted types."),
            HTTPStatus.BAD_GATEWAY: _problem("The real index did not answer."),
            **_UNAVAILABLE,
        },
        description="A package index for pip and uv, JSON or HTML by the header Accept.",
        parameters=(_INDEX, _PACKAGE),
    ),
    Operation(
        "get",
        "/index/{index}/files/{package}/{filename}",
        "get_file",
        "index",
        "Show a file's metadata, or where the file is",
        {
            HTTPStatus.OK: Answer("Core metadata (PEP 658).", _PLAIN_TEXT, "text/plain"),
            HTTPStatus.FOUND: Answer("The file is there.", headers={"Location": "Its real URL."}),
            HTTPStatus.NOT_FOUND: _problem("No such index, package, file or metadata."),
            HTTPStatus.BAD_GATEWAY: _problem("The real index did not answer."),
            **_UNAVAILABLE,
        },
        parameters=(
            _INDEX,
            _PACKAGE,
            Parameter(
                "filename",
                "path",
                "A file that the page lists; with .metadata behind it, its core metadata.",
                {"type": "string"},
                required=True,
            ),
        ),
    ),
)
