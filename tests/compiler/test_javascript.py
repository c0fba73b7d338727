"""The text of a program as JavaScript: it can be read, has no code too many, and what it cannot say is refused."""

from __future__ import annotations

import operator
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.in_javascript import check_agreement, saved, some
from tests.compiler.node import calls_in_node, needs_node


def test_a_step_is_text_that_one_reads(tmp_path: Path):
    w = tg.Tensor(np.zeros((3, 1)), name="w")
    b = tg.Tensor(np.zeros(1), name="b")

    @tg.compile
    def step(x: Any, y: Any, rate: float) -> Any:
        p = tg.sigmoid(x @ w + b)
        loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
        w.grad = b.grad = None
        loss.backward()
        w.assign(w.data - rate * w.grad)
        b.assign(b.data - rate * b.grad)
        return loss

    text = saved(step, tmp_path / "step.js", some(8, 3), some(8, 1) > 0, 0.1)
    assert "function step(x, y, rate) {" in text
    assert "p[i] = 1 / (1 + Math.exp(-" in text
    assert "// forward · p = tg.sigmoid(x @ w + b)" in text
    assert "sum += x[3 * i + j] * w[j];" in text
    assert "step.weights = weights;" in text
    assert "function power" not in text  # helpers that nobody calls are not there
    assert max(map(len, text.split("\n"))) <= 120


def test_what_cannot_be_written_is_named_and_leaves_no_file(tmp_path: Path):
    path = tmp_path / "step.js"
    with pytest.raises(tg.UnsupportedError, match=r"no form of linalg.svd.*test_javascript.py.*step.save"):
        tg.compile(lambda x: np.linalg.svd(x)[1]).save(path, some(3, 3))
    dropout = tg.nn.Dropout(0.5)
    with pytest.raises(tg.UnsupportedError, match="draws random numbers"):
        tg.compile(lambda x: dropout(x)).save(path, some(3))
    with pytest.raises(tg.UnsupportedError, match=r"no form of sort, in `tg.compile\(lambda x: np.sort"):
        tg.compile(lambda x: np.sort(x)).save(path, some(5))
    with pytest.raises(tg.UnsupportedError, match="complex128"):
        tg.compile(lambda x: np.sum(x * 1j)).save(path, some(3))
    with pytest.raises(tg.UnsupportedError, match="writes into x"):
        tg.compile(lambda x: operator.setitem(x, 0, 1.0)).save(path, some(3))
    with pytest.raises(ValueError, match="any_size"):
        tg.compile(lambda x: x * 2).save(path, some(3), any_size=True)
    with pytest.raises(tg.GraphError, match="has not been called"):
        tg.compile(lambda x: x * 2).save(path)
    assert not path.exists()


def test_names_of_javascript_are_left_to_it(tmp_path: Path):
    def step(function: Any, i: Any, sum: Any) -> Any:  # noqa: A002
        var = function * i + sum
        let = np.exp(var)
        return let * i

    text = saved(tg.compile(step), tmp_path / "step.js", some(3), some(3), some(3))
    assert "function step(function_2, i_2, sum_2) {" in text
    assert "const var_2" in text and "let_2" in text


@needs_node
def test_the_keys_of_results_are_no_code(tmp_path: Path):
    def keyed(x: Any) -> Any:
        return {"a\nthrow 1;//": x, "__proto__": x * 3, "\u2028throw 2;": x + 1, "constructor": np.sum(x), 1: x}

    text = saved(tg.compile(keyed), tmp_path / "step.js", some(3))
    assert all(line.startswith("//") for line in text.split('"use strict"')[0].splitlines())
    (found,) = calls_in_node([(tmp_path / "step.js", [[some(3)]])])
    assert "error" not in found, found
    wanted = {str(key): item for key, item in keyed(some(3)).items()}
    assert found["results"][0].keys() == wanted.keys()
    check_agreement(found["results"][0], wanted, text, None)


def test_no_helper_is_written_that_nobody_calls(tmp_path: Path):
    step = tg.compile(lambda x, y: np.hypot(x, y))
    step(some(3), some(3))
    step.save(tmp_path / "step.js")
    text = (tmp_path / "step.js").read_text()
    for name in re.findall(r"^function (\w+)", text, re.MULTILINE):
        assert len(re.findall(rf"(?<![\w.]){name}\b", text)) > 1, name
    assert "Math.hypot(x[i], y[i])" in text and "function hypot" not in text


def test_what_lies_in_another_order_and_bools_in_an_index_are_refused(tmp_path: Path):
    x = np.arange(6.0).reshape(2, 3)
    for function, array, said in (
        (lambda x: x[:, True] * 2, x, "getitem.* at a bool"),
        (lambda x: np.ravel(x, order="K") * 2, np.asfortranarray(x), r"C order\. Call it with np\.ascontiguousarray"),
    ):
        compiled = tg.compile(function)
        compiled(array)
        with pytest.raises(tg.UnsupportedError, match=said):
            compiled.save(tmp_path / "f.js")
    compiled(x)
    compiled.save(tmp_path / "f.js")
