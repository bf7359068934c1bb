"""The snapshot of PyPI in `data`, as records of releases."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from packaging.version import Version

from thoth.storages import ArtifactRecord, ReleaseRecord

PYPI = "https://pypi.org/simple/"
_DATA = Path(__file__).parent / "data" / "pypi-snapshot.json.gz"
_FIRST = datetime(2015, 1, 1, tzinfo=UTC)


def dense(*, extras: bool = True, artifacts: bool = False) -> list[ReleaseRecord]:
    """Return all releases; what was not harvested is that of the nearest newer, else older one.

    Without `extras`, requirements that only an extra asks for are left out. Artifacts are made up:
    one wheel and/or sdist a release, each with the SHA-256 of its own name, one day after another.
    """
    snapshot: dict[str, dict[str, dict[str, Any]]] = json.loads(gzip.decompress(_DATA.read_bytes()))
    records = []
    for package, releases in snapshot.items():
        versions = sorted(releases, key=Version)
        harvested = [releases[version]["requires_dist"] for version in versions]
        for place, version in enumerate(versions):
            facts = releases[version]
            nearest = [*harvested[place:], *reversed(harvested[:place])]
            requirements = next((each for each in nearest if each is not None), [])
            uploaded_at = _FIRST + timedelta(days=place)
            records.append(
                ReleaseRecord(
                    package=package,
                    version=version,
                    index_url=PYPI,
                    requires_python=facts["requires_python"],
                    yanked=bool(facts["yanked"]),
                    provides_source_distro=bool(facts["sdist"]),
                    uploaded_at=uploaded_at,
                    dependencies=tuple(
                        each for each in requirements if extras or not _is_of_an_extra(each)
                    ),
                    artifacts=_artifacts(package, version, facts, uploaded_at)
                    if artifacts
                    else None,
                )
            )
    return records


def _is_of_an_extra(requirement: str) -> bool:
    return "extra ==" in requirement.partition(";")[2].replace("extra==", "extra ==")


def _artifacts(
    package: str, version: str, facts: dict[str, Any], uploaded_at: datetime
) -> tuple[ArtifactRecord, ...]:
    name = f"{package.replace('-', '_')}-{version}"
    files = [(f"{name}-py3-none-any.whl", "wheel")] * facts["wheel"]
    files += [(f"{name}.tar.gz", "sdist")] * facts["sdist"]
    return tuple(
        ArtifactRecord(
            filename=filename,
            sha256=hashlib.sha256(filename.encode()).digest(),
            kind=kind,
            size=100_000,
            uploaded_at=uploaded_at,
            tags=("py3-none-any",) if kind == "wheel" else None,
        )
        for filename, kind in files
    )
