"""The contract of v0alpha0, line by line, against a running server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import FinishedJob, JobRecord

if TYPE_CHECKING:
    import httpx2

BASE = "/api/v0alpha0/validations"
MEMBERS = ["id", "stack_specification", "ecosystem", "phase", "valid", "raw_log"]


def post(http: httpx2.Client, stack: Any, **members: Any) -> Any:
    return http.post(f"{BASE}/", json={"stack_specification": stack, **members})


def begin(site: Any, validation_id: str) -> JobRecord:
    job_id = site.store.get(uuid.UUID(validation_id)).job_id
    job = site.store.begin(job_id, worker="test")
    assert job is not None
    return job


def finish(site: Any, validation_id: str, **fields: Any) -> None:
    job = begin(site, validation_id)
    finished = {"phase": "succeeded", "valid": True, "reason": "resolved", "raw_log": "fine"}
    assert site.store.finish(
        job.job_id, job.attempt, FinishedJob(result=b"{}", **{**finished, **fields})
    )


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


# -- POST ------------------------------------------------------------------------------------------


def test_a_validation_is_accepted_as_pending(http, site):
    answer = post(http, "pandas", ecosystem="pypi")
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert list(body) == MEMBERS
    assert uuid.UUID(body["id"]).version == 4
    assert body == {
        "id": body["id"],
        "stack_specification": "pandas",
        "ecosystem": "pypi",
        "phase": "pending",
        "valid": None,
        "raw_log": None,
    }
    assert site.store.get(uuid.UUID(body["id"])) is not None


def test_the_location_is_where_the_validation_is_shown(http):
    answer = post(http, "pandas")
    assert http.get(answer.headers["location"]).json() == answer.json()


def test_the_ecosystem_is_pypi_where_none_is_named(http):
    assert post(http, "pandas").json()["ecosystem"] == "pypi"


def test_every_post_makes_a_new_id(http):
    assert len({post(http, "same").json()["id"] for _ in range(3)}) == 3


def test_equal_validations_in_flight_share_one_job(http, site):
    before = len(site.queued)
    post(http, "shared-job")
    post(http, "shared-job")
    assert len(site.queued) == before + 1


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\\n"], ids=["LF", "CRLF", "backslash n"])
def test_lines_are_separated_in_three_forms(http, separator):
    body = post(http, f"pandas{separator}numpy>=1.11.0").json()
    assert body["stack_specification"] == "pandas\nnumpy>=1.11.0"


def test_the_canonical_text_is_echoed(http):
    answer = post(http, "# mine\nDjango [Bcrypt,argon2] (>=3,<4) ; python_version>'3.8'\n\n")
    canonical = 'django[argon2,bcrypt]<4,>=3; python_version > "3.8"'
    assert answer.json()["stack_specification"] == canonical
    assert http.get(answer.headers["location"]).json()["stack_specification"] == canonical


@pytest.mark.parametrize("type_", ["application/json; charset=utf-8", "application/vnd.x+json"])
def test_json_may_be_named_in_other_words(http, type_):
    content = json.dumps({"stack_specification": "pandas"}).encode()
    answer = http.post(f"{BASE}/", content=content, headers={"content-type": type_})
    assert answer.status_code == 201


def test_unknown_members_are_ignored(http):
    assert post(http, "pandas", colour=["red"]).status_code == 201


# -- the published walk-through --------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(
    ("data", "canonical"),
    [
        ('{"stack_specification":"pandas","ecosystem":"pypi"}', "pandas"),
        (
            r'{"ecosystem":"pypi","stack_specification":"pandas\\nnumpy>=1.11.0"}',
            "pandas\nnumpy>=1.11.0",
        ),
        (
            r'{"ecosystem":"pypi","stack_specification":"pandas\nnumpy>=1.11.0"}',
            "pandas\nnumpy>=1.11.0",
        ),
    ],
)
def test_the_published_curl_calls_work(site, data, canonical):
    def curl(text: str) -> Any:
        done = subprocess.run(
            ["bash", "-c", text], capture_output=True, check=True, text=True, timeout=20
        )
        return json.loads(done.stdout)

    created = curl(
        "curl -X POST --header 'Content-Type: application/json' "
        f"--header 'Accept: application/json' -d '{data}' '{site.url}/api/v0alpha0/validations/'"
    )
    shown = curl(
        "curl -X GET --header 'Accept: application/json' "
        f"'{site.url}/api/v0alpha0/validations/{created['id']}'"
    )
    assert shown == created
    assert shown["stack_specification"] == canonical


# -- GET list --------------------------------------------------------------------------------------


def test_the_list_is_newest_first_in_pages(http):
    made = [post(http, f"package-{number}").json()["id"] for number in range(5)]
    listed: list[str] = []
    url: str | None = f"{BASE}/?limit=2"
    while url is not None and len(listed) < 5:
        answer = http.get(url)
        assert answer.status_code == 200
        assert all(list(item) == ["id"] for item in answer.json())
        assert len(answer.json()) <= 2
        listed += [item["id"] for item in answer.json()]
        link = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers.get("link", ""))
        url = link[1] if link else None
    assert listed[:5] == made[::-1]


def test_the_last_page_has_no_next(http):
    assert "link" not in http.get(f"{BASE}/?limit=1000").headers


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "ten", "1.5", "", "1&limit=2", "٣"])
def test_a_limit_out_of_range_is_refused(http, limit):
    assert "limit" in problem(http.get(f"{BASE}/?limit={limit}"), 400)["message"]


@pytest.mark.parametrize("cursor", ["x", "", "a" * 300, "ffffffffffffffff-" + "f" * 32, "%00"])
def test_a_cursor_that_was_not_given_is_refused(http, cursor):
    assert "cursor" in problem(http.get(f"{BASE}/?cursor={cursor}"), 400)["message"]


# -- GET one ---------------------------------------------------------------------------------------


def test_a_validation_shows_how_its_job_goes(http, site):
    made = post(http, "shown-running").json()
    begin(site, made["id"])
    shown = http.get(f"{BASE}/{made['id']}").json()
    assert (shown["phase"], shown["valid"], shown["raw_log"]) == ("running", None, None)
    assert list(shown) == MEMBERS


@pytest.mark.parametrize(
    ("phase", "valid"), [("succeeded", True), ("succeeded", False), ("failed", None)]
)
def test_a_finished_validation_has_its_verdict_and_its_log(http, site, phase, valid):
    made = post(http, f"shown-{phase}-{valid}").json()
    finish(site, made["id"], phase=phase, valid=valid, raw_log="what was said")
    shown = http.get(f"{BASE}/{made['id']}").json()
    assert (shown["phase"], shown["valid"], shown["raw_log"]) == (phase, valid, "what was said")


@pytest.mark.parametrize(
    "name",
    [str(uuid.UUID(int=7)), "0", "not-an-id", "%00", "x" * 500, "../metrics", "a%2Fb", "%ff"],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_id_is_not_found(http, method, name):
    problem(http.request(method, f"{BASE}/{name}"), 404)


def test_an_expired_id_is_not_found(http, site):
    record = site.store.accept_finished(
        _new(expires_at=datetime.now(UTC) - timedelta(seconds=1)),
        FinishedJob("succeeded", valid=True, reason="resolved", result=b"{}", raw_log=""),
    )
    problem(http.get(f"{BASE}/{record.id}"), 404)


def _new(**fields: Any) -> Any:
    from thoth.storages import NewValidation

    return NewValidation(
        id=uuid.uuid4(),
        ecosystem="pypi",
        stack_specification="six",
        question=b"q" * 32,
        request=b"{}",
        **fields,
    )


# -- DELETE ----------------------------------------------------------------------------------------


def test_a_deleted_validation_is_gone(http):
    url = post(http, "to-be-deleted").headers["location"]
    answer = http.delete(url)
    assert (answer.status_code, answer.content) == (204, b"")
    problem(http.get(url), 404)
    problem(http.delete(url), 404)
    assert url.rpartition("/")[2] not in http.get(f"{BASE}/?limit=1000").text


def test_deleting_stops_the_job_unless_another_waits_for_it(http, site):
    first, second = (post(http, "stopped-together").json()["id"] for _ in range(2))
    job = begin(site, first)
    http.delete(f"{BASE}/{first}")
    assert site.store.is_wanted(job.job_id, job.attempt)
    http.delete(f"{BASE}/{second}")
    assert not site.store.is_wanted(job.job_id, job.attempt)


# -- paths and methods -----------------------------------------------------------------------------


def test_both_paths_are_served_with_and_without_the_slash(http):
    bare = http.post(BASE, json={"stack_specification": "pandas"})
    assert bare.status_code == 201
    url = f"{BASE}/{bare.json()['id']}"
    assert http.get(url).status_code == http.get(f"{url}/").status_code == 200
    assert http.get(BASE).status_code == http.get(f"{BASE}/").status_code == 200
    assert http.delete(f"{url}/").status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", f"{BASE}/", "GET, HEAD, OPTIONS, POST"),
        ("PATCH", f"{BASE}/x", "DELETE, GET, HEAD, OPTIONS"),
        ("POST", f"{BASE}/x", "DELETE, GET, HEAD, OPTIONS"),
        ("DELETE", "/", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_method_that_there_is_not_is_named_with_those_that_there_are(http, method, path, allowed):
    answer = http.request(method, path)
    problem(answer, 405)
    assert answer.headers["allow"] == allowed


def test_options_names_the_methods(http):
    assert http.options(f"{BASE}/").headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_head_is_get_without_a_body(http):
    answer = http.head(f"{BASE}/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/json"


def test_what_there_is_not_is_a_problem_too(http):
    problem(http.get("/api/v0alpha0/nothing"), 404)


# -- X-Fields --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mask", "members"),
    [
        ("id,valid", ["id", "valid"]),
        ("{id, valid}", ["id", "valid"]),
        ("phase", ["phase"]),
        ("*", MEMBERS),
        ("id,*", MEMBERS),
        ("valid,id,id", ["id", "valid"]),
    ],
)
def test_a_mask_trims_the_answer(http, mask, members):
    headers = {"X-Fields": mask}
    made = http.post(f"{BASE}/", json={"stack_specification": "pandas"}, headers=headers)
    assert list(made.json()) == members
    shown = http.get(made.headers["location"], headers=headers)
    assert list(shown.json()) == members


def test_a_mask_trims_a_list(http):
    post(http, "pandas")
    assert list(http.get(f"{BASE}/", headers={"X-Fields": "id"}).json()[0]) == ["id"]


@pytest.mark.parametrize(
    "mask", ["", ",", "id,", "{id", "id}", "a b", "id{x}", "bogus", "id," * 500]
)
def test_a_broken_mask_is_refused_before_anything_is_done(http, site, mask):
    before = http.get(f"{BASE}/").text
    headers = {"X-Fields": mask}
    answer = http.post(f"{BASE}/", json={"stack_specification": "pandas"}, headers=headers)
    assert "X-Fields" in problem(answer, 400)["message"]
    assert http.get(f"{BASE}/").text == before


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"stack_specification": "pandas"', "not JSON"),
        (b'{"stack_specification": "pandas"} x', "not JSON"),
        (b"'pandas'", "not JSON"),
        (b'{"stack_specification": NaN}', "no JSON number"),
        (b'{"stack_specification": ' + b"9" * 5000 + b"}", "number"),
        (b'{"stack_specification": "\xff"}', "0xff is not UTF-8"),
        ('{"stack_specification": "pandas"}'.encode("utf-16"), "not UTF-8"),
        (b"[]", "not an object"),
        (b'"pandas"', "not an object"),
        (b"null", "not an object"),
        (b'{"stack_specification": "a\nb"}', "not JSON"),
    ],
)
def test_malformed_json_is_refused(http, content, said):
    answer = http.post(f"{BASE}/", content=content, headers={"content-type": "application/json"})
    assert said in problem(answer, 400)["message"]


def test_malformed_json_is_named_with_its_place(http):
    content = b'{"stack_specification":\n   pandas}'
    answer = http.post(f"{BASE}/", content=content, headers={"content-type": "application/json"})
    (entry,) = problem(answer, 400)["errors"]
    assert (entry["line"], entry["column"]) == (2, 4)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b"[" * 50_000 + b"]" * 50_000,
        b'{"a":' * 40_000,
        b'{"stack_specification": "six", "x": ' + b"[" * 33 + b"]" * 33 + b"}",
        b'{"x": "\\"' + b"[" * 100 + b'", "y": ' + b"[" * 40,
    ],
)
def test_what_is_nested_too_deeply_is_refused(http, content):
    answer = http.post(f"{BASE}/", content=content, headers={"content-type": "application/json"})
    assert "nested deeper than 32 levels" in problem(answer, 400)["message"]


def test_brackets_in_strings_are_not_nesting(http):
    stack = "\n".join(f"package-{number}[a]" for number in range(100))
    assert post(http, stack).status_code == 201


@pytest.mark.parametrize(
    ("stack", "line", "column"),
    [
        ("pan\\u0000das", 1, 4),
        ("six\\npan\\ud800das", 2, 4),
        ("six\\\\npan\\udfffdas", 2, 4),
    ],
)
def test_nul_and_lone_surrogates_are_refused(http, stack, line, column):
    content = f'{{"stack_specification": "{stack}"}}'.encode()
    answer = http.post(f"{BASE}/", content=content, headers={"content-type": "application/json"})
    (entry,) = problem(answer, 400)["errors"]
    assert entry["pointer"] == "/stack_specification"
    assert (entry["line"], entry["column"]) == (line, column)


@pytest.mark.parametrize(
    "content",
    [
        b'{"stack_specification": "six", "\\ud800": 1}',
        b'{"stack_specification": "six", "x": ["\\u0000"]}',
        b'{"stack_specification": "six", "ecosystem": "\\u0000"}',
    ],
)
def test_nul_and_lone_surrogates_are_refused_in_any_string(http, content):
    answer = http.post(f"{BASE}/", content=content, headers={"content-type": "application/json"})
    assert "is not allowed" in problem(answer, 400)["message"]


@pytest.mark.parametrize("body", [{}, {"ecosystem": "pypi"}])
def test_a_missing_stack_is_refused(http, body):
    (entry,) = problem(http.post(f"{BASE}/", json=body), 400)["errors"]
    assert entry["pointer"] == "/stack_specification"
    assert "missing" in entry["detail"]


@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], ["pandas"], {"name": "pandas"}])
@pytest.mark.parametrize("member", ["stack_specification", "ecosystem"])
def test_a_member_that_is_no_string_is_refused(http, member, value):
    body = {"stack_specification": "pandas", member: value}
    (entry,) = problem(http.post(f"{BASE}/", json=body), 400)["errors"]
    assert entry["pointer"] == f"/{member}"
    assert "not a string" in entry["detail"]


@pytest.mark.parametrize("stack", ["", "\n", "  \r\n\t", "# only a comment", "\\n\\n"])
def test_an_empty_specification_is_refused(http, stack):
    body = problem(post(http, stack), 400)
    assert "empty" in body["message"]
    assert body["errors"][0]["pointer"] == "/stack_specification"


@pytest.mark.parametrize(
    ("stack", "line", "column"),
    [
        ("pandas\nnumpy=>1", 2, 6),
        ("pandas\r\n\r\n  -r other.txt", 3, 3),
        ("pandas\\n./local", 2, 1),
        ("https://host.example/six.whl", 1, 1),
        ("git+https://host.example/six", 1, 1),
        ("six\nsix @ https://host.example/six.whl", 2, 5),
        ("six \\", 1, 5),
        ("six>=${VERSION}", 1, 6),
        ("six\x07", 1, 4),
        ("six\u2028numpy", 1, 4),
    ],
)
def test_an_unparsable_or_forbidden_line_is_named_with_its_place(http, stack, line, column):
    (entry,) = problem(post(http, stack), 400)["errors"]
    assert entry["pointer"] == "/stack_specification"
    assert (entry["line"], entry["column"]) == (line, column)
    assert entry["remedy"]


@pytest.mark.parametrize(
    "stack",
    [
        "\n".join(f"package-{number}" for number in range(1001)),
        "#" + "x" * 4096,
        "six[" + ",".join(f"e{number}" for number in range(65)) + "]",
        "six; " + "(" * 101 + "os_name=='x'" + ")" * 101,
        "six==" + "1" * 21,
        "\n".join(["#" + "x" * 4000] * 17),
    ],
)
def test_a_limit_that_is_exceeded_is_refused(http, stack):
    assert "allowed" in problem(post(http, stack), 400)["message"]


def test_several_problems_are_told_at_once(http):
    assert len(problem(post(http, "six=>1\nnumpy\n-e ."), 400)["errors"]) == 2


@pytest.mark.parametrize("size", [256 * 1024 + 1, 2_000_000])
def test_a_body_that_is_too_large_is_refused(http, size):
    content = b'{"stack_specification": "' + b"x" * (size - 27) + b'"}'
    assert len(content) == size
    answer = http.post(f"{BASE}/", content=content, headers={"content-type": "application/json"})
    assert "262144 bytes" in problem(answer, 413)["message"]


def test_a_large_body_without_a_length_is_refused(http):
    pieces = (b"x" * 65536 for _ in range(10))
    answer = http.post(f"{BASE}/", content=pieces, headers={"content-type": "application/json"})
    problem(answer, 413)


def test_a_body_as_large_as_allowed_is_read(http):
    content = b'{"stack_specification": "six"}'
    padded = content + b" " * (256 * 1024 - len(content))
    answer = http.post(f"{BASE}/", content=padded, headers={"content-type": "application/json"})
    assert answer.status_code == 201


@pytest.mark.parametrize("ecosystem", ["npm", "PyPI", "", "pypi ", "x" * 1000])
def test_an_unsupported_ecosystem_is_named_with_the_supported_ones(http, ecosystem):
    body = problem(post(http, "pandas", ecosystem=ecosystem), 400)
    (entry,) = body["errors"]
    assert entry["pointer"] == "/ecosystem"
    assert repr(ecosystem[:60]) in body["message"]
    assert "pypi" in entry["remedy"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/xml"},
        {"content-type": "application/jsonx"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {"content-type": "multipart/form-data; boundary=x"},
    ],
)
def test_another_content_type_is_refused(http, headers):
    content = b'{"stack_specification": "pandas"}'
    answer = http.post(f"{BASE}/", content=content, headers=headers)
    assert "application/json" in problem(answer, 415)["message"]
