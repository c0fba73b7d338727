"""Node, for the tests of JavaScript: calls of a file's function, and what they returned."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

__all__ = ["NODE", "calls_in_node", "needs_node"]

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="there is no Node to run the JavaScript")

# JSON has no word for these numbers.
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0": -0.0}
_SCRIPT = """
const fs = require("fs");
const words = { NaN, Infinity, "-Infinity": -Infinity, "-0": -0 };
const number = (key, item) => (typeof item === "string" && item in words ? words[item] : item);
const word = (item) => (Object.is(item, -0) ? "-0" : Number.isFinite(item) ? item : String(item));
const written = (key, item) => {
  if (ArrayBuffer.isView(item)) return Array.from(item, word);
  return typeof item === "number" ? word(item) : item;
};
const outcomes = JSON.parse(fs.readFileSync(0, "utf8"), number).map(({ path, calls }) => {
  try {
    const found = require(path);
    const call = found[Object.keys(found)[0]];
    const results = calls.map((given) => call(...given));
    return { results, weights: call.weights };
  } catch (error) {
    return { error: String(error) };
  }
});
process.stdout.write(JSON.stringify(outcomes, written));
"""


def calls_in_node(files: Sequence[tuple[Path, Sequence[Sequence[Any]]]]) -> list[dict[str, Any]]:
    """Return what the function of each file did at some calls.

    Args:
        files: pairs of a file and of the calls, each with its arguments.

    Returns:
        For each file a dict of its `results` and `weights`, or of an `error`. Arrays are lists without their shapes.
    """
    assert NODE is not None
    asked = [
        {"path": str(path), "calls": [[_worded(item) for item in call] for call in calls]} for path, calls in files
    ]
    done = subprocess.run(
        [NODE, "-e", _SCRIPT], input=json.dumps(asked), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = _numbers(json.loads(done.stdout))
    return found


def _worded(item: Any) -> Any:
    """Return an argument as JSON has it."""
    if isinstance(item, np.ndarray) and item.shape:
        return [_worded(part) for part in item]
    number = item.item() if isinstance(item, np.generic | np.ndarray) else item
    if isinstance(number, float) and (not math.isfinite(number) or (number == 0 and math.copysign(1, number) < 0)):
        return next(word for word, other in _WORDS.items() if repr(other) == repr(number))
    return number


def _numbers(item: Any) -> Any:
    """Return what JSON has, with numbers in place of the words for them."""
    if isinstance(item, dict):
        return {key: _numbers(part) for key, part in item.items()}
    if isinstance(item, list):
        return [_numbers(part) for part in item]
    return _WORDS.get(item, item) if isinstance(item, str) else item
