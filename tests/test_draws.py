"""Random draws: from both kinds of NumPy's generators, compiled, and the same again where code is run again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import draws

KINDS = {"Generator": np.random.default_rng, "RandomState": np.random.RandomState}


@pytest.mark.parametrize("kind", KINDS)
def test_a_compiled_function_draws_what_the_eager_one_does(kind: str) -> None:
    def step(generator: Any) -> Any:
        def f(x: Any) -> Any:
            first = x + draws.normal(generator, x.shape) * draws.uniform(generator, ())
            return first, draws.uniform(generator, (2, 3), np.float32), draws.normal(generator, (2,), np.float32)

        return f

    eager, compiled = step(KINDS[kind](0)), tg.compile(step(KINDS[kind](0)))
    for _ in range(3):
        for got, wanted in zip(compiled(np.ones(3)), eager(np.ones(3)), strict=True):
            assert got.dtype == wanted.dtype
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("other", [np.random, 3, None])
def test_what_is_no_generator_is_an_error(other: Any) -> None:
    with pytest.raises(TypeError, match=r"uniform: the generator must be .*default_rng"):
        draws.uniform(other, (2,))


def _of_draws(generator: Any) -> Any:
    return lambda x: x * draws.normal(generator, x.shape)


def _of_dropout(generator: Any) -> Any:
    layer = tg.nn.Dropout(0.5, seed=0)
    return lambda x: layer(x * layer(x)) + x


@pytest.mark.parametrize("make", [_of_draws, _of_dropout])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_checkpoint_draws_the_same_on_the_way_back(make: Any, kind: str, depth: int) -> None:
    def deep(f: Any, levels: int) -> Any:
        return f if levels == 0 else tg.checkpoint(lambda x: deep(f, levels - 1)(x) * np.sin(x))

    def loss(f: Any) -> Any:
        return lambda x: np.sum(f(f(x)) ** 2)

    plain, light = make(KINDS[kind](3)), make(KINDS[kind](3))

    x = np.linspace(0.5, 2, 40)

    def direct(x: Any) -> Any:
        value = plain(x)
        for _ in range(depth):
            value = value * np.sin(x)
        return value

    for transform in (tg.grad, tg.value_and_grad):
        got, wanted = transform(loss(deep(light, depth)))(x), transform(loss(direct))(x)
        for a, b in zip(np.atleast_1d(got[0], got[-1]), np.atleast_1d(wanted[0], wanted[-1]), strict=True):
            np.testing.assert_allclose(a, b)


def test_a_checkpoint_leaves_the_generators_where_the_forward_pass_left_them() -> None:
    ours, theirs = np.random.default_rng(0), np.random.default_rng(0)
    tg.grad(lambda x: np.sum(tg.checkpoint(_of_draws(ours))(x) ** 2))(np.ones(3))
    draws.normal(theirs, (3,))
    assert ours.bit_generator.state == theirs.bit_generator.state


def test_a_checkpoint_that_computes_something_else_is_an_error() -> None:
    generator, settings = np.random.default_rng(0), {"rate": 1.0}

    def changing(x: Any) -> Any:
        settings["rate"] += 1
        return x * settings["rate"]

    calls = []

    def drawing_more(x: Any) -> Any:
        calls.append(x)
        for _ in calls:
            x = x * draws.normal(generator, x.shape)
        return x

    drawing = lambda x: x * generator.normal(size=x.shape)
    for f in (drawing, lambda x: x * np.random.rand(), changing, drawing_more):
        with pytest.raises(tg.GraphError, match=r"checkpoint: .* computed something else.*tinygraph\.draws"):
            tg.grad(lambda x, f=f: np.sum(tg.checkpoint(f)(x)))(np.ones(4))
