"""The grammar of a `pypi` stack specification, line by line."""

from __future__ import annotations

import pytest

from thoth.dependency_monkey.ecosystems.pypi.specification import (
    Requirement,
    SpecificationLimits,
    parse_constraints,
    parse_sources,
    parse_specification,
)
from thoth.dependency_monkey.errors import Problem, RequestError


def problems(text: str | bytes, **options: object) -> tuple[Problem, ...]:
    with pytest.raises(RequestError) as caught:
        parse_specification(text, **options)  # type: ignore[arg-type]
    return caught.value.problems


def problem(text: str | bytes, **options: object) -> Problem:
    (only,) = problems(text, **options)
    return only


def canonical(text: str | bytes) -> str:
    return parse_specification(text).canonical


# What is accepted


def test_the_published_example_with_an_escaped_newline_has_two_requirements() -> None:
    assert canonical(r"pandas\nnumpy>=1.11.0") == "pandas\nnumpy>=1.11.0"


@pytest.mark.parametrize("separator", ["\n", "\r\n", r"\n"])
def test_lines_end_with_lf_crlf_or_the_two_characters(separator: str) -> None:
    assert canonical(f"six{separator}{separator}pandas{separator}") == "six\npandas"


def test_escapes_can_be_left_undecoded() -> None:
    assert "backslash" in problem(r"six\npandas", decode_escapes=False).message


def test_a_requirement_keeps_the_users_line_beside_its_canonical_parts() -> None:
    text = '# web\n\n  Flask_Login[B.b, a]  (>= 0.6.0rc1 ,!=0.7)  ; os.name=="posix"   # why\n'
    (requirement,) = parse_specification(text, source="reqs.txt").requirements
    assert requirement == Requirement(
        name="flask-login",
        extras=("a", "b-b"),
        specifier="!=0.7,>=0.6.0rc1",
        marker='os_name == "posix"',
        line=3,
        text='Flask_Login[B.b, a]  (>= 0.6.0rc1 ,!=0.7)  ; os.name=="posix"',
        source="reqs.txt",
    )
    assert str(requirement) == 'flask-login[a,b-b]!=0.7,>=0.6.0rc1; os_name == "posix"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("foo (>=1.0)", "foo>=1.0"),
        ("foo===1.0", "foo===1.0"),
        ("foo===1.0_weird", "foo===1.0_weird"),
        ("foo == 1.0.*", "foo==1.0.*"),
        ("foo==V1.0.*", "foo==1.0.*"),
        ("foo~=1.4.0", "foo~=1.4.0"),
        ("foo>=v1.0.ALPHA-1", "foo>=1.0a1"),
        ("foo==1.0-1", "foo==1.0.post1"),
        ("foo==1.0+Ubuntu_1", "foo==1.0+ubuntu.1"),
        ("foo==1!2.0", "foo==1!2.0"),
        ("foo>=1,>=1 , >= 1", "foo>=1"),
        ("foo>=1.0,>=1", "foo>=1,>=1.0"),
        ("foo>=1,", "foo>=1"),
        ("foo[]", "foo"),
        ("foo [a,A,a]", "foo[a]"),
        ("F.o-_O", "f-o-o"),
        ("foo\t>=1\t#\tx", "foo>=1"),
        ("foo;python_implementation=='x'", 'foo; platform_python_implementation == "x"'),
        ("foo; ((os_name=='a'))", 'foo; os_name == "a"'),
        ("foo; platform_version=='a\"b'", "foo; platform_version == 'a\"b'"),
        ("foo; platform_version=='#1 --x /y http://z'",
         'foo; platform_version == "#1 --x /y http://z"'),
        ("foo; '3.8'<=python_version and 'linux' in sys_platform",
         'foo; "3.8" <= python_version and "linux" in sys_platform'),
        ("foo; python_version not in '2.7'", 'foo; python_version not in "2.7"'),
        ("foo; python_version ~= '3.8'", 'foo; python_version ~= "3.8"'),
    ],
)  # fmt: skip
def test_canonical_text(text: str, expected: str) -> None:
    assert canonical(text) == expected
    assert canonical(expected) == expected


def test_repeated_names_stay_in_the_users_order() -> None:
    assert canonical("six>=1\nabc\nSix<2") == "six>=1\nabc\nsix<2"


def test_a_number_sign_inside_a_word_starts_no_comment() -> None:
    assert canonical("foo; platform_version == 'a#b'") == 'foo; platform_version == "a#b"'


def test_unicode_is_fine_in_comments() -> None:
    assert canonical("six  # größer als 1 — überall") == "six"


def test_bytes_are_utf_8_with_or_without_a_byte_order_mark() -> None:
    assert canonical(b"\xef\xbb\xbfsix # \xc3\xa4") == "six"
    assert canonical("\ufeffsix") == "six"


# What is refused, by name


@pytest.mark.parametrize(
    ("text", "column", "message", "remedy"),
    [
        ("-r other.txt", 1, "option '-r'", "-r on the command line"),
        ("-rother.txt", 1, "option '-r'", "-r on the command line"),
        ("--requirement=x", 1, "option '--requirement'", "-r on the command line"),
        ("-c x", 1, "option '-c'", "-c on the command line"),
        ("--constraint x", 1, "option '--constraint'", "-c on the command line"),
        ("-e .", 1, "option '-e'", "Name the package"),
        ("--editable=.", 1, "option '--editable'", "Name the package"),
        ("-i https://x", 1, "option '-i'", "--index-url on the command line"),
        ("  --index-url https://x", 3, "option '--index-url'", "--index-url on the command"),
        ("--extra-index-url https://x", 1, "'--extra-index-url'", "--index-url on the command"),
        ("--find-links x", 1, "option '--find-links'", "outside of the text"),
        ("--pre", 1, "option '--pre'", "--prerelease"),
        ("--no-binary :all:", 1, "option '--no-binary'", "Remove it"),
        ("-x", 1, "option '-x'", "Remove it"),
        ("six==1 --hash=sha256:ab", 8, "option '--hash'", "Remove the hashes"),
        ("six; os_name=='a' --hash=x", 19, "option '--hash'", "Remove the hashes"),
        ("six -q", 5, "option '-q'", "Remove it"),
        ("./six", 1, "a path", "Name the package"),
        ("../six", 1, "a path", "Name the package"),
        (".", 1, "a path", "Name the package"),
        ("~/six", 1, "a path", "Name the package"),
        ("/etc/passwd", 1, "a path", "Name the package"),
        (r"C:\six", 1, "a path", "Name the package"),
        (r"C:\new", 1, "a path", "Name the package"),
        ("C:/six", 1, "a path", "Name the package"),
        (r"\\host\share", 1, "a path", "Name the package"),
        ("dist/six", 1, "a path", "Name the package"),
        ("six; dist/six", 6, "a path", "Name the package"),
        ("six-1.16.0-py2.py3-none-any.whl", 1, "name of a file", "Name the package"),
        ("six-1.16.0.tar.gz", 1, "name of a file", "Name the package"),
        ("six.ZIP", 1, "name of a file", "Name the package"),
        ("requirements.txt", 1, "name of a file", "with -r on the command line"),
        ("pyproject.toml", 1, "name of a file", "with -r on the command line"),
        ("https://host/six.whl", 1, "a URL", "Name the package"),
        ("FILE:///etc/passwd", 1, "a URL", "Name the package"),
        ("file:six", 1, "a URL", "Name the package"),
        ("six==http://x", 6, "a URL", "Name the package"),
        ("git+https://host/six", 1, "a VCS reference", "Name the package"),
        ("hg+ssh://host/six", 1, "a VCS reference", "Name the package"),
        ("git@host:six/six.git", 1, "a VCS reference", "Name the package"),
        ("six @ file:///etc/passwd", 5, "name @ URL", "Name versions"),
        ("six[a]@https://host/six.whl", 7, "name @ URL", "Name versions"),
        ("six@1.16", 4, "name @ URL", "Name versions"),
        ("six \\", 5, "line continuation", "on one line"),
        ("six>=${VERSION}", 6, "environment variable", "Write its value"),
        ("six; os_name == '${OS}'", 18, "environment variable", "Write its value"),
        ("$PACKAGE", 1, "environment variable", "Write its value"),
        ("six>=%VERSION%", 6, "environment variable", "Write its value"),
        ("six\x00", 4, "control character U+0000", "Remove it"),
        ("six # \x1b[31m", 7, "control character U+001B", "Remove it"),
        ("six\rabc", 4, "control character U+000D", "Remove it"),
        ("six\x85abc", 4, "control character U+0085", "Remove it"),
        ("six\u2028abc", 4, "line separator U+2028", "Remove it"),
        ("six\u2029abc", 4, "line separator U+2029", "Remove it"),
        ("s\ud800ix", 2, "lone surrogate U+D800", "Remove it"),
        ("\u017fix", 1, "character \u017f (U+017F)", "ASCII"),
        ("six==\u0661", 6, "(U+0661)", "ASCII"),
        ("six\u00a0>=1", 4, r"character \xa0 (U+00A0)", "ASCII"),
        ("six\u202e", 4, r"character \u202e (U+202E)", "ASCII"),
        (r"six; 'a\x0ab' == os_name", 8, "backslash", "Remove it"),
    ],
)  # fmt: skip
def test_a_refused_form_is_called_by_its_name(
    text: str, column: int, message: str, remedy: str
) -> None:
    found = problems(text)[0]
    assert message in found.message
    assert remedy in found.remedy
    assert (found.line, found.column) == (1, column)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("six=1", 4, "a single ="),
        ("six=>1", 4, "not a version operator"),
        ("six<>1", 4, "not a version operator"),
        ("six^1", 4, "^ is not a version operator"),
        ("six~=1", 4, "at least two numbers"),
        ("six~=1a1", 4, "at least two numbers"),
        ("six>=1.*", 4, ".* goes with == and != only"),
        ("six==1a1.*", 4, "plain release numbers"),
        ("six>=1+local", 4, "local version"),
        ("six>=", 4, "not followed by a version"),
        ("six==latest", 4, "not followed by a version"),
        ("six===", 4, "not followed by a version"),
        ("six===a/b".replace("/", "'"), 4, "no version"),
        ("six===1,b", 4, "=== takes everything"),
        ("six===1, <2", 4, "=== takes everything"),
        ("six>=1 <2", 8, "comma is missing"),
        ("six 1.16", 5, "operator is missing"),
        ("six abc", 5, "'abc' follows"),
        ("six, abc", 6, "'abc' follows"),
        ("_six", 1, "does not start with a package's name"),
        ("(six)", 1, "does not start with a package's name"),
        ("six-", 4, "does not end"),
        ("six_>=1", 4, "does not end"),
        ("ab[ab_]", 4, "extra 'ab_' does not end"),
        ("six[a", 6, "expected matching ]"),
        ("six[a b]", 7, "expected comma"),
        ("six(>=1", 8, "expected matching )"),
        ("six;", 5, "expected a marker variable"),
        ("six; os_name", 13, "expected marker operator"),
        ("six; os_name == 'a", 17, "expected a marker variable"),
        ("six; colour == 'red'", 6, "expected a marker variable"),
        ("six; os_name == 'a' or", 23, "expected a marker variable"),
        ("six; (os_name == 'a'", 21, "expected matching )"),
        ("six; os_name == sys_platform", 6, "two variables"),
        ("six; 'a' == 'b'", 6, "two strings"),
        ("six; extra == 'test'", 6, "variable extra has no value here"),
        ("six; os_name=='a' or 'x' in extras", 29, "variable extras has no value here"),
        ("six; 'x' in dependency_groups", 13, "dependency_groups has no value here"),
        ("six; os_name ~= '1'", 14, "operator ~= is not defined"),
        ("six; sys_platform === 'x'", 19, "operator === is not defined"),
        ("six; python_version ~= 'x'", 21, "operator ~= is not defined"),
        ("six; '3.8' ~= python_version", 12, "operator ~= is not defined"),
    ],
)
def test_a_slip_is_explained_where_it_is(text: str, column: int, message: str) -> None:
    found = problem(f"   {text}")
    assert message in found.message
    assert (found.line, found.column) == (1, column + 3)
    assert found.remedy


@pytest.mark.parametrize("text", ["", " \t", "\n\r\n", "# six", r"\n# six\n", b""])
def test_nothing_but_blanks_and_comments_is_refused_as_empty(text: str | bytes) -> None:
    found = problem(text, source="reqs.txt")
    assert "empty" in found.message
    assert found.source == "reqs.txt"


def test_every_problem_is_reported_with_its_line() -> None:
    found = problems("six\n-r x\n\n/etc/passwd\nabc", source="reqs.txt")
    assert [(each.line, each.column, each.source) for each in found] == [
        (2, 1, "reqs.txt"),
        (4, 1, "reqs.txt"),
    ]
    assert str(found[0]).startswith("reqs.txt, line 2, column 1: the option '-r'")


def test_at_most_twenty_problems_are_reported() -> None:
    assert len(problems("-r x\n" * 500)) == 20


def test_bytes_that_are_not_utf_8_are_refused_with_their_place() -> None:
    found = problem(b"six\n# \xc3\xa4\xff")
    assert "0xff" in found.message
    assert (found.line, found.column) == (2, 4)
    assert "UTF-16" in problem("six".encode("utf-16")).message


# Limits


def test_the_size_is_limited_in_bytes() -> None:
    limits = SpecificationLimits(specification_bytes=10)
    assert parse_specification("six # äää", limits=SpecificationLimits(specification_bytes=12))
    assert "more than the 10 bytes" in problem("six # äää", limits=limits).message
    assert "more than the 10 bytes" in problem("six # " + "a" * 1000, limits=limits).message


def test_the_default_size_is_64_kib_after_decoding() -> None:
    line = "#" + "x" * 1022
    assert canonical("\n".join([line] * 63) + "\n" + line[:-3] + "\nsix")
    assert "65536" in problem("\n".join([line] * 64) + "\nsix").message
    assert canonical("six" + r"\n" * 65533) == "six"


def test_requirements_are_limited() -> None:
    assert len(parse_specification("a\n" * 1000).requirements) == 1000
    found = problem("a\n" * 1002)
    assert "1000 requirements" in found.message
    assert found.line == 1001


def test_a_line_is_limited_comment_included() -> None:
    assert canonical("six #" + "x" * 4091) == "six"
    found = problem("six #" + "x" * 4092)
    assert "4096" in found.message
    assert (found.line, found.column) == (1, 4097)


def test_extras_are_limited() -> None:
    names = [f"e{number}" for number in range(65)]
    assert canonical(f"six[{','.join(names[:64])},E0]")
    found = problem(f"six[{','.join(names)}]")
    assert "65 extras, more than the 64" in found.message
    assert found.column == 4


def test_marker_nesting_is_limited() -> None:
    def nested(depth: int) -> str:
        return f"six; {'(' * depth}os_name == 'a'{')' * depth}"

    assert canonical(nested(100)) == 'six; os_name == "a"'
    found = problem(nested(101))
    assert "100 deep" in found.message
    assert found.column == 106


def test_parentheses_inside_strings_do_not_nest() -> None:
    assert canonical(f"six; os_name == '{'(' * 101}'")


def test_parentheses_side_by_side_do_not_nest() -> None:
    assert canonical("six; " + " or ".join(["(os_name == 'a')"] * 150))


def test_a_nesting_limit_beyond_the_interpreters_recursion_is_still_a_clear_refusal() -> None:
    limits = SpecificationLimits(marker_nesting=10_000)
    found = problem(f"six; {'(' * 1900}os_name == 'a'{')' * 1900}", limits=limits)
    assert "deep" in found.message


@pytest.mark.parametrize("prefix", ["six==", "six[a]>=1.", "six==1!", "six; python_version >= '3."])
def test_digits_of_a_version_are_limited(prefix: str) -> None:
    quote = "'" if "'" in prefix else ""
    assert canonical(f"{prefix}{'1' * 20}{quote}")
    found = problem(f"{prefix}{'1' * 21}{quote}")
    assert "21 digits, more than the 20" in found.message
    assert found.column == len(prefix) + 1


def test_digits_of_names_and_extras_are_not_limited() -> None:
    digits = "1" * 30
    assert canonical(f"a{digits}[b{digits}]") == f"a{digits}[b{digits}]"


def test_limits_hold_for_the_canonical_text_too() -> None:
    line = "six;" + " or ".join(["os.name<'a'"] * 270)
    assert len(line) < 4096
    assert "canonical form" in problem(line).message
    text = "\n".join(["six;os_name<'a'"] * 50)
    limits = SpecificationLimits(specification_bytes=len(text))
    assert "canonical form" in problem(text, limits=limits).message


# Several sources


def test_sources_become_one_stack_with_lines_numbered_in_each() -> None:
    stack = parse_sources([(None, "pandas\nsix"), ("a.txt", "# x\nabc"), ("b.txt", "")])
    assert [(each.name, each.source, each.line) for each in stack.requirements] == [
        ("pandas", None, 1),
        ("six", None, 2),
        ("abc", "a.txt", 2),
    ]


def test_limits_hold_for_all_sources_together() -> None:
    limits = SpecificationLimits(requirements=2, specification_bytes=10)
    with pytest.raises(RequestError, match="b, line 2: there are more than the 2"):
        parse_sources([("a", "a"), ("b", "a\na")], limits=limits)
    with pytest.raises(RequestError, match="b: the text has more than the 10 bytes"):
        parse_sources([("a", "abcdef"), ("b", "abcdef")], limits=limits)


def test_problems_of_all_sources_are_reported() -> None:
    with pytest.raises(RequestError) as caught:
        parse_sources([("a", "-x"), ("b", "six\n-x")])
    assert [(each.source, each.line) for each in caught.value.problems] == [("a", 1), ("b", 2)]


def test_sources_that_are_all_empty_are_refused_once() -> None:
    with pytest.raises(RequestError, match=r"^the stack specification is empty"):
        parse_sources([("a", ""), ("b", "#")])


# Constraints


def test_constraints_follow_the_same_grammar() -> None:
    (constraint,) = parse_constraints("urllib3 < 2 # why", source="c.txt")
    assert (str(constraint), constraint.source) == ("urllib3<2", "c.txt")
    with pytest.raises(RequestError, match=r"c\.txt, line 1, column 1: the option"):
        parse_constraints("-r x", source="c.txt")


def test_constraints_may_be_empty() -> None:
    assert parse_constraints("# none\n") == ()


def test_a_constraint_cannot_carry_extras() -> None:
    with pytest.raises(RequestError, match="line 1, column 9: a constraint cannot carry extras"):
        parse_constraints("urllib3 [socks]<2")


# Hostile text in messages


def test_messages_escape_control_characters_and_cut_what_is_long() -> None:
    for text in ["(\u202e" + "x" * 4000, "six " + "y" * 4000, "-" * 4000, "z" * 4000 + ".whl"]:
        found = problem(text, source="\x1b[31mreqs\n.txt")
        assert str(found).isprintable()
        assert len(found.message) < 250
        assert found.source == r"\x1b[31mreqs\n.txt"
