"""Training steps that hypothesis makes up: compiled and eager calls leave the same results, Tensors and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph import draws

SHAPES = [(3,), (2, 3), (), (1, 3), (2, 1)]


class Operands(NamedTuple):
    """The operands of a statement: two Tensors, two values that were computed before, the rate, and a number."""

    w: Any
    u: Any
    v: Any
    other: Any
    rate: Any
    number: float
    generator: Any


def plain(value: Any) -> Any:
    return value.data if isinstance(value, tg.Tensor) else value


def fitted(value: Any, w: Any) -> Any:
    """Something of a value in the shape of a Tensor."""
    value = plain(value)
    fits = np.broadcast_shapes(np.shape(value), w.shape) == w.shape
    return np.tanh((value if fits else np.sum(value)) + np.zeros(w.shape, w.dtype))


def under_no_grad(p: Operands) -> None:
    with tg.no_grad():
        w = p.w
        w -= p.rate * fitted(p.v, p.w)


def in_place(p: Operands) -> None:
    p.w.data -= p.rate * fitted(p.v, p.w)


def go_back(p: Operands) -> Any:
    loss = np.sum(p.v * p.w)
    if isinstance(loss, tg.Tensor) and loss.requires_grad:
        loss.backward(retain_graph=True)
        return loss.data * 1
    return None


def descend(p: Operands) -> None:
    if p.w.grad is not None:
        p.w.assign(p.w.data - p.rate * p.w.grad)


def clear(p: Operands) -> None:
    p.w.grad = None


def clip(p: Operands) -> None:
    if p.w.grad is not None:
        p.w.grad = np.clip(p.w.grad, -0.1, 0.1)


def scale(p: Operands) -> Any:
    if p.w.grad is None:
        return None
    before = p.w.grad
    p.w.grad *= p.number
    return before + p.w.grad


def written(p: Operands) -> Any:
    y = plain(p.v) * 2
    if np.ndim(y):
        y += p.number
    return y


# What a statement returns is a value for later ones.
STATEMENTS: dict[str, Callable[[Operands], Any]] = {
    "compute": lambda p: np.tanh(p.v * p.w + p.number),
    "assign": lambda p: p.w.assign(fitted(p.v, p.w)),
    "assign two": lambda p: (p.w.assign(fitted(p.v, p.w)), p.u.assign(p.u.data * p.number))[:0] or None,
    "assign one to the other": lambda p: p.w.assign(p.u.data * p.number if p.u.shape == p.w.shape else p.w.data),
    "in place": in_place, "under no_grad": under_no_grad, "go back": go_back, "descend": descend, "clear": clear,
    "clip": clip, "scale": scale, "written": written,
    "take": lambda p: p.w.data, "copy": lambda p: p.w.data.copy(),
    "draw": lambda p: draws.normal(p.generator, p.w.shape, p.w.dtype),
    "view": lambda p: p.v[..., ::-1] if np.ndim(p.v) else p.v, "last": lambda p: p.v[..., -1] if np.ndim(p.v) else p.v,
    "gradient": lambda p: tg.grad(lambda z: np.sum(np.tanh(z * p.number) ** 2))(p.w.data),
    "choose": lambda p: np.where(np.sum(plain(p.v)) > 0, p.w.data, p.w.data * p.number),
}  # fmt: skip


@st.composite
def steps(draw: Any) -> Any:
    """The shapes of Tensors, statements with what they work on, what is returned, and whether gradients are cleared."""
    place = st.integers(0, 20)
    return (
        draw(st.lists(st.tuples(st.sampled_from(SHAPES), st.booleans()), min_size=1, max_size=3)),
        draw(st.lists(st.tuples(st.sampled_from([*STATEMENTS]), place, place, st.sampled_from([0.5, -1.0, 2.0])),
                      min_size=2, max_size=10)),
        draw(st.lists(place, min_size=1, max_size=3)),
        draw(st.booleans()),
        draw(st.sampled_from([np.float64, np.float32])),
    )  # fmt: skip


def made(case: Any, compile_: Callable[..., Any]) -> tuple[Any, list[Any], Any]:
    """A step, its Tensors, and the generator that it draws from."""
    shapes, statements, returned, clears, dtype = case
    rng, generator = np.random.default_rng(0), np.random.default_rng(1)
    tensors = [tg.Tensor(rng.normal(size=s).astype(dtype), requires_grad=g or not i) for i, (s, g) in enumerate(shapes)]

    def step(x: Any, rate: Any) -> Any:
        values = [x, np.tanh(x) * rate]
        for name, i, j, number in statements:
            w, u = tensors[i % len(tensors)], tensors[j % len(tensors)]
            v, other = values[j % len(values)], values[i % len(values)]
            value = STATEMENTS[name](Operands(w, u, v, other, rate, number, generator))
            if value is not None:
                values.append(value)
        if clears:
            for tensor in tensors:
                tensor.grad = None
        chosen = [values[-1 - place % len(values)] for place in returned]
        return [plain(value) for value in chosen], tensors[0].data, tensors[0].data.T

    return compile_(step), tensors, generator


def state_of(tensors: list[Any]) -> list[Any]:
    return [*[t.data for t in tensors], *[np.zeros(0) if t.grad is None else t.grad for t in tensors]]


@given(steps())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_a_compiled_step_does_what_an_eager_one_does(case: Any) -> None:
    eager, theirs, their_generator = made(case, lambda step: step)
    compiled, ours, our_generator = made(case, tg.compile)
    kept: list[tuple[Any, Any]] = []
    x = np.random.default_rng(2).normal(size=(2, 3)).astype(case[-1])
    for call in range(3):
        given_x, rate = x * (call + 1), 0.1 * (call + 1)
        try:
            results, *data = eager(given_x.copy(), rate)
        except (tg.GraphError, tg.ShapeError, ValueError):  # shapes that do not fit, a gradient of what was overwritten
            return
        wanted = [np.array(item) for item in (*results, *data, *state_of(theirs))]
        try:
            results, *data = compiled(given_x, rate)
        except tg.UnsupportedError as error:
            assert "a view is used after" in str(error)
            return
        for got, expected in zip((*results, *data, *state_of(ours)), wanted, strict=True):
            assert np.shape(got) == expected.shape
            assert np.asarray(got).dtype == expected.dtype
            accuracy = 1e-3 if case[-1] is np.float32 else 1e-7
            np.testing.assert_allclose(got, expected, rtol=accuracy, atol=accuracy)
        for earlier, copy in kept:
            np.testing.assert_array_equal(earlier, copy, err_msg="a later call wrote into an earlier result")
        kept += [(item, np.array(item)) for item in (*results, *data)]
    assert our_generator.bit_generator.state == their_generator.bit_generator.state
