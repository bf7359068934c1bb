"""Inspections, and the reports that ask for them, made by a program in the shape of real ones.

For tests and benchmarks. Always the same for a number; each a fresh object, ready for JSON.
"""

from __future__ import annotations

import hashlib
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

_FIRST = datetime(2020, 6, 1, tzinfo=UTC)
_INDEX_URL = "https://pypi.org/simple"
_INDEX = {"name": "pypi", "url": _INDEX_URL, "verify_ssl": True}
_USAGE = (
    *("ru_utime", "ru_stime", "ru_maxrss", "ru_ixrss", "ru_idrss", "ru_isrss", "ru_minflt"),
    *("ru_majflt", "ru_nswap", "ru_inblock", "ru_oublock", "ru_msgsnd", "ru_msgrcv"),
    *("ru_nsignals", "ru_nvcsw", "ru_nivcsw"),
)
_HARDWARE = {"cpu_family": 6, "cpu_model": 94, "cpu_vendor": "GenuineIntel", "gpu_model_name": None}


def dependency_monkey_document(
    number: int = 0, *, responses: int = 3, batch_size: int | None = 2, packages: int = 12
) -> dict[str, Any]:
    """Return a report of a run that generated stacks; its own id is null, as in real ones.

    `packages` is how many releases each lock has. Its name in a store would be
    `dependency_monkey_document_id(number)`, its inspections are `inspection_document_id(number, n)`
    for `n` from 0. `batch_size` None leaves it out.
    """
    context = inspection_specification(number)
    del context["python"]
    del context["batch_size"]
    if batch_size is not None:
        context["batch_size"] = batch_size
    entries = [
        {
            "response": inspection_document_id(number, entry),
            "product": {
                "project": project(number * 1000 + entry, packages=packages),
                "score": round(random.Random(entry).random(), 6),  # noqa: S311
                "justification": [{"type": "INFO", "message": f"Stack {entry} was generated"}],
            },
        }
        for entry in range(responses)
    ]
    parameters = {
        "count": 10 * responses,
        "seed": 42 + number,
        "decision_type": "ALL",
        "context": context,
        "project": {**project(number, packages=packages), "requirements_locked": None},
        "predictor": "SAMPLING",
        "predictor_config": None,
        "dry_run": False,
    }
    result = {
        "error": False,
        "error_msg": None,
        "parameters": parameters,
        "report": {"skipped": 1, "responses": entries},
    }
    return {"metadata": run_metadata("dependency-monkey", number), "result": result}


def failed_dependency_monkey_document(number: int = 0) -> dict[str, Any]:
    """Return the report of a run that failed: it has no responses."""
    document = dependency_monkey_document(number, responses=0)
    document["result"] |= {
        "error": True,
        "error_msg": "No stacks were found",
        "report": {"ERROR": "No stacks were found", "stack_info": None},
    }
    return document


def inspection_document(
    number: int = 0, entry: int = 0, *, results: int = 2, indicator: str = "PiMatmul"
) -> dict[str, Any]:
    """Return an inspection with so many repetitions, whose script is that of an indicator."""
    specification = inspection_specification(number, batch_size=results)
    specification["python"] = project(number * 1000 + entry)
    return {
        "document_id": inspection_document_id(number, entry),
        "specification": specification,
        "results": [
            inspection_result(number, repetition, indicator=indicator)
            for repetition in range(results)
        ],
    }


def inspection_specification(number: int = 0, *, batch_size: int = 1) -> dict[str, Any]:
    """Return what an inspection is to do; its run asks for hardware, its build does not."""
    return {
        "base": "quay.io/thoth-station/s2i-thoth-ubi8-py38:v0.1.0",
        "identifier": f"test-{number}",
        "package_manager": "dnf",
        "batch_size": batch_size,
        "packages": [],
        "python_packages": [],
        "python": project(number),
        "build": {"requests": {"cpu": "500m", "memory": "1Gi"}},
        "run": {"requests": {"cpu": 2, "memory": "2G", "hardware": {**_HARDWARE}}},
        "files": [],
        "environment": [{"name": "REPS", "value": "100"}],
        "script": "https://example.com/performance/matmul.py",
        "@created": _time(number),
    }


def inspection_result(
    number: int = 0, repetition: int = 0, *, indicator: str = "PiMatmul"
) -> dict[str, Any]:
    """Return what a repetition reported."""
    chance = random.Random(f"{number} {repetition}")  # noqa: S311
    return {
        "stdout": indicator_output(indicator, rate=round(chance.uniform(1, 100), 4)),
        "stderr": "Measuring\n",
        "exit_code": 0,
        "script_sha256": hashlib.sha256(indicator.encode()).hexdigest(),
        "usage": {name: chance.randrange(1000) for name in _USAGE},
        "hwinfo": {
            "cpu_features": {"has_avx2": True},
            "cpu_info": {"Linux": [{"cpu MHz": str(chance.randrange(2000, 3000))}]},
            "cpu_type": {"is_intel": True},
            "platform": {"machine": "x86_64"},
        },
        "os_release": {"id": "rhel", "version_id": "8.2", "name": "Red Hat Enterprise Linux"},
        "runtime_environment": {
            "hardware": {**_HARDWARE, "cpu_features": ["avx", "avx2"]},
            "operating_system": {"name": "rhel", "version": "8.2"},
            "python_version": "3.8",
            "cuda_version": None,
        },
        "hostname": f"inspection-{number}-{repetition}",
        "start_datetime": _time(number, repetition * 60),
        "end_datetime": _time(number, repetition * 60 + 30),
    }


def indicator_output(name: str = "PiMatmul", *, rate: float = 12.5) -> dict[str, Any]:
    """Return what the script of an indicator writes."""
    size = {"batch": 32, "input_width": 64, "input_channels": 3, "filter_width": 3}
    convolution = {
        "dtype": "float32",
        "device": "cpu",
        "reps": 100,
        **size,
        "output_channels": 8,
        "strides": 1,
        "padding": "SAME",
        "data_format": "NHWC",
    }
    parameters: dict[str, dict[str, Any]] = {
        "PiMatmul": {"dtype": "float32", "device": "cpu", "reps": 100, "matrix_size": 512},
        "PiConv1D": convolution,
        "PiConv2D": {**convolution, "input_height": 64, "filter_height": 3, "padding": 0},
        "PiPyBench": {"rounds": 10},
    }
    measured = {"rate": rate, "elapsed": 1000 / rate}
    return {
        "name": name,
        "component": "cpython" if name == "PiPyBench" else "tensorflow",
        "@parameters": parameters.get(name, {"size": {"value": 2, "unit": "GiB"}}),
        "@result": {"totals_average": 1000 / rate} if name == "PiPyBench" else measured,
        "overall_score": rate,
    }


def project(number: int = 0, *, packages: int = 12) -> dict[str, Any]:
    """Return a stack: a Pipfile, its lock as JSON, and what it is for."""
    names = [f"package-{(number + step * 7) % 500}" for step in range(packages)]
    entries = {
        name: {
            "hashes": [f"sha256:{hashlib.sha256(f'{name} wheel'.encode()).hexdigest()}"],
            "index": "pypi",
            "version": f"==1.{(number + place) % 9}.0",
        }
        for place, name in enumerate(names)
    }
    requires = {"python_version": "3.8"}
    text = json.dumps(names)
    return {
        "requirements": {
            "packages": {name: "*" if name != names[0] else ">=1" for name in names[:3]},
            "dev-packages": {},
            "requires": requires,
            "source": [{**_INDEX}],
        },
        "requirements_locked": {
            "_meta": {
                "hash": {"sha256": hashlib.sha256(text.encode()).hexdigest()},
                "pipfile-spec": 6,
                "requires": requires,
                "sources": [{**_INDEX}],
            },
            "default": entries,
            "develop": {},
        },
        "runtime_environment": {
            "name": "ubi:8",
            "operating_system": {"name": "ubi", "version": "8.2"},
            "python_version": "3.8",
            "cuda_version": None,
            "hardware": {"cpu_family": 6, "cpu_model": 94},
        },
    }


def dependency_monkey_document_id(number: int = 0) -> str:
    """Return the name that a report is stored under."""
    return document_id_of("dependency-monkey", number)


def document_id_of(kind: str, number: int) -> str:
    """Return an id of a kind, always the same for a number."""
    return f"{kind}-{_FIRST + timedelta(minutes=number):%y%m%d%H%M%S}-{number:016x}"


def inspection_document_id(number: int = 0, entry: int = 0) -> str:
    """Return the id of an inspection that a report asked for."""
    return f"inspection-{_FIRST + timedelta(minutes=number):%y%m%d%H%M%S}-{number:08x}{entry:08x}"


def _time(number: int, seconds: int = 0) -> str:
    return (_FIRST + timedelta(minutes=number, seconds=seconds)).isoformat()


def run_metadata(analyzer: str, number: int, *, document_id: str | None = None) -> dict[str, Any]:
    """Return the `metadata` of a task's document."""
    return {
        "analyzer": analyzer,
        "analyzer_version": "0.9.1",
        "arguments": {analyzer: {"verbose": False}},
        "datetime": _time(number),
        "timestamp": int((_FIRST + timedelta(minutes=number)).timestamp()),
        "duration": 12,
        "document_id": document_id,
        "hostname": f"{analyzer}-{number}",
        "thoth_deployment_name": "test",
        "distribution": {
            "id": "debian",
            "codename": "bookworm",
            "like": "",
            "version": "12",
            "version_parts": {"major": "12", "minor": "", "build_number": ""},
        },
        "os_release": {"id": "debian", "version_id": "12", "name": "Debian GNU/Linux"},
        "python": {
            "major": 3,
            "minor": 11,
            "micro": 2,
            "releaselevel": "final",
            "serial": 0,
            "api_version": 1013,
            "implementation_name": "cpython",
        },
    }
