"""`python -m thoth.dependency_monkey.cli` is the `dependency-monkey` command."""

from thoth.dependency_monkey.cli.main import main

main()
