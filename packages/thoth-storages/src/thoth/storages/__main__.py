"""`python -m thoth.storages` is the `thoth-storages` command."""

from thoth.storages.cli.main import main

main()
