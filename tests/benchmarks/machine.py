"""The machine and the versions that numbers were taken with."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from libraries import LIBRARIES

_VERSIONS = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def machine(pythons: dict[str, str]) -> dict[str, Any]:
    """Facts by name."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[call-overload]
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas.get('name')} {blas.get('version')}",
        **_versions(pythons),
    }


def _versions(pythons: dict[str, str]) -> dict[str, str]:
    """The version of each library in its Python."""
    packages = {library.python: [library.package] for library in LIBRARIES.values()}
    packages |= {"jax": ["jax", "keras"], "torch": ["torch", "keras"]}
    found: dict[str, str] = {}
    for name, wanted in packages.items():
        if name not in ("tinygraph", "numpy"):
            command = [pythons.get(name, sys.executable), "-c", _VERSIONS, *wanted]
            found |= json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
