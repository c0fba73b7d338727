"""Inference modules: NumPy alone, any number of rows, and a `predict` that checks what it is given."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.node import calls_in_node, needs_node
from tests.loading import loaded
from tinygraph.errors import UnsupportedError
from tinygraph.export import save_module

RNG = np.random.default_rng(0)
nn = tg.nn


def images(rows: int) -> Any:
    return RNG.normal(size=(rows, 12, 12, 2)).astype("float32")


def vectors(rows: int) -> Any:
    return RNG.normal(size=(rows, 6)).astype("float32")


MODELS = {
    "cnn": (
        lambda: nn.Sequential(
            [
                nn.Conv2D(8, 3, activation="relu"),
                nn.MaxPooling2D(2),
                nn.Conv2D(16, 3, padding="same"),
                nn.BatchNormalization(),
                nn.AveragePooling2D(2),
                nn.Flatten(),
                nn.Dropout(0.5),
                nn.Dense(3, activation="softmax"),
            ]
        ),
        images,
    ),
    "mlp": (
        lambda: nn.Sequential(
            [
                nn.Dense(16, activation="relu"),
                nn.LayerNormalization(),
                nn.Dropout(0.2),
                nn.Dense(3, activation="sigmoid"),
            ]
        ),
        vectors,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_predicts_any_number_of_rows(tmp_path, name):
    make, batch = MODELS[name]
    model = make()
    model(batch(4))
    model.train()
    save_module(model, tmp_path / "model.py", batch(2))
    assert all(module.training for module in model.modules())
    model.eval()
    saved = loaded(tmp_path / "model.py")
    for rows in (0, 1, 2, 5, 31, 32, 33, 65, 257, 300):
        x = batch(rows)
        wanted = model(x).numpy()
        for found in (saved.call(x), saved.predict(x), saved.predict(x.astype("float64"), batch_size=7)):
            assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_a_model_that_was_not_called_makes_its_weights(tmp_path):
    model = nn.Sequential([nn.Dense(3)])
    save_module(model, tmp_path / "model.py", vectors(2))
    np.testing.assert_allclose(
        loaded(tmp_path / "model.py").predict(np.ones((5, 6))), model(np.ones((5, 6), "float32")).numpy(), 1e-5
    )


def test_lists_and_dicts_of_batches_and_results(tmp_path):
    def pair(both, weight):
        return {"sum": both["a"] @ np.ones((3, 2)) + both["b"], "scaled": [weight * 2.0]}

    save_module(pair, tmp_path / "pair.py", {"a": np.zeros((2, 3)), "b": np.zeros((2, 2))}, np.zeros(2))
    saved = loaded(tmp_path / "pair.py")
    both, weight = {"b": RNG.normal(size=(70, 2)), "a": RNG.normal(size=(70, 3))}, RNG.normal(size=70)
    found, wanted = saved.predict(both, weight), pair(both, weight)
    np.testing.assert_allclose(found["sum"], wanted["sum"])
    np.testing.assert_allclose(found["scaled"][0], wanted["scaled"][0])
    with pytest.raises(ValueError, match="both must be a dict of a, b"):
        saved.predict({"a": both["a"]}, weight)
    with pytest.raises(ValueError, match="different numbers of rows: 70, 70, 3"):
        saved.predict(both, weight[:3])


BAD = {
    "a batch of other rows": (np.zeros((2, 5)), r"x has the shape \(2, 5\), and must have \(rows, 6\)$"),
    "a row": (np.zeros(6), r"x\[np\.newaxis\] is a batch of one"),
    "complex numbers": (np.zeros((2, 6), complex), "complex128, which does not become float32"),
    "text": (np.full((2, 6), "a"), "which does not become float32"),
    "a number": (3.0, r"the shape \(\)"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_another_argument_is_a_value_error(tmp_path, name):
    save_module(nn.Sequential([nn.Dense(3)]), tmp_path / "model.py", vectors(2))
    x, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        loaded(tmp_path / "model.py").predict(x)


def test_other_numbers_are_taken_and_large_ones_are_not(tmp_path):
    table = RNG.normal(size=(10, 3))
    weights = tg.Tensor(table, name="weights")
    save_module(lambda index: np.take(weights, index, axis=0), tmp_path / "table.py", np.zeros((2, 4), "int32"))
    saved = loaded(tmp_path / "table.py")
    index = RNG.integers(0, 10, size=(40, 4))
    np.testing.assert_array_equal(saved.predict(index), table[index])
    with pytest.raises(ValueError, match="too large for int32"):
        saved.predict(np.full((1, 4), 2**40))
    with pytest.raises(ValueError, match="float64, which does not become int32"):
        saved.predict(index * 1.0)
    with pytest.raises(ValueError, match="batch_size must be a positive int"):
        saved.predict(index, batch_size=0)


def test_the_only_input_of_a_model_need_not_be_in_a_list(tmp_path):
    x = nn.Input((6,))
    model = nn.Model([x], [nn.Dense(3)(x)])
    model.save(tmp_path / "model.py")
    module, rows = loaded(tmp_path / "model.py"), vectors(5)
    expected = model.predict(rows, verbose=0)
    for given in (rows, [rows], (rows,)):
        np.testing.assert_allclose(module.predict(given), expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"x\[0\] has the shape \(5, 5\), and must have \(rows, 6\)"):
        module.predict(rows[:, :5])


def test_results_without_rows_are_refused_by_predict(tmp_path):
    save_module(lambda x: np.sum(x), tmp_path / "total.py", np.zeros((2, 4)))
    saved = loaded(tmp_path / "total.py")
    assert saved.call(np.ones((3, 4))) == 12
    with pytest.raises(ValueError, match="not one row for each row"):
        saved.predict(np.ones((3, 4)))


def test_what_cannot_be_saved_is_refused_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.py"
    save_module(nn.Sequential([nn.Dense(3)]), path, vectors(2))
    before = path.read_bytes()
    with pytest.raises(UnsupportedError, match="rows"):
        save_module(lambda x: x * 2.0 if len(x) > 50 else x, path, vectors(2))
    with pytest.raises(ValueError, match="examples have 0 rows"):
        save_module(lambda x: x, path, vectors(0))
    with pytest.raises(ValueError, match="examples have no rows"):
        save_module(lambda x: x, path)
    with pytest.raises(ValueError, match="examples have 2, 3 rows"):
        save_module(lambda x, y: x, path, vectors(2), vectors(3))
    assert path.read_bytes() == before


def test_it_needs_numpy_alone(tmp_path):
    save_module(nn.Sequential([nn.Dense(3, activation="softmax")]), tmp_path / "model.py", vectors(2))
    text = """
import sys
sys.modules["tinygraph"] = None
import model, numpy as np
print(model.predict(np.ones((70, 6))).shape)
"""
    done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == "(70, 3)", done.stderr


@needs_node
@pytest.mark.parametrize("name", MODELS)
def test_a_model_as_a_script_for_a_page(name, tmp_path):
    make, batch = MODELS[name]
    model = make()
    x = batch(3)
    wanted = model.predict(x, verbose=0)
    model.save(tmp_path / "model.js", x)
    (found,) = calls_in_node([(tmp_path / "model.js", [[x]])])
    assert "error" not in found, found.get("error")
    np.testing.assert_allclose(np.reshape(found["results"][0], wanted.shape), wanted, rtol=1e-4, atol=1e-6)
    assert "function predict(" in (tmp_path / "model.js").read_text()
