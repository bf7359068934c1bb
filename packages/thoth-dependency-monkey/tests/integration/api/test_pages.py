"""Pages, health, version and metrics."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import msgspec
import pytest

from thoth.dependency_monkey.api import metrics
from thoth.dependency_monkey.jobs.finished import FinishedNotice


@pytest.mark.parametrize(
    "accept", [None, "*/*", "text/html,application/xhtml+xml,*/*;q=0.8", "text/*", "image/png"]
)
def test_a_human_sees_the_start_page(site, accept):
    headers = {} if accept is None else {"accept": accept}
    with site.client() as http:
        if accept is None:
            del http.headers["accept"]
        answer = http.get("/", headers=headers)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<textarea" in answer.text


@pytest.mark.parametrize(
    "accept", ["application/json", "application/*", "text/html;q=0.5, application/json"]
)
def test_a_client_that_asks_for_json_sees_name_and_version(http, accept):
    answer = http.get("/", headers={"accept": accept})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["name"] == "thoth-dependency-monkey"
    assert re.fullmatch(r"[0-9.]+\w*", answer.json()["version"])


@pytest.mark.parametrize("path", ["/", "/openapi/", "/openapi"])
def test_pages_load_nothing_from_elsewhere(http, path):
    page = http.get(path)
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    loaded = re.findall(r'<(?:link|script|img)[^>]*(?:href|src)="([^"]+)"', page.text)
    assert len(loaded) >= 4
    for url in loaded:
        assert url.startswith("/static/")
        part = http.get(url)
        assert part.status_code == 200
        assert "://" not in part.text.replace("http://www.w3.org/2000/svg", "").replace(
            "http://localhost:8080", ""
        )
    assert "<script>" not in page.text
    assert " style=" not in page.text


@pytest.mark.parametrize("name", ["nothing.css", "..%2fapp.py", "start.html", ""])
def test_nothing_else_is_lying_about(http, name):
    assert http.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
def test_metrics_are_for_prometheus(http, path):
    http.post("/api/v0alpha0/validations/", json={"stack_specification": "counted"})
    http.get("/api/v0alpha0/validations/unknown")
    http.get("/nothing/here")
    answer = http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert any(
        line.startswith('thoth_validations_accepted_total{ecosystem="pypi",way="job"}')
        for line in lines
    )
    route = "/api/v0alpha0/validations/{validation_id}"
    shown = f'thoth_http_requests_total{{method="GET",route="{route}",status="404"}}'
    assert any(line.startswith(shown) for line in lines)
    assert 'route="unmatched"' in answer.text
    assert "/nothing/here" not in answer.text


def test_metrics_show_what_became_of_jobs_and_how_many_wait(http, site):
    shown = http.get("/metrics").text
    assert 'thoth_jobs{phase="running"} 0.0' in shown
    site.unfinished = {"pending": 7, "running": 2}
    notice = FinishedNotice("pypi", "succeeded", "conflict", attempt=3, waited=0.2, ran=1.5)
    site.metrics.count_finished(notice)
    site.metrics.count_finished(msgspec.structs.replace(notice, reason="made up"))
    shown = http.get("/metrics").text
    assert 'thoth_jobs{phase="pending"} 7.0' in shown
    assert 'thoth_jobs{phase="running"} 2.0' in shown
    assert 'thoth_jobs{phase="unknown"} 0.0' in shown
    finished = 'thoth_jobs_finished_total{ecosystem="pypi",phase="succeeded",reason='
    assert f'{finished}"conflict"}} 1.0' in shown
    assert f'{finished}"other"}} 1.0' in shown
    assert 'thoth_job_seconds_sum{ecosystem="pypi"} 3.0' in shown
    assert 'thoth_job_attempts_bucket{ecosystem="pypi",le="3.0"} 2.0' in shown


def test_a_database_that_is_away_or_hangs_does_not_keep_metrics_from_being_shown(
    http, site, monkeypatch
):
    monkeypatch.setattr(metrics, "COUNT_SECONDS", 0.05)
    go_on = threading.Event()

    def hang():
        go_on.wait(30)
        return {}

    for fault in (lambda: 1 / 0, hang):
        monkeypatch.setattr(site, "count_unfinished", fault)
        answer = http.get("/metrics")
        assert answer.status_code == 200
        assert "thoth_jobs{" not in answer.text
        assert "thoth_http_requests_total{" in answer.text
    go_on.set()


def test_every_metric_is_documented(http):
    page = Path(__file__).parents[5] / "docs" / "reference" / "metrics.md"
    section = page.read_text(encoding="utf-8").partition("\n## Syncing\n")[0]
    documented = set(re.findall(r"^\| `(thoth_\w+)`", section, re.MULTILINE))
    shown = re.findall(r"^# TYPE (thoth_\w+) ", http.get("/metrics").text, re.MULTILINE)
    assert {name for name in shown if not name.endswith("_created")} == documented


def test_a_process_that_answers_is_alive(http):
    assert http.get("/livez").json() == {"status": "ok", "checks": {}}


def test_readiness_names_what_it_looked_at(http, site):
    async def fine() -> str:
        return "schema r0002"

    async def gone() -> str:
        raise ConnectionError("secret.host.example")

    site.checks["database"] = fine
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ok", "checks": {"database": "schema r0002"}},
    )
    site.checks["store"] = gone
    answer = http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "schema r0002", "store": "ConnectionError"}
    site.checks.clear()
