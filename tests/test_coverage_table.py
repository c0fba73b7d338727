"""docs/numpy.md is what the table of derivatives says."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import special

import tinygraph as tg
from tinygraph.derivatives.coverage import KINDS, MODULES, coverage, page

COMMITTED = Path(__file__).parent.parent / "docs" / "numpy.md"
ROW = re.compile(r"^\| ([a-z ]+) \| (`.*) \|$")


def listed(text):
    """Return the entry of each function on a page: {("numpy.linalg", "inv"): "derivative"}."""
    module, found = "", {}
    for line in text.splitlines():
        if line.startswith("## "):
            module = line[3:]
        elif row := ROW.match(line):
            found |= {(module, name): row[1] for name in re.findall(r"`(\w+)`", row[2])}
    return found


def prose(text):
    return [line for line in text.splitlines() if not line.startswith("| ")]


def test_the_page_is_what_the_table_says():
    committed, generated = COMMITTED.read_text(), page()
    assert prose(committed) == prose(generated)
    old, new = listed(committed), listed(generated)
    # Another version of NumPy may have more functions, or fewer.
    assert {name: kind for name, kind in new.items() if name in old} == {
        name: kind for name, kind in old.items() if name in new
    }, "docs/numpy.md is out of date: python -m tinygraph.derivatives.coverage > docs/numpy.md"
    assert len(old) > 300


@pytest.mark.parametrize("module", MODULES.values(), ids=list(MODULES))
def test_every_function_has_a_kind(module):
    kinds = dict(coverage(module))
    assert set(kinds.values()) <= KINDS.keys()
    assert "not yet" not in kinds.values() or module in (np, special)


def test_what_is_not_handed_over_is_loud():
    t = tg.Tensor([1.0, 2.0])
    for function in (np.array, np.asarray, np.ascontiguousarray, np.asfortranarray, np.asarray_chkfinite, np.require):
        with pytest.raises(tg.UnsupportedError, match="lose the gradient"):
            function(t)
