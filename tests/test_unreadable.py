"""Data that are no numbers are refused with the user's line, and with advice that works."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import tinygraph as tg

RAGGED = [[1.0], [2.0, 3.0]]


def leaf():
    return tg.Tensor(np.ones((2, 3)))


TAKE_ARRAYS = {
    "Tensor": tg.Tensor,
    "operator": lambda rows: leaf() + rows,
    "ufunc": lambda rows: np.add(leaf(), rows),
    "function": lambda rows: np.concatenate([leaf(), rows]),
    "primitive": tg.softmax,
    "assign": lambda rows: leaf().assign(rows),
    "grad": lambda rows: setattr(leaf(), "grad", rows),
    "seed": lambda rows: (leaf() * 2).backward(rows),
    "index": lambda rows: leaf()[rows],
    "write": lambda rows: leaf().__setitem__(0, rows),
    "layer": lambda rows: tg.nn.Dense(3)(rows),
}


@pytest.mark.parametrize("name", TAKE_ARRAYS)
def test_rows_of_different_lengths_are_no_array(name):
    with pytest.raises(ValueError, match=r"rows have different lengths is no array.* Pad the rows") as caught:
        TAKE_ARRAYS[name](RAGGED)
    assert re.search(r"test_unreadable\.py:\d+", str(caught.value))
    padded, split = re.findall(r"(tg\.keras\S+ dtype=float\)|\[np\.array.*\])", str(caught.value))
    names = {"tg": tg, "np": np, "rows": RAGGED}
    np.testing.assert_array_equal(eval(padded, names), [[0, 1], [2, 3]])
    assert [row.tolist() for row in eval(split, names)] == RAGGED


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (["a", "b", "a"], [0, 1, 0]),
        (["1", "2.5"], [1, 2.5]),
        (np.array(["1", "2"]), [1, 2]),
        ([1.0, None], [1, np.nan]),
        ({"w": 1.0}, None),
        ({1.0}, [1]),
        ((item for item in (1.0, 2.0)), [1, 2]),
        (map(float, "12"), [1, 2]),
        ({"w": 1.0}.values(), [1]),
        (pd.DataFrame({"x": ["a", "b"]}), [[1, 0], [0, 1]]),
    ],
)
def test_what_is_advised_makes_numbers_of_the_data(data, wanted):
    with pytest.raises(TypeError, match=r"Tensor: the data must be numbers, got \w+ .* at test_unreadable") as caught:
        tg.Tensor(data)
    told = str(caught.value)
    code = re.search(r"((?:np|pandas)\.\S+?\(.*\)(?:\.astype\(float\)|\[1\])?|list\(data\)|\{key.*\})", told)[1]
    found = eval(code, {"tg": tg, "np": np, "pandas": pd, "data": data, "texts": data})
    if wanted is None:
        assert found["w"].item() == 1.0
    else:
        np.testing.assert_array_equal(tg.Tensor(found).data, wanted)


def test_what_has_no_number_is_named():
    with pytest.raises(TypeError, match="ends without a return"):
        tg.Tensor(None)
    with pytest.raises(TypeError, match=r"\{'a': 1\} is no number"):
        tg.Tensor([{"a": 1}])


@pytest.mark.parametrize(
    "take",
    [
        lambda text: leaf().assign(text),
        tg.sigmoid,
        lambda text: tg.jvp(np.sin, (1.0,), (text,)),
        lambda text: tg.nn.Dense(3)([[text]]),
    ],
)
def test_a_text_is_refused_with_the_line(take):
    t = leaf()
    with pytest.raises((TypeError, ValueError), match=r"test_unreadable\.py:\d+.*numbers texts"):
        take("abc")
    assert t.data.sum() == 6


def test_a_layer_refuses_what_is_no_batch():
    with pytest.raises(TypeError, match=r'Dense "Dense": a layer is called on a batch, got None\. Does'):
        tg.nn.Dense(3)(None)
    with pytest.raises(KeyError) as caught:
        tg.nn.Dense(3)({"x": np.ones((2, 3))})
    assert "was called on a dict of 1 arrays" in caught.value.__notes__[0]


def test_a_sparse_matrix_is_told_how_it_becomes_a_tensor():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"Write tg\.Tensor\(S\.toarray\(\)\)") as caught:
        tg.Tensor(sparse.csr_array(np.eye(3)))
    assert "\n" not in str(caught.value)


def test_whole_numbers_to_a_negative_power_are_told_how_they_become_floats():
    with pytest.raises(ValueError, match=r"^power: Integers .* Write t\.astype\(float\) \*\* n") as caught:
        tg.Tensor(np.array([1, 2])) ** -1
    assert not isinstance(caught.value, tg.ShapeError)
