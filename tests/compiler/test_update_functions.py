"""Update functions: the updates of several parameters are calls of one function, and compute the same bits."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.compiler.write import module
from tinygraph.compiler.write.update_functions import UpdateFunctions

OPTIMIZERS = {
    "sgd": lambda given: tg.optim.SGD(given, 0.1),
    "momentum": lambda given: tg.optim.SGD(given, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "rmsprop": lambda given: tg.optim.RMSprop(given, 0.01, momentum=0.5, centered=True),
    "adagrad": lambda given: tg.optim.Adagrad(given, 0.1),
    "adam": lambda given: tg.optim.Adam(given, 0.01, clipnorm=1.0),
    "adamw": lambda given: tg.optim.AdamW(given, 0.01),
    "lion": lambda given: tg.optim.Lion(given, 0.01),
}


def trained(optimizer: Any, widths: tuple[int, ...], steps: int = 3) -> tuple[str, list[Any]]:
    """The program of a training step, and the parameters after some steps."""
    draw = np.random.default_rng(0)
    layers = [tg.nn.Dense(width, activation="tanh", seed=seed) for seed, width in enumerate(widths)]
    network = tg.nn.Sequential(layers)
    x, y = draw.normal(size=(4, 9)), draw.normal(size=(4, widths[-1]))
    network(x)
    optimizer = optimizer(network.parameters())

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        loss = np.mean((network(x) - y) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(steps):
        step(x, y)
    return step.source, [item.data.copy() for item in network.parameters()]


def without_functions(lines: list[str], *_: Any) -> UpdateFunctions:
    """The statements as they are."""
    return UpdateFunctions(lines)


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("widths", [(3, 5, 2), (160, 160, 2), (700, 700, 3)], ids=["small", "large", "in blocks"])
def test_the_same_bits_with_and_without_functions(
    kind: str, widths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, with_them = trained(OPTIMIZERS[kind], widths)
    monkeypatch.setattr(module, "with_update_functions", without_functions)
    apart, without = trained(OPTIMIZERS[kind], widths)
    assert "def update_1(" not in apart
    assert ("def update_1(" in source) == (len(source.splitlines()) < len(apart.splitlines()))
    for one, other in zip(with_them, without, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


def test_the_function_speaks_of_a_parameter() -> None:
    source, _ = trained(OPTIMIZERS["adam"], (3, 5, 2))
    head = re.search(r"def update_1\(([^)]*)\)", source)
    assert head is not None
    names = [name.strip() for name in head[1].split(",")]
    assert names[0] == "parameter"
    assert {"mean_of_parameter", "square_of_parameter"} <= set(names)
    assert source.count("    update_1(") == 6
    assert "np.sqrt(square_of_parameter, out=" in source


def test_arrays_for_intermediate_values_are_made_in_the_function_where_they_are_small() -> None:
    small, _ = trained(tg.optim.Adam, (3, 5, 2))
    assert "    work_1, work_2 = np.empty_like(parameter), np.empty_like(parameter)\n" in small
    assert not re.search(r"update_1\([^)]*work_1", small) and "shifted" not in small
    large, _ = trained(tg.optim.Adam, (160, 160))  # 200 kB, and no blocks yet
    assert "empty_like" not in large and re.search(r"update_1\([^)]*work_1", large)


def test_a_block_of_a_large_parameter_calls_the_function() -> None:
    source, _ = trained(tg.optim.Adam, (700, 700))
    assert re.search(r"for start in .*:\n.*\n        update_1\(", source)
    assert "def block_1" not in source


def test_what_is_profiled_is_each_call() -> None:
    w, v = (tg.Tensor(np.ones(size), name=name) for size, name in ((3, "w"), (4, "v")))
    optimizer = tg.optim.Adam([w, v], 0.1)

    @tg.compile
    def step(x: Any) -> Any:
        loss = np.sum(np.tanh(w * x)) + np.sum(np.exp(v * x[:1]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step(np.arange(3.0))
    operations = {entry.operation for entry in step.profile(np.arange(3.0)).entries}
    assert {"sqrt", "divide", "square", "subtract"} <= operations
    assert "update_1" in step.source


def updated_by_hand(names: tuple[str, ...], shapes: tuple[Any, ...], factor: Any) -> tuple[str, list[Any]]:
    """The program of a step that updates parameters of some names on several lines, and their values after three."""
    parameters = [tg.Tensor(np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape), name=name)
                  for name, shape in zip(names, shapes, strict=True)]  # fmt: skip
    moved = [tg.Tensor(np.zeros(shape), requires_grad=False) for shape in shapes]

    @tg.compile
    def step(x: Any) -> Any:
        loss = sum(np.sum(np.tanh(w * x)) for w in parameters)
        loss.backward()
        for w, v in zip(parameters, moved, strict=True):
            v.assign(0.9 * v.data + factor * np.square(w.grad))
            scaled = w.grad / (np.sqrt(v.data) + 0.1)
            w.assign(w.data - 0.01 * scaled * np.exp(-v.data))
            w.grad = None
        return loss

    for _ in range(3):
        step(1.5)
    return step.source, [item.data.copy() for item in (*parameters, *moved)]


@pytest.mark.parametrize("names", [("update_1", "work_1", "parameter"), ("out", "w", "d_w"), ("np_", "w", "w")])
def test_names_that_mean_something_in_the_text(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = ((3,), (2, 2), ())
    source, with_them = updated_by_hand(names, shapes, 0.1)
    monkeypatch.setattr(module, "with_update_functions", without_functions)
    _, without = updated_by_hand(names, shapes, 0.1)
    for one, other in zip(with_them, without, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


def test_an_update_on_several_lines_keeps_their_comments() -> None:
    source, _ = updated_by_hand(("a", "b", "c"), ((3,), (4,), (5,)), np.float64(0.1))
    function = source.partition("def update_1(")[2].partition("\ndef ")[0]
    assert len(re.findall("^    # update · ", function, flags=re.MULTILINE)) >= 2
    assert source.count("    update_1(") == 3


def test_gradients_of_variables_of_one_name_have_their_numbers() -> None:
    weights = [tg.Tensor(np.full((size, size), 0.1), name="w") for size in (3, 3, 3)]

    @tg.compile
    def step(x: Any) -> Any:
        for w in weights:
            x = np.tanh(x @ w)
        np.sum(x).backward()
        return [w.grad for w in weights]

    step(np.ones((2, 3)))
    assert "return ([d_w, d_w_2, d_w_3]," in step.source


def test_calls_that_work_in_the_memory_of_their_thread_stay_in_their_block() -> None:
    """Convolutions and pooling of two images, in a step that updates a metric alone."""
    nn = tg.nn
    image = nn.Input((28, 28, 1))
    hidden = nn.AveragePooling2D(2)(nn.Conv2D(4, 5, activation="tanh", seed=0)(nn.BatchNormalization()(image)))
    network = nn.Model(image, nn.Dense(10, activation="tanh", seed=1)(nn.Flatten()(hidden)))
    one, other = nn.Input((28, 28, 1)), nn.Input((28, 28, 1))
    difference = nn.Subtract()([network(one), network(other)])
    model = nn.Model([one, other], nn.Dense(1, seed=2)(difference))
    draw = np.random.default_rng(0)
    images, y = [draw.random((32, 28, 28, 1)).astype(np.float32) for _ in range(2)], draw.random(32)

    def evaluated(run_eagerly: bool) -> Any:
        model.compile("sgd", "mse", run_eagerly=run_eagerly)
        return model.evaluate(images, y, batch_size=16, verbose=0)

    expected = evaluated(True)
    np.testing.assert_allclose(evaluated(False), expected, rtol=1e-6)
    assert "def block_1(" in model.compiled_steps.test.source
