"""The published interface of `GraphDatabase`: names, parameters, and how queries are named.

What consumers were promised is written down here as data; only a new promise may change it.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

from thoth.storages import GraphDatabase
from thoth.storages.graph.queries.family import QueryFamily

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLISHED = """
# Lifecycle and administration
construct_connection_string()
connect()
initialize_schema()
drop_all()
is_schema_up2date()
get_script_alembic_version_head()
get_table_alembic_version_head()
get_alembic_version_count_all()
stats()
cache_clear()
get_database_size()
is_database_corrupted()
get_bloat_data()
get_index_bloat_data()
get_main_table_count()
get_relation_table_count()
get_performance_table_count()
get_entity_count(entity)
# Packages
python_package_exists(package_name)
python_package_version_exists(package_name, package_version, index_url=None, solver_name=None)
get_python_packages_all(
    *, start_offset=0, count=100, os_name=None, os_version=None, python_version=None,
    distinct=False)
get_python_packages_count_all(
    *, os_name=None, os_version=None, python_version=None, distinct=False)
get_python_package_versions_all(
    package_name=None, package_version=None, index_url=None, *, start_offset=0, count=100,
    os_name=None, os_version=None, python_version=None, distinct=False, is_missing=None)
get_python_package_versions_count_all(
    package_name=None, package_version=None, index_url=None, *, os_name=None, os_version=None,
    python_version=None, distinct=False, is_missing=None)
get_python_package_versions_per_index(index_url, *, distinct=False)
get_python_package_version_names_all(
    *, start_offset=0, count=100, os_name=None, os_version=None, python_version=None,
    distinct=False, sort=False, like=None)
get_python_package_version_names_count_all(
    *, os_name=None, os_version=None, python_version=None, distinct=False, like=None)
get_python_package_hashes_sha256(package_name, package_version, index_url, *, distinct=False)
get_python_package_version_metadata(package_name, package_version, index_url)
get_python_package_version_trove_classifiers_all(
    package_name, package_version, index_url, *, os_name, os_version, python_version)
get_python_package_version_import_packages_all(import_name, distinct=False)
is_python_package_version_is_missing(package_name, package_version, index_url)
update_missing_flag_package_version(package_name, package_version, index_url, value)
update_provides_source_distro_package_version(package_name, package_version, index_url, value)
update_python_package_hash_present_flag(package_name, package_version, index_url, sha256_hash)
normalize_python_package_name(package_name)
normalize_python_package_version(package_version)
normalize_python_index_url(index_url)
# Indexes
register_python_package_index(
    url, warehouse_api_url=None, verify_ssl=True, enabled=False, only_if_package_seen=True)
set_python_package_index_state(url, *, enabled)
is_python_package_index_enabled(url)
delete_python_package_index(index_url)
get_python_package_index_all(enabled=None)
get_python_package_index_urls_all(enabled=None)
# Dependencies
get_depends_on(
    package_name, package_version=None, index_url=None, *, os_name=None, os_version=None,
    python_version=None, extras=None, marker_evaluation_result=None, is_missing=None)
get_python_package_version_records(
    package_name, package_version, index_url, *, os_name, os_version, python_version)
retrieve_transitive_dependencies_python(
    package_name, package_version, index_url, *, os_name=None, os_version=None,
    python_version=None, extras=None, marker_evaluation_result=None)
retrieve_transitive_dependencies_python_multi(
    *package_tuples, os_name=None, os_version=None, python_version=None)
retrieve_dependent_packages(package_name, package_version=None)
get_python_package_version_dependents_all(
    package_name, *, os_name=None, os_version=None, python_version=None, start_offset=0,
    count=100)
get_python_environment_marker(
    package_name, package_version, index_url, *, dependency_name, dependency_version, os_name,
    os_version, python_version, marker_evaluation_result=None)
get_python_environment_marker_evaluation_result(
    package_name, package_version, index_url, *, dependency_name, dependency_version, os_name,
    os_version, python_version)
# Solver results
has_python_solver_error(
    package_name, package_version, index_url, *, os_name, os_version, python_version)
solver_document_id_exists(solver_document_id)
get_solver_document_id_all(
    package_name, package_version=None, index_url=None, *, os_name=None, os_version=None,
    python_version=None, sort=False)
get_ecosystem_solver_all()
solved_software_environment_exists(os_name, os_version, python_version)
get_solved_python_package_version_environments_all(
    package_name, package_version, index_url, *, start_offset=0, count=100, distinct=False)
get_solved_python_package_versions_all(
    package_name=None, package_version=None, index_url=None, *, start_offset=0, count=100,
    os_name=None, os_version=None, python_version=None, distinct=False, is_missing=None)
get_solved_python_package_versions_count_all(
    package_name=None, package_version=None, index_url=None, *, os_name=None, os_version=None,
    python_version=None, distinct=False, is_missing=None)
get_unsolved_python_package_versions_all(
    package_name=None, package_version=None, index_url=None, *, start_offset=0, count=100,
    os_name=None, os_version=None, python_version=None, distinct=False, randomize=True)
get_unsolved_python_package_versions_count_all(
    package_name=None, package_version=None, index_url=None, *, os_name=None, os_version=None,
    python_version=None, distinct=False)
get_error_solved_python_package_versions_all(
    package_name=None, package_version=None, index_url=None, *, unsolvable=False,
    unparseable=False, start_offset=0, count=100, os_name=None, os_version=None,
    python_version=None, distinct=False)
get_last_solver_datetime(os_name=None, os_version=None, python_version=None)
delete_solver_result(solver_document_id)
sync_solver_result(document, *, force=False)
# Vulnerabilities and rules
create_python_cve_record(package_name, package_version, index_url, *, cve_id, details, link)
get_python_cve_records_all(package_name, package_version=None)
get_python_cve_records_count()
get_cve_timestamp()
set_cve_timestamp(timestamp)
create_python_rule(package_name, *, version_specifier=None, index_url=None, description=None)
delete_python_rule(rule_id)
get_python_rule(rule_id)
get_python_rule_all(*, package_name=None, index_url=None, start_offset=0, count=100)
get_python_package_version_solver_rules_all(package_name, package_version=None, index_url=None)
# Stacks, inspections, indicators
get_python_software_stack_count_all(is_external=False, software_stack_type=None, distinct=False)
dependency_monkey_document_id_exists(dependency_monkey_document_id)
sync_dependency_monkey_result(document)
inspection_document_id_exist(inspection_document_id)
inspection_document_id_result_number_exists(inspection_document_id, inspection_result_number)
sync_inspection_result(document)
create_hardware_information(hardware, is_external=True)
delete_hardware_information(hardware_information_id, is_external=True)
get_hardware_environments_all(is_external=False, *, start_offset=0, count=100, without_id=True)
get_pi_count(component)
get_pi_component_all()
"""

POSITIONAL_ENVIRONMENT = "published with a positional environment"
ONE_ANSWER = "published without pages: bounded by what one release, package or index has"
EXCEPTIONS = {
    "pages": {
        "get_ecosystem_solver_all": "published without pages: there are few solvers",
        "get_pi_component_all": "published without pages: there are few components",
        "get_python_cve_records_all": ONE_ANSWER,
        "get_python_package_index_all": "published without pages: there are few indexes",
        "get_python_package_index_urls_all": "published without pages: there are few indexes",
        "get_python_package_version_import_packages_all": "published without pages",
        "get_python_package_version_solver_rules_all": ONE_ANSWER,
        "get_python_package_version_trove_classifiers_all": ONE_ANSWER,
        "get_solver_document_id_all": ONE_ANSWER,
    },
    "count": {
        "get_entity_count": "published as a number: it is asked about one table",
        "get_python_cve_records_count": "published as a number",
    },
    "environment": {
        "get_last_solver_datetime": POSITIONAL_ENVIRONMENT,
        "solved_software_environment_exists": POSITIONAL_ENVIRONMENT,
    },
    "required environment": {
        "get_python_environment_marker": "published with a required environment",
        "get_python_environment_marker_evaluation_result": "published with a required environment",
        "get_python_package_version_records": "published with a required environment",
        "get_python_package_version_trove_classifiers_all": "published with a required environment",
        "has_python_solver_error": "published with a required environment",
        "solved_software_environment_exists": "published with a required environment",
    },
    "release": {
        "create_python_rule": "published with a keyword: a rule need not name an index",
        "get_python_rule_all": "published with keywords: they are filters of rules",
    },
}
ENVIRONMENT = ("os_name", "os_version", "python_version")
RELEASE = ("package_name", "package_version", "index_url")
QUERIES = {
    name: inspect.signature(method)
    for name, method in inspect.getmembers(GraphDatabase, callable)
    if not name.startswith("_")
    and any(name in vars(family) for family in GraphDatabase.__mro__ if family is not GraphDatabase)
    and not hasattr(QueryFamily, name)
}


def published_functions() -> dict[str, Callable[..., object]]:
    functions: dict[str, Callable[..., object]] = {}
    calls = PUBLISHED.replace("\n    ", " ")
    for line in calls.strip().splitlines():
        if not line.startswith("#"):
            namespace: dict[str, Callable[..., object]] = {}
            name, parameters = line.split("(", 1)
            exec(f"def {name}(self, {parameters}: ...".replace(", )", ")"), namespace)
            functions[name] = namespace[name]
    return functions


PUBLISHED_FUNCTIONS = published_functions()


def shape(function: Callable[..., object]) -> list[tuple[str, str, object]]:
    parameters = inspect.signature(function).parameters.values()
    return [
        (each.name, each.kind.description, each.default)
        for each in parameters
        if each.name != "self"
    ]


@pytest.mark.parametrize("name", PUBLISHED_FUNCTIONS)
def test_every_published_name_takes_the_published_parameters(name: str) -> None:
    assert shape(getattr(GraphDatabase, name)) == shape(PUBLISHED_FUNCTIONS[name])


def test_the_misspelt_name_is_the_same() -> None:
    assert GraphDatabase.initilize_schema is GraphDatabase.initialize_schema


def test_default_of_count_is_a_hundred() -> None:
    from thoth.storages.graph.queries.arguments import DEFAULT_COUNT

    assert DEFAULT_COUNT == 100


def faults_of_pages(name: str, signature: inspect.Signature) -> bool:
    """A listing takes a page, a count takes none."""
    defaults = {key: value.default for key, value in signature.parameters.items()}
    page = {key: defaults[key] for key in ("start_offset", "count") if key in defaults}
    if name.startswith("get_") and name.endswith("_all") and not name.endswith("_count_all"):
        return page != {"start_offset": 0, "count": 100}
    return page not in ({}, {"start_offset": 0, "count": 100})


def faults_of_count(name: str, signature: inspect.Signature) -> bool:
    """What a query is called says what it returns."""
    returned = str(signature.return_annotation)
    expected = ""
    if name.endswith("_count_all"):
        expected = "int"
    elif name.startswith("get_") and "_count_per_" in name:
        expected = "dict[str, dict["
    elif name.startswith("get_") and name.endswith("_count"):
        expected = "dict["
    elif name.startswith("get_") and name.endswith("_all"):
        expected = "list["
    elif name.startswith("get_") and ("_per_" in name or "_all_" in name):
        expected = "dict["
    elif (
        name.startswith(("has_", "is_"))
        or name.endswith(("_exists", "_exist"))
        or (name.startswith("update_") and "_on_" in name)
    ):
        expected = "bool"
    return not returned.startswith(expected)


def faults_of_environment(_name: str, signature: inspect.Signature) -> bool:
    """An environment is given by keywords."""
    return any(
        signature.parameters[key].kind is not inspect.Parameter.KEYWORD_ONLY
        for key in ENVIRONMENT
        if key in signature.parameters
    )


def faults_of_required_environment(_name: str, signature: inspect.Signature) -> bool:
    """An environment is whole, and None where nobody names one."""
    given = [signature.parameters[key] for key in ENVIRONMENT if key in signature.parameters]
    return len(given) not in (0, 3) or any(each.default is not None for each in given)


def faults_of_release(_name: str, signature: inspect.Signature) -> bool:
    """A release is given by position: its name, version and index URL, first of all."""
    names = [
        key
        for key, value in signature.parameters.items()
        if value.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and key != "self"
    ]
    given = [key for key in RELEASE if key in signature.parameters]
    return len(given) > 1 and names[: len(given)] != given


RULES = {
    "pages": faults_of_pages,
    "count": faults_of_count,
    "environment": faults_of_environment,
    "required environment": faults_of_required_environment,
    "release": faults_of_release,
}


@pytest.mark.parametrize("rule", RULES)
def test_every_public_query_keeps_to_the_conventions(rule: str) -> None:
    broken = {name for name, signature in QUERIES.items() if RULES[rule](name, signature)}
    assert broken == set(EXCEPTIONS[rule]) & set(QUERIES), RULES[rule].__doc__


def test_only_what_was_published_may_be_an_exception() -> None:
    for exceptions in EXCEPTIONS.values():
        assert set(exceptions) <= set(PUBLISHED_FUNCTIONS)


@pytest.mark.parametrize("name", QUERIES)
def test_flags_are_off_and_values_are_none_until_they_are_given(name: str) -> None:
    defaults = {key: value.default for key, value in QUERIES[name].parameters.items()}
    assert defaults.get("distinct", False) is False
    assert defaults.get("is_missing") is None or defaults["is_missing"] is inspect.Parameter.empty


@pytest.mark.parametrize("name", QUERIES)
def test_every_public_query_says_what_it_does_and_promises(name: str) -> None:
    documentation = inspect.getdoc(getattr(GraphDatabase, name))
    assert documentation
    assert QUERIES[name].return_annotation is not inspect.Signature.empty
