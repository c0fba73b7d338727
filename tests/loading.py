"""Saved files, loaded as modules."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path
from typing import Any

__all__ = ["loaded"]

_numbers = itertools.count()


def loaded(path: Path) -> Any:
    """Return a file as a module of its own: another file of the same name, loaded before, is another module."""
    spec = importlib.util.spec_from_file_location(f"loaded_{next(_numbers)}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module
