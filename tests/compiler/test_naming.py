"""Every name in a program means one thing."""

from __future__ import annotations

import builtins
import keyword
import linecache
import math
import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.compiler.names import TakenNames, identifier
from tinygraph.compiler.names.taken import TAKEN

WISHES = st.lists(st.sampled_from(["x", "y", "x_2", "x_2_2", "x_3"]), max_size=30)


@given(WISHES, WISHES)
def test_names_are_taken_once_and_as_they_are_wished_for_where_they_are_free(
    before: list[str], wishes: list[str]
) -> None:
    names = TakenNames(before)
    taken = set(before)
    for wish in wishes:
        name = names.take(wish)
        assert name not in taken and name in names
        assert name == wish if wish not in taken else name.startswith(f"{wish}_")
        taken.add(name)


def test_gradients_are_called_after_the_factors_that_they_belong_to() -> None:
    def loss(x: tg.Tensor, w: tg.Tensor, v: tg.Tensor) -> tg.Tensor:
        hidden = np.tanh(x @ w)
        output = hidden @ v
        return np.sum(output * output)

    rng = np.random.default_rng(0)
    compiled = tg.compile(tg.grad(loss, argnums=(1, 2)))
    compiled(rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=(3, 3)))
    for line in ("d_v = np.dot(hidden_T, d_output)", "np.dot(d_output, v_T, out=d_hidden)"):
        assert line in compiled.source, compiled.source


# Names that mean something to Python, to NumPy or to a program, and texts that are no names at all.
NASTY = [
    *keyword.kwlist, *keyword.softkwlist, *dir(builtins), *dir(math), *sorted(TAKEN), "linalg", "fft", "random",
    "multiply", "float64", "self", "cls", "step", "result", "results", "results_1", "rows_1", "block_1", "scratch_1_1",
    "x_now", "x_total", "x_totals", "x_part", "x_part_total", "rows_1_parts", "generator_0", "ones", "half",
    "minus_half", "work", "constant", "value", "argument", "file", "allow_pickle", "kwds", "w_value", "w_T", "d_w",
    "fi", "ﬁ", "x²", "x2", "é", "é", "λ", "ª", "__x", "__x__", "__file__", "__builtins__", "a b", "a'b",
    'a"b', "a\nb", "a\\", "#", "",
    "1", "2 x", "square of w", "mean of a'b", "x; import os", "None", "\x00", "\ud800", "\u202ex", "print(1)\n#", "📈",
]  # fmt: skip
BATCHES = [list(dict.fromkeys(NASTY))[start::25] for start in range(25)]


@pytest.mark.parametrize("names", BATCHES, ids=range(len(BATCHES)))
@pytest.mark.parametrize("shape", [(), (3,), (40_000,)], ids=["numbers", "arrays", "blocks"])
def test_no_name_of_a_users_is_taken_for_another(names: list[str], shape: tuple[int, ...]) -> None:
    """Names of Tensors, of arguments, of arrays found outside and of results; all in one function."""
    rng = np.random.default_rng(0)
    tensors = {name: tg.Tensor(rng.normal(size=shape), name=name) for name in names}
    arguments = {name: rng.normal(size=shape) for name in names}
    table = {name: rng.normal(size=shape) for name in names}

    def function(**given: Any) -> dict[str, Any]:
        found = {}
        for name, tensor in tensors.items():
            z = np.tanh(tensor * given[name] + table[name]) * 2.5
            found[name] = np.sum(z)
            found[name].backward()
            tensor.assign(tensor.data - 0.125 * tensor.grad)
            tensor.grad = None
        return {name: item.data for name, item in found.items()}

    before = {name: tensor.data.copy() for name, tensor in tensors.items()}
    compiled = tg.compile(function)
    got = compiled(**arguments)
    values = {name: tensor.data.copy() for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        tensor.assign(before[name])
    wanted = function(**arguments)
    assert list(got) == list(wanted)
    for name in wanted:
        np.testing.assert_allclose(got[name], wanted[name], rtol=1e-9)
        np.testing.assert_allclose(values[name], tensors[name].data, rtol=1e-9)


# A global `__name__` is the module's: no function can be called so.
IDENTIFIERS = [
    name for name in dict.fromkeys(NASTY)
    if name.isidentifier() and not keyword.iskeyword(name) and not (name.startswith("__") and name.endswith("__"))
]  # fmt: skip


@pytest.mark.parametrize("shape", [(), (3,)], ids=["numbers", "arrays"])
def test_a_function_and_its_parameters_may_be_called_as_one_likes(shape: tuple[int, ...]) -> None:
    for place, name in enumerate(IDENTIFIERS):
        space: dict[str, Any] = {"mean": np.mean, "exp_of": np.exp}
        factor = "exp" if name != "exp" else "sqrt"
        exec(f"def {name}({name}, *, {factor}=2.0):\n    x = exp_of({name}) * {factor}\n    return mean(x)", space)
        function = space[unicodedata.normalize("NFKC", name)]
        x = np.full(shape, 0.5)
        np.testing.assert_allclose(tg.compile(function)(x), 2 * math.exp(0.5), rtol=1e-12, err_msg=name)
        if place % 6 == 0:
            np.testing.assert_allclose(tg.compile(tg.grad(function))(x) * x.size, 2 * math.exp(0.5), rtol=1e-12)


def test_numpys_own_functions_are_compiled_under_their_names() -> None:
    assert tg.compile(tg.grad(np.sqrt))(4.0) == 0.25
    assert tg.compile(np.exp)(0.0) == 1.0
    assert tg.compile(tg.grad(np.sum))(np.ones(3)).tolist() == [1.0, 1.0, 1.0]


@given(st.text(max_size=8))
def test_an_identifier_is_made_of_any_text(text: str) -> None:
    name = identifier(text)
    assert name.isidentifier() and unicodedata.normalize("NFKC", name) == name
    assert identifier(name) == name
    taken = TakenNames().take(text)
    assert not keyword.iskeyword(taken) and taken not in dir(builtins)


@given(st.text(max_size=30), st.text(max_size=30))
@example("a.py\nprint(1)\n#", "x")
@example("a.py\r1/0", "x = 1\n1/0")
@example("a.py\udc80\x00\x85\u2028", "x = '''")
@settings(max_examples=50, deadline=None)
def test_a_file_or_a_line_of_any_name_stays_in_its_comment(file: str, line: str) -> None:
    if "\x00" in file:
        file = file.replace("\x00", "\n")
    space: dict[str, Any] = {"np": np}
    exec(compile("def function(x):\n    y = np.exp(x) * 2\n    return np.sum(y)", file, "exec"), space)
    linecache.cache[file] = (0, None, ["def function(x):\n", line, "    return np.sum(y)"], file)
    try:
        for x in (np.ones(3), np.float64(1.0)):
            compiled = tg.compile(space["function"])
            compiled(x)
            compiled.source.encode()
            statements = [item.lstrip() for item in compiled.source.splitlines()]
            code = [item for item in statements if item and not item.startswith("#")]
            assert all(item.isprintable() for item in statements)
            plain = tg.compile(_plain)
            plain(x)
            wanted = [item.lstrip() for item in plain.source.splitlines()]
            assert code == [item for item in wanted if item and not item.startswith("#")]
    finally:
        del linecache.cache[file]


def _function() -> Any:
    def function(x: Any) -> Any:
        y = np.exp(x) * 2
        return np.sum(y)

    return function


_plain = _function()


def test_an_array_that_is_made_and_written_into_has_the_users_name() -> None:
    def smoothed(x: Any) -> Any:
        level = np.zeros(len(x), like=x)
        level[0] = x[0]
        for t in range(1, 12):
            level[t] = 0.9 * level[t - 1] + 0.1 * x[t]
        return level

    def carried(x: Any) -> Any:
        rows = np.zeros(x.shape, like=x)
        for t in range(12):
            rows[t] = np.tanh(x[t]) * x[t]
        return rows

    compiled = tg.compile(smoothed)
    compiled(np.arange(12.0))
    assert "    level[0] = x_at_0\n" in compiled.source and "    return level\n" in compiled.source
    compiled = tg.compile(carried)
    compiled(np.ones((12, 3)))
    assert "    return rows\n" in compiled.source
    assert "    rows = np.zeros((12, 3))\n" in compiled.source and "constant" not in compiled.source


def test_tensors_are_called_by_the_nearest_name_that_leads_to_them() -> None:
    a_first, z_last = tg.Tensor(np.ones(3)), tg.Tensor(np.ones(3))
    optimizer = tg.optim.SGD([a_first, z_last], 0.1)

    def loss_of(x: Any) -> Any:
        return np.sum(x * a_first * z_last)

    @tg.compile
    def step(x: Any) -> Any:
        loss = loss_of(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step(np.ones(3))
    assert {"a_first", "z_last"} <= {variable.name for variable in step.program.variables}


@pytest.mark.parametrize(
    ("text", "name"),
    [("results[0]", "results_0"), ('params["b"]', "params_b"), ("layers[0].w", "layers_0_w"), ("a b", "a_b")],
)
def test_items_and_attributes_are_part_of_a_name(text: str, name: str) -> None:
    assert identifier(text) == name


@given(st.sampled_from(("rows", "block", "scratch", "generator")), st.integers(2, 12))
def test_a_name_that_is_taken_again_is_none_that_a_program_makes_itself(wish: str, times: int) -> None:
    names = TakenNames()
    taken = [names.take(wish) for _ in range(times)]
    assert len(set(taken)) == times
    assert not {f"{wish}_{number}" for number in range(times + 1)} & set(taken)
