"""The definitions: the same served, written down and meant."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from thoth.dependency_monkey.api.schema import openapi, swagger

ROOT = Path(__file__).parents[5]
METHODS = {"get", "post", "put", "patch", "delete"}
PAGES = {
    *("/", "/openapi", "/static/{name}", "/openapi.json", "/schema", "/swagger.json"),
    "/index/{index}/simple",
}
"""Pages for people, the definitions themselves, and what our own validators ask."""


def test_the_swagger_of_the_repository_is_the_one_that_is_served(http):
    written = json.loads((ROOT / "swagger.json").read_text(encoding="utf-8"))
    assert http.get("/swagger.json").json() == written
    assert http.get("/schema").json() == written
    assert written["swagger"] == "2.0"


def test_the_openapi_of_the_repository_is_the_one_that_is_served(http):
    written = json.loads((ROOT / "openapi.json").read_text(encoding="utf-8"))
    assert http.get("/openapi.json").json() == written
    assert written["openapi"].startswith("3.1")


def test_every_route_is_defined_and_every_definition_has_a_route(site):
    application = site.application()
    routes = {
        (path.rstrip("/").replace("{validation_id}", "{id}") or "/", method.lower())
        for route in application.routes
        for path in [route.path_format]
        for method in getattr(route, "methods", ())
    }
    served = {(path, method) for path, method in routes if method in METHODS and path not in PAGES}
    defined = {
        (path.rstrip("/"), method) for path, item in openapi()["paths"].items() for method in item
    }
    assert served == defined


def test_swagger_has_what_openapi_has_of_v0alpha0():
    first, everything = swagger(), openapi()
    base = first["basePath"]
    assert {base + path for path in first["paths"]} == {
        path for path in everything["paths"] if path.startswith(base)
    }
    for path, item in first["paths"].items():
        for method, operation in item.items():
            assert set(operation["responses"]) == set(
                everything["paths"][base + path][method]["responses"]
            )


@pytest.mark.parametrize("definition", [swagger(), openapi()], ids=["swagger", "openapi"])
def test_every_reference_leads_somewhere(definition):
    def references(part):
        if isinstance(part, dict):
            if "$ref" in part:
                yield part["$ref"]
            for inner in part.values():
                yield from references(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from references(inner)

    for reference in references(definition):
        found = definition
        for key in reference.removeprefix("#/").split("/"):
            found = found[key]


@pytest.mark.parametrize(
    ("method", "path", "status", "schema"),
    [
        ("GET", "/livez", 200, "Health"),
        ("GET", "/readyz", 200, "Health"),
        ("GET", "/version", 200, "Version"),
        ("GET", "/api/v0alpha0/validations/x", 404, "Problem"),
        ("PUT", "/api/v0alpha0/validations/", 405, "Problem"),
        ("POST", "/api/v0alpha0/validations/", 415, "Problem"),
    ],
)
def test_answers_are_as_they_are_defined(http, method, path, status, schema):
    definition = openapi()
    answer = http.request(method, path)
    assert answer.status_code == status
    wanted = {**definition, "$ref": f"#/components/schemas/{schema}"}
    jsonschema_rs.validator_for(wanted).validate(answer.json())
