import subprocess
import sys


def test_reading_pages_and_metadata_does_not_load_the_http_library() -> None:
    program = (
        "import sys\n"
        "from thoth.dependency_monkey.ecosystems.pypi import facts, ports\n"
        "from thoth.dependency_monkey.ecosystems.pypi.index import (\n"
        "    core_metadata, credentials, limits, pages, sdists, wheels, zip_archives)\n"
        "from thoth.dependency_monkey.testing import InMemoryIndex\n"
        "print(sorted({'httpx2', 'httpcore2', 'h11'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
