"""Syncing documents of advisers: the run, the stack it was given, what it advised, what it lacked.

The stack is that of a user (of type `USER`, external); the products are ours (`ADVISED`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thoth.storages.graph.queries.names import record_names
from thoth.storages.sync.runs import (
    PRODUCT_COLUMNS,
    RUN_ON_STACK_COLUMNS,
    DistinctRows,
    NumberedRows,
    RunTable,
    write_document,
)
from thoth.storages.sync.stacks import (
    ADVISED,
    OF_A_USER,
    delete_unreferred,
    locked_names,
    record_stacks_of_run,
    stacks_of_run,
)

if TYPE_CHECKING:
    from thoth.storages.graph.connections import Connection
    from thoth.storages.sync.adviser_documents import AdviserFacts

_RUNS = RunTable(
    "adviser_run",
    {
        **RUN_ON_STACK_COLUMNS,
        "count": "int",
        "limit": "int",
        "recommendation_type": "text",
        "decision_type": "text",
        "predictor": "text",
    },
)
_PRODUCTS = NumberedRows(
    "adviser_product",
    PRODUCT_COLUMNS,
    run="adviser_run_id",
    number="rank",
)
_UNRESOLVED = DistinctRows(
    "adviser_unresolved", {"package_id": "int", "specifier": "text"}, run="adviser_run_id"
)
_STACKS = """
    SELECT software_stack_id FROM adviser_run WHERE id = %(run)s
     UNION SELECT software_stack_id FROM adviser_product WHERE adviser_run_id = %(run)s
"""


def sync_adviser_facts(connection: Connection, facts: AdviserFacts, *, force: bool = False) -> bool:
    """Write the rows of a document, all or none; say whether there was anything to write.

    A document that is in the graph already is left alone; `force` writes it again, after which the
    rows are those of this document, however often. Safe for any number of parallel writers. Raises
    `InvalidDocumentError` for what cannot be stored.
    """
    return write_document(
        connection,
        facts.document_id,
        lambda: _write(connection, facts, force=force),
        path="result.report.products",
    )


def _write(connection: Connection, facts: AdviserFacts, *, force: bool) -> bool:
    run = _RUNS.begin(connection, facts.document_id, facts.columns, force=force)
    if run is None:
        return False
    former = stacks_of_run(connection, _STACKS, run) if force else set()
    given, products = facts.given, facts.products
    packages: dict[str, int] = {}
    if facts.unresolved:
        names, urls = locked_names([given.stack, *(product.stack for product in products)])
        names.update(name for name, _ in facts.unresolved)
        packages = record_names(connection, names, urls).packages
    wanted = [(given.stack, OF_A_USER), *((product.stack, ADVISED) for product in products)]
    (stack, *stacks), columns = record_stacks_of_run(
        connection, wanted, given.requirements, given.environment
    )
    _RUNS.change(connection, run, {**facts.columns, **columns, "software_stack_id": stack})
    rows = [product.columns(each) for product, each in zip(products, stacks, strict=True)]
    _PRODUCTS.write(connection, run, rows)
    unresolved = [(packages[name], specifier) for name, specifier in facts.unresolved]
    _UNRESOLVED.write(connection, run, unresolved)
    delete_unreferred(connection, former.difference({stack, *stacks}))
    return True
