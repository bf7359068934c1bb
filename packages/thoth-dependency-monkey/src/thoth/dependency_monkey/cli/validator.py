"""`dependency-monkey validator`: the program that answers one validation in isolation."""

from __future__ import annotations

import click

_EPILOG = """\b
Environment:
  ECOSYSTEM             pypi
  STACK_SPECIFICATION   requirements, one a line; new lines may be written as \\n
  TARGETS               JSON array of target ids (default: this interpreter on this machine)
  POLICY                JSON object, as in the "policy" of an answer
  CONSTRAINTS           JSON string: constraints, one a line
  INDEX_URL             read-through index (default: the ecosystem's own index)
  RESULT_PATH           write the document to this file
  RESULT_URL            PUT the document there, once, with RESULT_TOKEN as bearer token

\b
Exit codes:
  0  a conclusion was reached, valid or not
  2  the request is malformed
  3  undecided; the document says which fact was missing or which limit was hit
"""


@click.command(epilog=_EPILOG)
def validator() -> int:
    """Answer one question from the environment with a document on standard output.

    This is what executors start; `validate` is for people. Nothing is kept, and no package is
    ever built, installed or run.
    """
    from thoth.dependency_monkey.validation.validator import main

    return main()
