from __future__ import annotations

import os
from pathlib import Path

import pytest

from thoth.dependency_monkey.cli.configuration import Places, discover_indexes
from thoth.dependency_monkey.errors import RequestError
from thoth.dependency_monkey.settings import Settings

PYPI = "https://pypi.org/simple/"


class Machine:
    """A machine whose every settings file lies in a directory of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ: dict[str, str] = {}
        self.directory = root / "work/project/deeper"
        self.directory.mkdir(parents=True)

    def write(self, path: str, text: str | bytes) -> str:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(file)

    def discover(self, settings: Settings | None = None, **flags):
        places = Places(
            self.environ,
            self.directory,
            self.root / "home",
            self.root / "environment",
            self.root / "etc",
        )
        return discover_indexes(settings or Settings(), places, **flags)

    def urls(self, settings: Settings | None = None, **flags) -> list[str]:
        return [index.url for index in self.discover(settings, **flags).indexes]


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(tmp_path)


def url(name: str) -> str:
    return f"https://{name}.example/simple/"


def test_without_any_setting_the_public_index_is_asked(machine):
    (index,) = machine.discover().indexes
    assert (index.name, index.url, index.credentials, index.origin) == (
        "pypi",
        PYPI,
        None,
        "the default",
    )


def test_extra_indexes_come_before_the_default_one_in_the_order_given(machine):
    assert machine.urls(index_url=url("own"), extra_index_urls=[url("b"), url("a")]) == [
        url("b"),
        url("a"),
        url("own"),
    ]


@pytest.mark.parametrize("source", ["flag", "thoth", "uv", "pip", "nothing"])
def test_the_first_source_that_gives_a_default_index_decides(source, machine):
    sources = ["flag", "thoth", "uv", "pip", "nothing"]
    given = sources[sources.index(source) :]
    if "uv" in given:
        machine.environ["UV_DEFAULT_INDEX"] = url("uv")
    if "pip" in given:
        machine.environ["PIP_INDEX_URL"] = url("pip")
    settings = Settings(index_url=url("thoth") if "thoth" in given else None)
    flag = url("flag") if "flag" in given else None
    expected = PYPI if source == "nothing" else url(source)
    assert machine.urls(settings, index_url=flag) == [expected]


def test_default_and_extra_indexes_are_settled_each_on_its_own(machine):
    machine.environ["PIP_INDEX_URL"] = url("mirror")
    machine.environ["PIP_EXTRA_INDEX_URL"] = url("unused")
    assert machine.urls(extra_index_urls=[url("own")]) == [url("own"), url("mirror")]


def test_an_empty_thoth_list_keeps_the_tools_extra_indexes_away(machine):
    machine.environ["PIP_EXTRA_INDEX_URL"] = url("pip")
    assert machine.urls(Settings(extra_index_urls=())) == [PYPI]


def test_credentials_are_kept_apart_and_out_of_repr(machine):
    (index,) = machine.discover(index_url="https://me:s3cret@own.example/simple").indexes
    assert index.url == url("own")
    assert index.credentials is not None
    assert (index.credentials.username, index.credentials.password) == ("me", "s3cret")
    assert "s3cret" not in repr(index)


def test_an_index_that_is_named_twice_is_asked_once_where_it_came_first(machine):
    assert machine.urls(extra_index_urls=[PYPI, url("own"), "HTTPS://OWN.example:443/simple"]) == [
        PYPI,
        url("own"),
    ]


def test_names_are_unique(machine):
    machine.environ["UV_INDEX"] = f"pypi={url('own')} https://own.example/other"
    names = [index.name for index in machine.discover().indexes]
    assert names == ["pypi", "own.example", "pypi-2"]


def test_a_bad_url_is_refused_with_the_name_of_its_source(machine):
    with pytest.raises(RequestError) as refused:
        machine.discover(index_url="not a url")
    assert refused.value.problems[0].source == "--index-url"
    machine.environ["PIP_INDEX_URL"] = "https://"
    with pytest.raises(RequestError, match="PIP_INDEX_URL"):
        machine.discover()


def test_the_refusal_of_a_url_does_not_show_its_credentials(machine):
    with pytest.raises(RequestError) as refused:
        machine.discover(index_url="https://me:s3cret@own.example:port/simple")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("flag", ["file:///srv/simple", "/srv/simple", "ftp://own.example/"])
def test_a_flag_that_names_no_http_index_is_refused(flag, machine):
    with pytest.raises(RequestError, match="--index-url"):
        machine.discover(index_url=flag)


class TestPip:
    def test_index_url_and_extra_index_url_come_from_variables(self, machine):
        machine.environ |= {
            "PIP_INDEX_URL": url("pip"),
            "PIP_EXTRA_INDEX_URL": f"{url('one')}\n  {url('two')}",
        }
        assert machine.urls() == [url("one"), url("two"), url("pip")]

    def test_later_levels_override_earlier_ones(self, machine):
        own = machine.write("own.conf", f"[global]\nindex-url = {url('own')}\n")
        levels = [
            "etc/xdg/pip/pip.conf",
            "etc/pip.conf",
            "home/.pip/pip.conf",
            "home/.config/pip/pip.conf",
            "environment/pip.conf",
        ]
        for number, path in enumerate(levels):
            origin = machine.write(path, f"[global]\nindex-url = {url(f'level{number}')}\n")
            (index,) = machine.discover().indexes
            assert (index.url, index.origin) == (url(f"level{number}"), origin)
        machine.environ["PIP_CONFIG_FILE"] = own
        assert machine.urls() == [url("own")]
        machine.environ["PIP_INDEX_URL"] = url("variable")
        assert machine.urls() == [url("variable")]

    def test_a_file_named_by_variable_replaces_the_users_own(self, machine):
        machine.write("home/.config/pip/pip.conf", f"[global]\nextra-index-url = {url('user')}\n")
        machine.environ["PIP_CONFIG_FILE"] = machine.write("own.conf", "")
        assert machine.urls() == [PYPI]

    def test_the_null_device_leaves_every_file_out(self, machine):
        machine.write("etc/pip.conf", f"[global]\nindex-url = {url('pip')}\n")
        machine.environ["PIP_CONFIG_FILE"] = os.devnull
        assert machine.urls() == [PYPI]

    def test_the_install_section_overrides_the_global_one(self, machine):
        machine.write(
            "etc/pip.conf",
            f"[install]\nindex_url = {url('install')}\n[global]\nindex-url = {url('global')}\n",
        )
        assert machine.urls() == [url("install")]

    def test_values_may_span_lines_and_empty_ones_count_as_none(self, machine):
        machine.write(
            "etc/pip.conf",
            f"[global]\nindex-url =\nextra-index-url =\n  {url('one')}\n  {url('two')}\n",
        )
        assert machine.urls() == [url("one"), url("two"), PYPI]

    def test_sections_of_other_commands_do_not_count(self, machine):
        machine.write("etc/pip.conf", f"[download]\nindex-url = {url('download')}\n")
        assert machine.urls() == [PYPI]

    def test_local_indexes_and_find_links_give_one_short_warning(self, machine):
        path = machine.write(
            "home/.config/pip/pip.conf",
            "[global]\nfind-links = /srv/wheels\n"
            f"extra-index-url = file:///srv/a/simple /srv/b {url('own')}\n",
        )
        configuration = machine.discover()
        assert [index.url for index in configuration.indexes] == [url("own"), PYPI]
        (warning,) = configuration.warnings
        assert warning == (
            "Not searched, since only HTTP package indexes are: "
            f"2 local indexes ({path}), find-links ({path})"
        )

    def test_what_nobody_consults_is_not_warned_of(self, machine):
        machine.environ["PIP_FIND_LINKS"] = "/srv/wheels"
        flags = {"index_url": url("own"), "extra_index_urls": [url("more")]}
        assert machine.discover(**flags).warnings == ()
        assert len(machine.discover().warnings) == 1

    def test_a_local_default_index_leaves_the_public_one(self, machine):
        machine.environ["PIP_INDEX_URL"] = "file:///srv/simple"
        configuration = machine.discover()
        assert [index.url for index in configuration.indexes] == [PYPI]
        assert "1 local index (PIP_INDEX_URL)" in configuration.warnings[0]

    def test_no_index_keeps_the_public_index_away(self, machine):
        path = machine.write("etc/pip.conf", "[global]\nno-index = true\n")
        with pytest.raises(RequestError, match="no package index") as refused:
            machine.discover()
        assert refused.value.problems[0].source == f"no-index ({path})"
        assert machine.urls(extra_index_urls=[url("own")]) == [url("own")]
        assert machine.urls(index_url=url("own")) == [url("own")]

    @pytest.mark.parametrize(
        ("text", "line"),
        [("index-url = x\n", 1), ("[global]\n\nindex-url\n", 3), ("[global]\na=1\n[global]\n", 3)],
    )
    def test_a_malformed_file_is_named_with_its_line(self, text, line, machine):
        path = machine.write("etc/pip.conf", text)
        with pytest.raises(RequestError) as refused:
            machine.discover()
        (problem,) = refused.value.problems
        assert (problem.source, problem.line) == (path, line)
        assert "PIP_CONFIG_FILE=/dev/null" in problem.remedy

    def test_percent_signs_are_only_percent_signs(self, machine):
        machine.write("etc/pip.conf", "[global]\nindex-url = https://a%%40b:c@own.example/simple\n")
        assert machine.urls() == [url("own")]


class TestUv:
    def test_variables_come_in_uvs_order(self, machine):
        machine.environ |= {
            "UV_INDEX": f"named={url('one')} {url('two')}",
            "UV_EXTRA_INDEX_URL": url("three"),
            "UV_INDEX_URL": url("old"),
            "UV_DEFAULT_INDEX": url("new"),
        }
        configuration = machine.discover()
        assert [index.url for index in configuration.indexes] == [
            url("one"),
            url("two"),
            url("three"),
            url("new"),
        ]
        assert configuration.indexes[0].name == "named"
        assert configuration.indexes[0].origin == "UV_INDEX"

    def test_tables_give_extra_default_and_explicit_indexes(self, machine):
        machine.write(
            "work/project/uv.toml",
            f"""
            [[index]]
            name = "torch"
            url = "{url("torch")}"
            explicit = true
            [[index]]
            name = "main"
            url = "{url("main")}"
            default = true
            [[index]]
            name = "own"
            url = "{url("own")}"
            """,
        )
        names = [index.name for index in machine.discover().indexes]
        assert names == ["own", "main"]

    def test_the_nearest_project_file_counts_and_uv_toml_beats_pyproject(self, machine):
        machine.write("work/uv.toml", f'index-url = "{url("far")}"')
        assert machine.urls() == [url("far")]
        machine.write("work/project/pyproject.toml", f'[tool.uv]\nindex-url = "{url("near")}"')
        assert machine.urls() == [url("near")]
        machine.write("work/project/uv.toml", f'index-url = "{url("nearer")}"')
        assert machine.urls() == [url("nearer")]

    def test_a_pyproject_without_uvs_table_is_passed_by(self, machine):
        machine.write("work/uv.toml", f'index-url = "{url("far")}"')
        machine.write("work/project/pyproject.toml", '[project]\nname = "uv-user"\n')
        assert machine.urls() == [url("far")]

    def test_project_user_and_machine_are_joined(self, machine):
        machine.write("work/uv.toml", f'extra-index-url = ["{url("project")}"]')
        machine.write("home/.config/uv/uv.toml", f'extra-index-url = ["{url("user")}"]')
        machine.write(
            "etc/uv/uv.toml",
            f'extra-index-url = ["{url("machine")}"]\nindex-url = "{url("mirror")}"',
        )
        assert machine.urls() == [url("project"), url("user"), url("machine"), url("mirror")]

    def test_the_pip_table_goes_before_the_top_level(self, machine):
        machine.write(
            "work/uv.toml", f'index-url = "{url("top")}"\n[pip]\nindex-url = "{url("pip")}"'
        )
        assert machine.urls() == [url("pip")]

    def test_a_file_named_by_variable_replaces_all_others(self, machine):
        machine.write("work/uv.toml", f'index-url = "{url("project")}"')
        machine.environ["UV_CONFIG_FILE"] = machine.write("own.toml", f'index-url = "{url("own")}"')
        assert machine.urls() == [url("own")]

    def test_uv_no_config_leaves_every_file_out(self, machine):
        machine.write("work/uv.toml", f'index-url = "{url("project")}"')
        machine.environ["UV_NO_CONFIG"] = "1"
        assert machine.urls() == [PYPI]

    def test_a_named_index_gets_its_credentials_from_variables(self, machine):
        machine.environ |= {
            "UV_INDEX": f"my-own.index={url('own')}",
            "UV_INDEX_MY_OWN_INDEX_USERNAME": "me",
            "UV_INDEX_MY_OWN_INDEX_PASSWORD": "p@ss/:word",
        }
        index = machine.discover().indexes[0]
        assert index.url == url("own")
        assert index.credentials is not None
        assert (index.credentials.username, index.credentials.password) == ("me", "p@ss/:word")

    def test_local_and_flat_indexes_and_find_links_are_skipped_with_a_warning(self, machine):
        path = machine.write(
            "work/uv.toml",
            f"""
            find-links = ["/srv/wheels"]
            [[index]]
            url = "../packages"
            [[index]]
            url = "file:///srv/simple"
            [[index]]
            url = "{url("flat")}"
            format = "flat"
            """,
        )
        configuration = machine.discover()
        assert [index.url for index in configuration.indexes] == [PYPI]
        (warning,) = configuration.warnings
        assert f"2 local indexes ({path})" in warning
        assert f"1 flat index ({path})" in warning
        assert f"find-links ({path})" in warning

    def test_no_index_keeps_the_public_index_away(self, machine):
        machine.environ["UV_NO_INDEX"] = "1"
        with pytest.raises(RequestError, match="UV_NO_INDEX"):
            machine.discover()

    def test_a_malformed_file_is_named_with_its_place(self, machine):
        path = machine.write("work/uv.toml", "a = 1\nindex-url = \n")
        with pytest.raises(RequestError) as refused:
            machine.discover()
        (problem,) = refused.value.problems
        assert (problem.source, problem.line) == (path, 2)
        assert "UV_NO_CONFIG=1" in problem.remedy

    @pytest.mark.parametrize(
        "text",
        [
            "index-url = 7",
            'extra-index-url = "x"',
            "extra-index-url = [7]",
            'index = "x"',
            "[[index]]\nurl = 7",
            "[[index]]\nname = 'x'",
            "[[index]]\nname = 7\nurl = 'https://own.example'",
        ],
    )
    def test_a_setting_of_the_wrong_type_is_named(self, text, machine):
        path = machine.write("work/uv.toml", text)
        with pytest.raises(RequestError) as refused:
            machine.discover()
        assert refused.value.problems[0].source == path


@pytest.mark.parametrize("path", ["etc/pip.conf", "work/uv.toml"])
class TestHostileFiles:
    def test_an_enormous_file_is_refused(self, path, machine):
        machine.write(path, b"#" * 1_048_577)
        with pytest.raises(RequestError, match="1048576 bytes"):
            machine.discover()

    def test_a_file_that_is_no_utf8_is_refused_with_its_line(self, path, machine):
        machine.write(path, b"# fine\n# \xff\n")
        with pytest.raises(RequestError, match="line 2: The file is not UTF-8"):
            machine.discover()

    def test_a_pipe_is_not_waited_for(self, path, machine):
        file = machine.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(file)
        assert machine.urls() == [PYPI]

    def test_a_directory_is_no_file(self, path, machine):
        (machine.root / path).mkdir(parents=True)
        assert machine.urls() == [PYPI]

    def test_a_symbolic_link_in_a_circle_is_warned_of(self, path, machine):
        file = machine.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(file)
        configuration = machine.discover()
        assert [index.url for index in configuration.indexes] == [PYPI]
        assert str(file) in configuration.warnings[0]


def test_deeply_nested_toml_is_refused(machine):
    machine.write("work/uv.toml", "a = " + "[" * 100_000)
    with pytest.raises(RequestError):
        machine.discover()


@pytest.mark.parametrize("variable", ["UV_CONFIG_FILE", "PIP_CONFIG_FILE"])
def test_a_named_file_that_is_not_there_is_warned_of(variable, machine):
    machine.environ[variable] = str(machine.root / "absent")
    configuration = machine.discover()
    assert [index.url for index in configuration.indexes] == [PYPI]
    assert configuration.warnings == (
        f"{variable} names no readable file: {machine.root / 'absent'}",
    )


def test_the_places_of_this_process_are_those_of_its_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("VIRTUAL_ENV", "/environment")
    monkeypatch.chdir(tmp_path)
    places = Places.here()
    assert places.directory == tmp_path
    assert places.user == tmp_path / ".config"
    assert places.prefix == Path("/environment")
