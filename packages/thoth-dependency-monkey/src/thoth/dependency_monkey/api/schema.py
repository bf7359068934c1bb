"""The definition written down: OpenAPI 3.1 of everything, Swagger 2.0 of v0alpha0.

`python -m thoth.dependency_monkey.api.schema DIRECTORY` writes both there, for the repository.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from thoth.dependency_monkey.api.definition import JSON, OPERATIONS, SCHEMAS, V0ALPHA0
from thoth.dependency_monkey.api.errors import PROBLEM_MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thoth.dependency_monkey.api.definition import Answer, Operation, Parameter, Schema

DISTRIBUTION = "thoth-dependency-monkey"
TITLE = "Thoth Dependency Monkey"
SUMMARY = "Does this software stack resolve, to exactly what, and if not, why?"
_LICENSE = {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}
_TAGS = {
    "validations": "Questions and their answers.",
    "index": "The read-through package index.",
    "operations": "Health, version and metrics.",
}


def openapi() -> dict[str, Any]:
    """Return the definition of everything as OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _openapi_operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": version(DISTRIBUTION),
            "summary": SUMMARY,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {"schemas": SCHEMAS},
    }


def swagger() -> dict[str, Any]:
    """Return the definition of v0alpha0 as Swagger 2.0."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        if operation.path.startswith(V0ALPHA0):
            path = operation.path.removeprefix(V0ALPHA0)
            paths.setdefault(path, {})[operation.method] = _swagger_operation(operation)
    names = ("ValidationRequest", "Validation", "ValidationListItem", "Problem", "ProblemEntry")
    return {
        "swagger": "2.0",
        "info": {
            "title": TITLE,
            "version": "v0alpha0",
            "description": SUMMARY,
            "license": _LICENSE,
        },
        "basePath": V0ALPHA0,
        "consumes": [JSON],
        "produces": [JSON, PROBLEM_MEDIA_TYPE],
        "tags": [{"name": "validations", "description": _TAGS["validations"]}],
        "paths": paths,
        "definitions": {name: _swagger_schema(SCHEMAS[name]) for name in names},
    }


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.description:
        described["description"] = operation.description
    return described


def _openapi_operation(operation: Operation) -> dict[str, Any]:
    written = _described(operation)
    if operation.parameters:
        written["parameters"] = [
            {**_parameter(parameter), "schema": parameter.schema}
            for parameter in operation.parameters
        ]
    if operation.body is not None:
        written["requestBody"] = {"required": True, "content": {JSON: {"schema": operation.body}}}
    written["responses"] = {
        str(int(status)): _openapi_answer(answer) for status, answer in operation.answers.items()
    }
    return written


def _openapi_answer(answer: Answer) -> dict[str, Any]:
    written: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        written["headers"] = {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in answer.headers.items()
        }
    if answer.schema is not None:
        written["content"] = {answer.media_type: {"schema": answer.schema}}
    return written


def _swagger_operation(operation: Operation) -> dict[str, Any]:
    written = _described(operation)
    parameters = [
        {**_parameter(parameter), **parameter.schema} for parameter in operation.parameters
    ]
    if operation.body is not None:
        body = {"name": "payload", "in": "body", "required": True}
        parameters.append({**body, "schema": _swagger_schema(operation.body)})
    if parameters:
        written["parameters"] = parameters
    written["responses"] = {
        str(int(status)): _swagger_answer(answer) for status, answer in operation.answers.items()
    }
    return written


def _swagger_answer(answer: Answer) -> dict[str, Any]:
    written: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        written["headers"] = {
            name: {"type": "string", "description": text} for name, text in answer.headers.items()
        }
    if answer.schema is not None:
        written["schema"] = _swagger_schema(answer.schema)
    return written


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "required": parameter.required,
    }


def _swagger_schema(schema: Schema) -> Schema:
    """Say in the words of Swagger 2.0 what is said in those of JSON Schema 2020-12."""
    written: Schema = {}
    for key, value in schema.items():
        if key == "$ref":
            written[key] = value.replace("#/components/schemas/", "#/definitions/")
        elif key == "type" and isinstance(value, list):
            written["type"] = next(kind for kind in value if kind != "null")
            written["x-nullable"] = True
        elif key == "properties":
            written[key] = _swagger_members(value)
        elif key == "items":
            written[key] = _swagger_schema(value)
        else:
            written[key] = value
    return written


def _swagger_members(members: Mapping[str, Schema]) -> dict[str, Schema]:
    return {name: _swagger_schema(schema) for name, schema in members.items()}


def write(directory: Path) -> None:
    """Write `openapi.json` and `swagger.json` into a directory."""
    for name, definition in {"openapi.json": openapi(), "swagger.json": swagger()}.items():
        text = msgspec.json.format(msgspec.json.encode(definition), indent=2)
        (directory / name).write_bytes(text + b"\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
