import pytest

from thoth.dependency_monkey.ecosystems.pypi.index.credentials import (
    Credentials,
    canonical_index_url,
    host_header,
    origin_of,
)
from thoth.dependency_monkey.errors import RequestError


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("https://pypi.org/simple", "https://pypi.org/simple/"),
        ("  HTTPS://PyPI.Org/Simple/ ", "https://pypi.org/Simple/"),
        ("https://host:443", "https://host/"),
        ("http://host:80/a/b", "http://host/a/b/"),
        ("http://host:8080/", "http://host:8080/"),
        ("https://[::1]:8443/x", "https://[::1]:8443/x/"),
        ("https://bücher.example/s", "https://xn--bcher-kva.example/s/"),
    ],
)
def test_a_url_is_brought_into_one_canonical_form(text: str, canonical: str) -> None:
    assert canonical_index_url(text) == (canonical, None)
    assert canonical_index_url(canonical) == (canonical, None)


def test_user_info_is_taken_apart_and_unquoted() -> None:
    url, credentials = canonical_index_url("https://us%40er:p%3Aw@host/simple")
    assert url == "https://host/simple/"
    assert credentials == Credentials("us@er", "p:w")
    assert credentials.authorization() == "Basic dXNAZXI6cDp3"


def test_a_token_alone_is_a_user_name_without_password() -> None:
    assert canonical_index_url("https://token@host/")[1] == Credentials("token", "")


def test_credentials_do_not_show() -> None:
    assert "secret" not in repr(Credentials("secret-user", "secret"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "simple",
        "ftp://host/simple",
        "file:///srv/simple",
        "https://",
        "https:///simple",
        "https://host:port/",
        "https://host:99999/",
        "https://[::1/",
        "https://host/simple?x=1",
        "https://host/simple#x",
        "https://host/a b",
        "https://host/a\nb",
        "https://host/\x00",
        f"https://{'ü' * 80}.example/",
    ],
)
def test_anything_else_is_refused_with_a_remedy_and_without_its_password(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        canonical_index_url(text.replace("host", "user:secret@host"))
    assert "secret" not in str(caught.value)
    assert "https://" in caught.value.problems[0].remedy


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin_of("https://Host/x") == ("https", "host", 443)
    assert host_header(origin_of("https://host:443/")) == "host"
    assert host_header(origin_of("http://[::1]:8080/")) == "[::1]:8080"
