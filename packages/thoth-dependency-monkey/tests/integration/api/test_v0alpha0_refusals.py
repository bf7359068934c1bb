"""What v0alpha0 refuses: each with a problem that says what is wrong, and where."""

from __future__ import annotations

import pytest

from .asking import BASE, post, problem


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
