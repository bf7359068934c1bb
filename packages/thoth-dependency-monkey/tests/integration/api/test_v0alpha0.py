"""The contract of v0alpha0, line by line, against a running server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from thoth.storages import FinishedJob, JobRecord

from .asking import BASE, post, problem

MEMBERS = ["id", "stack_specification", "ecosystem", "phase", "valid", "raw_log"]


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
