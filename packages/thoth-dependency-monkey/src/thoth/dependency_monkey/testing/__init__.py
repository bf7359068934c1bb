"""Package indexes for tests, yours too: one in memory, and one that really speaks HTTP on loopback.

index = InMemoryIndex({"six": {"1.17.0": []}, "boto3": {"1.0": ["six>=1.10"]}})

with IndexServer() as server:
    server.add("six", "1.17.0", requires_python=">=3.8")
    server.url  # give it to the program under test
"""

from thoth.dependency_monkey.testing.artifacts import ReleaseSpec, build_sdist, build_wheel
from thoth.dependency_monkey.testing.memory import InMemoryIndex
from thoth.dependency_monkey.testing.server import Fault, IndexServer, LoggedRequest

__all__ = [
    "Fault",
    "InMemoryIndex",
    "IndexServer",
    "LoggedRequest",
    "ReleaseSpec",
    "build_sdist",
    "build_wheel",
]
