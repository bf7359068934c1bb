"""A process that uses an embedded server, for tests: argv holds one JSON object.

It imports the room without the packages above it, so that any interpreter can run it. It prints
one line, `{"parameters": ...}` or `{"error": ..., "path": ..., "text": ...}`, and keeps the
server until its standard input ends. `settings` are EmbeddedServer's.
"""

import json
import os
import sys
from pathlib import Path
from types import ModuleType


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    order = json.loads(sys.argv[1])
    for name, path in order["packages"].items():
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [path]
    sys.path += order["search"]
    from thoth.storages.exceptions import EmbeddedServerError
    from thoth.storages.graph.embedded import EmbeddedServer

    try:
        lease = EmbeddedServer(Path(order["data_dir"]), **order["settings"]).acquire()
    except EmbeddedServerError as error:
        answer = {"error": type(error).__name__, "path": str(error.path), "text": str(error)}
        _say(answer)
        return
    with lease:
        answer = {"parameters": lease.connection_parameters, "uid": os.geteuid()}
        _say(answer)
        sys.stdin.read()


if __name__ == "__main__":
    main()
