"""Rules that keep solvers from releases."""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thoth.storages.exceptions import InvalidArgumentError, NotFoundError
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.arguments import DEFAULT_COUNT
from thoth.storages.graph.queries.family import ECOSYSTEM, Conditions, QueryFamily
from thoth.storages.graph.queries.names import record_names
from thoth.storages.graph.queries.transactions import in_transaction
from thoth.storages.graph.versions import (
    normalize_package_name,
    normalize_version,
    parse_specifier,
    version_key,
)

if TYPE_CHECKING:
    from thoth.storages.graph.versions import ParsedSpecifier

MAX_SPECIFIER_CHARACTERS = 512
"""The version specifier of a rule may have at most so many characters."""

_ADD_RULE = f"""
    INSERT INTO rule (package_id, package_index_id, version_specifier, bounds, description)
    SELECT package.id, package_index.id, %(version_specifier)s, %(bounds)b::bytea[],
           %(description)s
      FROM package
      LEFT JOIN package_index
             ON package_index.ecosystem = package.ecosystem AND package_index.url = %(index_url)s
     WHERE package.ecosystem = '{ECOSYSTEM}' AND package.name = %(package_name)s
    ON CONFLICT (package_id, version_specifier, package_index_id) DO UPDATE
       SET description = coalesce(excluded.description, rule.description)
    RETURNING id, description
"""
_DELETE_RULE = "DELETE FROM rule WHERE id = %(id)s::bigint"
_FIELDS = ("id", "package_name", "version_specifier", "index_url", "description")
_RULES = """
      FROM rule
      JOIN package ON package.id = rule.package_id
      LEFT JOIN package_index ON package_index.id = rule.package_index_id
"""
_RECORD = f"""
    SELECT rule.id, package.name, rule.version_specifier, package_index.url, rule.description
      {_RULES}
"""
_APPLYING = f"""
    SELECT rule.id, rule.version_specifier, package_index.url, rule.description
      {_RULES}
"""


class RuleQueries(QueryFamily):
    """Queries on rules."""

    def create_python_rule(
        self,
        package_name: str,
        *,
        version_specifier: str | None = None,
        index_url: str | None = None,
        description: str | None = None,
    ) -> dict[str, Any]:
        """Make a rule that keeps solvers from releases of a package; return it as a record.

        No specifier (PEP 440) means every version, no index every index. The record has the keys
        `id`, `package_name`, `version_specifier`, `index_url` and `description`. The same rule is
        made once: a description given anew becomes that of the rule. Raises `InvalidArgumentError`.
        """
        specifier = _specifier(version_specifier)
        rule: dict[str, Any] = {
            "package_name": arguments.package_name(package_name),
            "version_specifier": None if specifier is None else specifier.text,
            "index_url": arguments.index_url(index_url),
            "description": arguments.text("description", description),
        }
        bounds = None if specifier is None else list(specifier.bounds)
        with self._connection() as connection:

            def write() -> tuple[int, str | None]:
                urls = [rule["index_url"]] if rule["index_url"] else []
                record_names(connection, [rule["package_name"]], urls)
                row = connection.execute(_ADD_RULE, {**rule, "bounds": bounds}).fetchone()
                assert row is not None  # noqa: S101 - the package was added before
                return row[0], row[1]

            rule_id, rule["description"] = in_transaction(connection, write)
        self._cache.clear()
        return {"id": rule_id, **rule}

    def delete_python_rule(self, rule_id: int) -> int:
        """Delete a rule; return how many that were, 0 or 1. Raises `InvalidArgumentError`."""
        with self._connection() as connection:
            deleted = connection.execute(
                _DELETE_RULE, {"id": arguments.number("rule_id", rule_id)}
            ).rowcount
        self._cache.clear()
        return deleted

    def get_python_rule(self, rule_id: int) -> dict[str, Any]:
        """Return a rule as `create_python_rule` does.

        Raises `NotFoundError` for an unknown one, `InvalidArgumentError`.
        """
        row = self._row(
            f"{_RECORD} WHERE rule.id = %(id)s::bigint",
            {"id": arguments.number("rule_id", rule_id)},
        )
        if row is None:
            raise NotFoundError(f"the rule {rule_id}", "List them with get_python_rule_all().")
        return dict(zip(_FIELDS, row, strict=True))

    def get_python_rule_all(
        self,
        *,
        package_name: str | None = None,
        index_url: str | None = None,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
    ) -> list[dict[str, Any]]:
        """List rules as `create_python_rule` returns them, in the order of packages, then of ids.

        An index chooses the rules that name it. Raises `InvalidArgumentError`.
        """
        conditions = Conditions()
        conditions.add(f"package.ecosystem = '{ECOSYSTEM}'")
        name = arguments.optional("package_name", package_name, normalize_package_name)
        if name is not None:
            conditions.add("package.name = %(package_name)s", package_name=name)
        url = arguments.index_url(index_url)
        if url is not None:
            conditions.add("package_index.url = %(index_url)s", index_url=url)
        part = conditions.part(start_offset, count)
        statement = f"{_RECORD} {conditions.where()} ORDER BY package.name, rule.id {part}"
        rows = self._rows(statement, conditions.parameters)
        return [dict(zip(_FIELDS, row, strict=True)) for row in rows]

    def get_python_package_version_solver_rules_all(
        self,
        package_name: str,
        package_version: str | None = None,
        index_url: str | None = None,
    ) -> list[tuple[int, str | None, str | None, str | None]]:
        """List the rules that are about releases, as (id, specifier, index URL, description).

        With a version, those whose specifier admits it, pre-releases included (of a version that is
        not of PEP 440, those without a specifier); with an index, those that name it or none. In
        the order of their ids. Raises `InvalidArgumentError`.
        """
        conditions = Conditions(package_name=arguments.package_name(package_name))
        conditions.add(f"package.ecosystem = '{ECOSYSTEM}' AND package.name = %(package_name)s")
        version = arguments.optional("package_version", package_version, normalize_version)
        if version is not None:
            conditions.add(
                "(rule.bounds IS NULL OR width_bucket(%(key)b::bytea, rule.bounds) %% 2 = 1)",
                key=version_key(version),
            )
        url = arguments.index_url(index_url)
        if url is not None:
            conditions.add(
                "(rule.package_index_id IS NULL OR package_index.url = %(index_url)s)",
                index_url=url,
            )

        def answer() -> list[tuple[int, str | None, str | None, str | None]]:
            statement = f"{_APPLYING} {conditions.where()} ORDER BY rule.id"
            rows = self._rows(statement, conditions.parameters)
            return [(rule, specifier, index, text) for rule, specifier, index, text in rows]

        question = (conditions.parameters["package_name"], version, url)
        return self._cached("get_python_package_version_solver_rules_all", question, answer)


def _specifier(text: str | None) -> ParsedSpecifier | None:
    """Return a specifier in its canonical form; None for none, and for one that admits all."""
    if arguments.text("version_specifier", text, most=MAX_SPECIFIER_CHARACTERS) is None:
        return None
    parsed = None if text is None else parse_specifier(text.strip())
    if parsed is None or len(parsed.text) > MAX_SPECIFIER_CHARACTERS:
        raise InvalidArgumentError("version_specifier", text, "must be a specifier of PEP 440")
    return parsed if parsed.text else None
