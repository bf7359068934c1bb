import pytest

from thoth.dependency_monkey.ecosystems.pypi.index.filenames import IGNORED, FileNames


@pytest.mark.parametrize(
    ("package", "filename", "expected"),
    [
        ("six", "six-1.17.0-py2.py3-none-any.whl", ("1.17.0", "py2.py3-none-any")),
        ("six", "Six-1.17-py3-none-any.whl", ("1.17", "py3-none-any")),
        ("zope-interface", "zope.interface-5.0-py3-none-any.whl", ("5.0", "py3-none-any")),
        ("foo", "foo-1.0-1build-py3-none-any.whl", ("1.0", "py3-none-any")),
        ("foo", "foo-1.0_post1-py3-none-any.whl", ("1.0.post1", "py3-none-any")),
        ("foo", "foo-1.0+local_1-py3-none-any.whl", ("1.0+local.1", "py3-none-any")),
        ("foo", "foo-1!2.0RC1-cp311-cp311-ANY.whl", ("1!2.0rc1", "cp311-cp311-any")),
        ("six", "six-1.17.0.tar.gz", ("1.17.0", None)),
        ("six", "six-1.17.0.TAR.GZ", ("1.17.0", None)),
        ("six", "six-1.17.0.zip", ("1.17.0", None)),
        ("twisted", "Twisted-8.1.0.tar.bz2", ("8.1.0", None)),
        ("foo-bar", "foo_bar-1.0.tar.gz", ("1.0", None)),
        ("foo-bar", "foo-bar-1.0.tar.gz", ("1.0", None)),
        ("foo-bar", "Foo.Bar-1.0-beta.tar.gz", ("1.0b0", None)),
        ("foo-bar", "foo__bar-1.0.tar.gz", ("1.0", None)),
        ("six", "six-1.0-py2.7.egg", IGNORED),
        ("six", "six-1.0.win32-py2.7.exe", IGNORED),
        ("six", "six-1.0.tar.gz.asc", IGNORED),
        ("six", "sixer-1.0.tar.gz", None),
        ("six", "seven-1.0-py3-none-any.whl", None),
        ("six", "six-1.0-beta-x-py3-none-any.whl", None),
        ("six", "six-1.0-py3-none.whl", None),
        ("six", "six-1.0-py3-none-a ny.whl", None),
        ("six", "six-one-py3-none-any.whl", None),
        ("six", "six-1.0.linux-x86_64.tar.gz", None),
        ("six", "six- 1.0.tar.gz", None),
        ("six", "six-1.0\n.tar.gz", None),
        ("six", "six-１.tar.gz", None),
        ("six", "six.tar.gz", None),
        ("six", "../six-1.0.tar.gz", None),
        ("six", "", None),
        ("six", f"six-{'1' * 5000}.tar.gz", None),
        ("six", f"six-1-py3-none-{'a' * 5000}.whl", None),
    ],
)  # fmt: skip
def test_file_names_say_release_and_tags(
    package: str, filename: str, expected: tuple[str, str | None] | str | None
) -> None:
    names = FileNames(package)
    assert names.read(filename) == expected
    assert names.read(filename) == expected
