"""Releases as tests describe them, and the real wheels and sdists that are built of them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_ZIP_TIME = (2020, 1, 1, 0, 0, 0)
# A build would run this; so whoever builds where no build may be is found out.
_SETUP = b'raise SystemExit("package code was run")\n'
_PYPROJECT = b'[build-system]\nrequires = []\nbuild-backend = "setup"\nbackend-path = ["."]\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSpec:
    """A release for tests.

    One wheel for each of `wheel_tags`, none where it is empty. With `sdist` also a source
    distribution, whose metadata is static where `static` (PEP 643). `extras` are its
    Provides-Extra. `yanked` is a reason, perhaps empty. `uploaded` needs a time zone. `metadata`
    replaces the whole core metadata file. `files` are further members of the wheels.
    """

    requires_dist: Sequence[str] = ()
    requires_python: str | None = None
    extras: Sequence[str] = ()
    wheel_tags: Sequence[str] = ("py3-none-any",)
    sdist: bool = False
    static: bool = True
    yanked: str | None = None
    uploaded: datetime | None = None
    metadata: bytes | None = None
    files: Mapping[str, bytes] | None = None

    def core_metadata(self, name: str, version: str, *, static: bool = True) -> bytes:
        """Return the core metadata file of this release."""
        if self.metadata is not None:
            return self.metadata
        lines = ["Metadata-Version: 2.2", f"Name: {name}", f"Version: {version}"]
        if not static:
            lines.append("Dynamic: Requires-Dist")
        if self.requires_python is not None:
            lines.append(f"Requires-Python: {self.requires_python}")
        lines.extend(f"Provides-Extra: {extra}" for extra in self.extras)
        lines.extend(f"Requires-Dist: {requirement}" for requirement in self.requires_dist)
        return ("\n".join(lines) + f"\n\n{name} is a package for tests.\n").encode()

    def filenames(self, name: str, version: str) -> list[str]:
        """Return the names of its files: wheels first, in the order of their tags."""
        stem = f"{name.replace('-', '_')}-{version}"
        names = [f"{stem}-{tags}.whl" for tags in self.wheel_tags]
        return [*names, f"{stem}.tar.gz"] if self.sdist else names


def build_wheel(name: str, version: str, tags: str, spec: ReleaseSpec | None = None) -> bytes:
    """Return a wheel that installers accept, with one module (PEP 427)."""
    spec = spec or ReleaseSpec()
    module = name.replace("-", "_").replace(".", "_")
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    python, abi, platform = tags.split("-")
    wheel = ["Wheel-Version: 1.0", "Generator: thoth", "Root-Is-Purelib: true"]
    wheel += [
        f"Tag: {one}-{two}-{three}"
        for one in python.split(".")
        for two in abi.split(".")
        for three in platform.split(".")
    ]
    members = {
        f"{module}/__init__.py": f'__version__ = "{version}"\n'.encode(),
        **(spec.files or {}),
        f"{info}/METADATA": spec.core_metadata(name, version),
        f"{info}/WHEEL": ("\n".join(wheel) + "\n").encode(),
    }
    record = [f"{path},sha256={_urlsafe(data)},{len(data)}" for path, data in members.items()]
    members[f"{info}/RECORD"] = ("\n".join([*record, f"{info}/RECORD,,"]) + "\n").encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as wheel_file:
        for path, data in members.items():
            entry = zipfile.ZipInfo(path, _ZIP_TIME)
            entry.external_attr = 0o644 << 16
            wheel_file.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def build_sdist(name: str, version: str, spec: ReleaseSpec | None = None) -> bytes:
    """Return a source distribution (PEP 625) whose build fails: nothing may need it."""
    spec = spec or ReleaseSpec()
    directory = f"{name.replace('-', '_')}-{version}"
    members = {
        "PKG-INFO": spec.core_metadata(name, version, static=spec.static),
        "pyproject.toml": _PYPROJECT,
        "setup.py": _SETUP,
    }
    archive = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=archive, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path, data in members.items():
            entry = tarfile.TarInfo(f"{directory}/{path}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return archive.getvalue()


def _urlsafe(data: bytes) -> str:
    digest = hashlib.sha256(data).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
